package server

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// view is what the status page shows (S-DASH-2): this condition, and the applications of the registry.
func (st *status) view(from string, apps []respcache.AppView) *dashboard.View {
	info := st.info()
	expired := map[heureka.Key]bool{}
	for i := range st.Held {
		expired[st.Held[i].Key] = true
	}
	v := &dashboard.View{
		Frame:      st.frame(from),
		Base:       st.cfg.apiPath(),
		Version:    st.cfg.Version,
		DataCenter: st.cfg.DataCenter,
		Now:        st.At,
		Uptime:     uptime(st.At.Sub(st.Started)),
		Phase:      string(st.Phase.Now),
		PhaseWhy:   st.Phase.Why,
		PhaseSince: st.Phase.Since,
		Reads:      st.Phase.Reads,
		Passing:    st.Passing,
		Renewals:   st.renewalsView(),
		General:    append(info.General, info.Application...),
		Own:        dashboard.OwnInfo(st.Own),
		Replicas:   st.replicas(),
	}
	for _, app := range apps {
		v.Apps = append(v.Apps, dashboard.NewApp(app.Name, app.Instances, expired))
	}
	return v
}

func (st *status) renewalsView() dashboard.Renewals {
	reg := &st.Registry
	r := dashboard.Renewals{
		LastMinute:      reg.RenewalsLastMinute,
		Expected:        reg.RenewalsExpected,
		Threshold:       reg.RenewalThreshold,
		ProtectionOn:    reg.SelfPreservationEnabled,
		BelowThreshold:  reg.BelowThreshold,
		EvictionAllowed: reg.EvictionAllowed,
		Why:             heldBack(reg),
		ProtectedSince:  reg.ProtectedSince,
		Exits:           st.exits(),
	}
	for _, n := range reg.Expired {
		r.Expired += n
	}
	if ev := reg.LastEviction; !reg.LastEvictionAt.IsZero() {
		r.LastEviction = fmt.Sprintf("%d of %d expired at %s", ev.Evicted, ev.Expired, reg.LastEvictionAt.Format(time.RFC3339))
	}
	return r
}

// lastN collects the recent registrations and cancels (S-DASH-4).
func (s *Server) lastN(w io.Writer, r *http.Request) error {
	registered, cancelled := s.reg.Recent()
	page := dashboard.LastN{Frame: s.status(0, time.Now()).frame(r.URL.Path), Registered: events(registered), Cancelled: events(cancelled)}
	return page.Render(w)
}

func events(in []registry.Event) []dashboard.Event {
	out := make([]dashboard.Event, len(in))
	for i, e := range in {
		out[i] = dashboard.Event{At: e.At, Key: e.Key, Why: cmp.Or(e.Reason, e.Origin.String())}
	}
	return out
}
