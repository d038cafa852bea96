package server

import (
	"cmp"
	"fmt"
	"path"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/registry"
)

func (s *Server) paths() dashboard.Paths {
	page := s.cfg.ContextPath + s.cfg.DashboardPath
	return dashboard.Paths{
		Page:  page,
		LastN: path.Join(page, "lastn"),
		API:   path.Join("/", s.cfg.ContextPath, "eureka"),
	}
}

// view collects what the status page shows at this moment (S-DASH-2).
func (s *Server) view(now time.Time) *dashboard.View {
	st := s.reg.Stats(now)
	phase, why, since := s.phase.current()
	info := s.node.StatusInfo()
	expired := s.expiredKeys(now)
	v := &dashboard.View{
		Paths:       s.paths(),
		Version:     s.cfg.Version,
		Environment: s.cfg.Environment,
		DataCenter:  s.cfg.DataCenter,
		Now:         now,
		Uptime:      uptime(now.Sub(s.node.started)),
		Phase:       string(phase),
		PhaseWhy:    why,
		PhaseSince:  since,
		Reads:       s.phase.readsAllowed(),
		Renewals:    s.renewalsView(st),
		General:     append(info.General, info.Application...),
		Own:         dashboard.OwnInfo(info.Instance),
		Replicas:    s.node.replicas(now),
	}
	for _, app := range s.cache.Apps() {
		v.Apps = append(v.Apps, dashboard.NewApp(app.Name, app.Instances, expired))
	}
	return v
}

// expiredKeys returns which leases ran out, as many as the page can show at most.
func (s *Server) expiredKeys(now time.Time) map[heureka.Key]bool {
	const most = 2000
	keys := map[heureka.Key]bool{}
	for _, l := range s.reg.Expired(most, now) {
		keys[l.Key] = true
	}
	return keys
}

func (s *Server) renewalsView(st registry.Stats) dashboard.Renewals {
	r := dashboard.Renewals{
		LastMinute:      st.RenewalsLastMinute,
		Expected:        st.RenewalsExpected,
		Threshold:       st.RenewalThreshold,
		ProtectionOn:    st.SelfPreservationEnabled,
		BelowThreshold:  st.BelowThreshold,
		EvictionAllowed: st.EvictionAllowed,
		Why:             heldBack(st),
		ProtectedSince:  st.ProtectedSince,
		Exits:           s.exits(st),
	}
	for _, n := range st.Expired {
		r.Expired += n
	}
	if ev := st.LastEviction; !st.LastEvictionAt.IsZero() {
		r.LastEviction = fmt.Sprintf("%d of %d expired at %s", ev.Evicted, ev.Expired, st.LastEvictionAt.Format(time.RFC3339))
	}
	return r
}

// lastN collects the recent registrations and cancels (S-DASH-4).
func (s *Server) lastN() *dashboard.LastN {
	registered, cancelled := s.reg.Recent()
	return &dashboard.LastN{Paths: s.paths(), Registered: events(registered), Cancelled: events(cancelled)}
}

func events(in []registry.Event) []dashboard.Event {
	out := make([]dashboard.Event, len(in))
	for i, e := range in {
		out[i] = dashboard.Event{At: e.At, Key: e.Key, Why: cmp.Or(e.Reason, e.Origin.String())}
	}
	return out
}
