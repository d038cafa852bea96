package server

import (
	"fmt"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// health is what probes see. A node is live while it runs; it is ready while it answers reads and is not stopping. Peers
// and self-preservation explain, they do not take a node out of service: any one node left is enough.
func (s *Server) health() httpapi.Health {
	now := time.Now()
	phase, why, since := s.phase.current()
	h := httpapi.Health{Liveness: httpapi.HealthUp, Readiness: httpapi.HealthOutOfService, Components: map[string]httpapi.Component{}}
	if phase == Open {
		h.Readiness = httpapi.HealthUp
	}
	details := map[string]any{"phase": string(phase), "why": why}
	if !since.IsZero() {
		details["since"] = since.UTC().Format(time.RFC3339)
	}
	h.Components["registry"] = httpapi.Component{Status: h.Readiness, Details: details}
	h.Components["selfPreservation"] = s.protectionHealth(now)
	h.Components["clock"] = s.clockHealth(now)
	if peers, ok := s.node.peersHealth(now); ok {
		h.Components["peers"] = peers
	}
	for name, r := range s.node.regions {
		h.Components["region-"+name] = r.health()
	}
	return h
}

// health shows how fresh the copy of a region is.
func (r *region) health() httpapi.Component {
	success, err := r.last()
	details := map[string]any{"url": r.conn.URL(), "loaded": r.loaded.Load()}
	if !success.IsZero() {
		details["lastSuccess"] = success.UTC().Format(time.RFC3339)
	}
	if err != nil {
		details["error"] = err.Error()
	}
	return httpapi.Component{Status: httpapi.HealthUp, Details: details}
}

// clockSample is how many records are looked at to judge this node's clock.
const clockSample = 500

// clockHealth doubts this node's clock when most records have stamps from its future. That takes nothing out of service.
func (s *Server) clockHealth(now time.Time) httpapi.Component {
	limit := now.Add(s.cfg.Limits.FutureStamp).UnixMilli()
	ahead, seen := 0, 0
	for rec := range s.reg.All() {
		if seen++; rec.Instance.LastDirtyMS > limit {
			ahead++
		}
		if seen == clockSample {
			break
		}
	}
	c := httpapi.Component{Status: httpapi.HealthUp, Details: map[string]any{"recordsLookedAt": seen, "stampsFromTheFuture": ahead}}
	if seen > 2 && 2*ahead > seen {
		c.Status = httpapi.HealthUnknown
		c.Details["hint"] = "most records were changed in this node's future: its clock must be slow"
	}
	return c
}

// protectionHealth shows the numbers behind the decision to evict or not.
func (s *Server) protectionHealth(now time.Time) httpapi.Component {
	st := s.reg.Stats(now)
	details := map[string]any{
		"enabled":             st.SelfPreservationEnabled,
		"active":              s.active(st),
		"evictionAllowed":     st.EvictionAllowed,
		"renewalsLastMinute":  st.RenewalsLastMinute,
		"renewalsExpected":    st.RenewalsExpected,
		"renewalThreshold":    st.RenewalThreshold,
		"instancesRegistered": st.Instances,
		"instancesOverdue":    st.Overdue,
		"minMissing":          st.MinMissing,
	}
	if held := s.heldNames(now); len(held) > 0 {
		details["expired"] = held
	}
	if exits := s.exits(st); exits != nil {
		details["exits"] = exits
	}
	if why := heldBack(st); why != "" {
		details["why"] = why
	}
	if !st.ProtectedSince.IsZero() {
		details["since"] = st.ProtectedSince.UTC().Format(time.RFC3339)
	}
	return httpapi.Component{Status: httpapi.HealthUp, Details: details}
}

// heldBack says why nothing is evicted now, "" if something may be.
func heldBack(st registry.Stats) string {
	switch {
	case st.EvictionAllowed:
		return ""
	case !st.CountingUntil.IsZero():
		return "no full minute counted yet; eviction decisions start at " + st.CountingUntil.Format(time.TimeOnly)
	case st.BelowThreshold:
		return fmt.Sprintf("too few heartbeats arrive: %d renewals in the last minute, evictions need more than %d", st.RenewalsLastMinute, st.RenewalThreshold)
	}
	return "this node is not open yet"
}
