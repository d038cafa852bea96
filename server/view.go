package server

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

func (c *Config) paths() dashboard.Paths {
	page := c.ContextPath + c.DashboardPath
	return dashboard.Paths{
		Page:  page,
		LastN: path.Join(page, "lastn"),
		API:   path.Join("/", c.ContextPath, "eureka"),
	}
}

// view is what the status page shows (S-DASH-2): this condition, and the applications of the registry.
func (st *status) view(apps []respcache.AppView) *dashboard.View {
	info := st.info()
	expired := map[heureka.Key]bool{}
	for i := range st.Held {
		expired[st.Held[i].Key] = true
	}
	v := &dashboard.View{
		Paths:       st.cfg.paths(),
		Version:     st.cfg.Version,
		Environment: st.cfg.Environment,
		DataCenter:  st.cfg.DataCenter,
		Now:         st.At,
		Uptime:      uptime(st.At.Sub(st.Started)),
		Phase:       string(st.Phase.Now),
		PhaseWhy:    st.Phase.Why,
		PhaseSince:  st.Phase.Since,
		Reads:       st.Phase.Reads,
		Renewals:    st.renewalsView(),
		General:     append(info.General, info.Application...),
		Own:         dashboard.OwnInfo(st.Own),
		Replicas:    st.replicas(),
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
func (s *Server) lastN() *dashboard.LastN {
	registered, cancelled := s.reg.Recent()
	return &dashboard.LastN{Paths: s.cfg.paths(), Registered: events(registered), Cancelled: events(cancelled)}
}

func events(in []registry.Event) []dashboard.Event {
	out := make([]dashboard.Event, len(in))
	for i, e := range in {
		out[i] = dashboard.Event{At: e.At, Key: e.Key, Why: cmp.Or(e.Reason, e.Origin.String())}
	}
	return out
}
