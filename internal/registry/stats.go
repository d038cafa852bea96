package registry

import (
	"time"

	"heureka.internal/heureka"
)

// Stats are the numbers that explain self-preservation, for status page, health and metrics.
type Stats struct {
	Instances                                             int
	Apps                                                  int
	Statuses                                              heureka.StatusCounts
	RenewalsLastMinute                                    int64
	RenewalsExpected                                      float64 // per minute, before the threshold factor
	RenewalThreshold                                      int64
	SelfPreservationEnabled                               bool
	BelowThreshold                                        bool      // S-SP-9
	EvictionAllowed                                       bool      // S-SP-8
	ProtectedSince                                        time.Time // zero while eviction is allowed
	Renewals, Registrations, Cancels, Evictions, NotFound uint64    // since start
	ReplicationsLastMinute                                int64
	LastEviction                                          Eviction
	LastEvictionAt                                        time.Time
}

// Stats returns the present numbers. ProtectedSince is when a lack of renewals was first noticed, by a tick, a query for
// an expired instance or a call of Stats or EvictionAllowed.
func (r *Registry) Stats(now time.Time) Stats {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		Instances:               r.Len(),
		Apps:                    len(r.apps),
		Statuses:                r.statuses,
		RenewalsLastMinute:      r.renewalsLastMinute(t),
		RenewalsExpected:        r.expected(),
		RenewalThreshold:        r.threshold(),
		SelfPreservationEnabled: !r.cfg.DisableSelfPreservation,
		BelowThreshold:          r.belowThreshold(t),
		EvictionAllowed:         r.evictionAllowed(t),
		Renewals:                r.renewals.total(),
		Registrations:           r.counters.registrations.Load(),
		Cancels:                 r.counters.cancels.Load(),
		Evictions:               r.counters.evictions.Load(),
		NotFound:                r.counters.notFound.Load(),
		ReplicationsLastMinute:  r.lastMinute(r.replications, t, 0),
		LastEviction:            r.lastTick.result,
		LastEvictionAt:          r.lastTick.at,
	}
	if since := r.guarded.Load(); since != nil && !s.EvictionAllowed {
		s.ProtectedSince = *since
	}
	return s
}
