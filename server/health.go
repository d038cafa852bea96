package server

import (
	"fmt"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// health is what probes see. A node is live while it runs; it is ready while it answers reads and is not stopping. Peers
// and self-preservation explain, they do not take a node out of service: any one node left is enough.
func (s *Server) health() httpapi.Health { return s.status(healthHeld, time.Now()).health() }

func (st *status) health() httpapi.Health {
	h := httpapi.Health{Liveness: httpapi.HealthUp, Readiness: httpapi.HealthOutOfService, Components: map[string]httpapi.Component{}}
	if st.Phase.Now == Open {
		h.Readiness = httpapi.HealthUp
	}
	details := map[string]any{"phase": string(st.Phase.Now), "why": st.Phase.Why}
	if !st.Phase.Since.IsZero() {
		details["since"] = st.Phase.Since.UTC().Format(time.RFC3339)
	}
	h.Components["registry"] = httpapi.Component{Status: h.Readiness, Details: details}
	h.Components["selfPreservation"] = st.protectionHealth()
	h.Components["clock"] = st.Stamps.health()
	if st.Ring {
		h.Components["peers"] = st.peersHealth()
	}
	if st.Kept != nil {
		h.Components["snapshot"] = st.Kept.health(st.At)
	}
	for i := range st.Regions {
		h.Components["region-"+st.Regions[i].Name] = st.Regions[i].health()
	}
	return h
}

// health shows how fresh the copy of a region is.
func (r *regionStatus) health() httpapi.Component {
	details := map[string]any{"url": r.URL, "loaded": r.Loaded}
	if !r.LastSuccess.IsZero() {
		details["lastSuccess"] = r.LastSuccess.UTC().Format(time.RFC3339)
	}
	if r.Err != nil {
		details["error"] = r.Err.Error()
	}
	return httpapi.Component{Status: httpapi.HealthUp, Details: details}
}

// clockSample is how many records are looked at to judge this node's clock.
const clockSample = 500

// stamps are how many of a sample of the records were changed in this node's future.
type stamps struct{ Seen, Ahead int }

func (s *Server) stamps(now time.Time) (found stamps) {
	limit := now.Add(s.node.limits.Load().FutureStamp).UnixMilli()
	for rec := range s.reg.All() {
		if found.Seen++; rec.LastDirtyMS() > limit {
			found.Ahead++
		}
		if found.Seen == clockSample {
			break
		}
	}
	return found
}

// health doubts this node's clock when most records have stamps from its future. That takes nothing out of service.
func (s stamps) health() httpapi.Component {
	c := httpapi.Component{Status: httpapi.HealthUp, Details: map[string]any{"recordsLookedAt": s.Seen, "stampsFromTheFuture": s.Ahead}}
	if s.Seen > 2 && 2*s.Ahead > s.Seen {
		c.Status = httpapi.HealthUnknown
		c.Details["hint"] = "most records have timestamps in the future: this node's clock is probably slow"
	}
	return c
}

// protectionHealth shows the numbers behind the decision to evict or not.
func (st *status) protectionHealth() httpapi.Component {
	reg := &st.Registry
	details := map[string]any{
		"enabled":             reg.SelfPreservationEnabled,
		"active":              st.protects(),
		"evictionAllowed":     reg.EvictionAllowed,
		"renewalsLastMinute":  reg.RenewalsLastMinute,
		"renewalsExpected":    reg.RenewalsExpected,
		"renewalThreshold":    reg.RenewalThreshold,
		"instancesRegistered": reg.Instances,
		"instancesOverdue":    reg.Overdue,
		"minMissing":          reg.MinMissing,
	}
	if held := st.heldNames(); len(held) > 0 {
		details["expired"] = held
	}
	if exits := st.exits(); exits != nil {
		details["exits"] = exits
	}
	if why := heldBack(reg); why != "" {
		details["why"] = why
	}
	if !reg.ProtectedSince.IsZero() {
		details["since"] = reg.ProtectedSince.UTC().Format(time.RFC3339)
	}
	return httpapi.Component{Status: httpapi.HealthUp, Details: details}
}

// heldBack says why nothing is evicted now, "" if something may be.
func heldBack(st *registry.Stats) string {
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
