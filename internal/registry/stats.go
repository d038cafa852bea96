package registry

import (
	"maps"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka"
)

// Stats are the numbers that explain self-preservation, for status page, health and metrics.
type Stats struct {
	Instances                                             int
	Apps                                                  int
	Statuses                                              heureka.StatusCounts
	RenewalsLastMinute                                    int64   // of leases that are not overdue
	RenewalsExpected                                      float64 // per minute, before the threshold factor
	RenewalThreshold                                      int64
	SelfPreservationEnabled                               bool
	BelowThreshold                                        bool       // S-SP-9
	EvictionAllowed                                       bool       // S-SP-8
	ProtectedSince                                        time.Time  // zero while eviction is allowed
	CountingUntil                                         time.Time  // with CountBeats, until the first minute is over: when that is
	Renewals, Registrations, Cancels, Evictions, NotFound uint64     // since start
	OfPeers                                               Operations // those of them that peers sent
	ReplicationsLastMinute                                int64
	Overdue                                               int            // leases, without those of the ring's nodes
	MinMissing                                            int            // of which must be overdue for protection to begin
	Expired                                               map[string]int // leases that ran out and are still listed, by application; nil if none
	LastEviction                                          Eviction
	LastEvictionAt                                        time.Time
}

// Operations are how many there were since the start.
type Operations struct{ Renewals, Registrations, Cancels uint64 }

// AppCounts are the instances of an application.
type AppCounts struct {
	App      string
	Statuses heureka.StatusCounts
}

// Stats returns the present numbers. ProtectedSince is when a lack of renewals was first noticed, by a tick, a query for
// an expired instance or a call of Stats or EvictionAllowed.
func (r *Registry) Stats(now time.Time) Stats {
	st, _ := r.Condition(0, now)
	return st
}

// Condition returns the present numbers with the leases that ran out and are still listed, the longest silent first: all of
// them, or most of those that were found first. Numbers and leases are of one moment.
func (r *Registry) Condition(most int, now time.Time) (Stats, []Silent) {
	t := r.instant(now)
	r.observe(t)
	st, expired := r.condition(most, t)
	slices.SortFunc(expired, longestSilentFirst)
	return st, expired
}

func (r *Registry) condition(most int, t instant) (Stats, []Silent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats(t), r.someExpired(most, t)
}

// ConditionByApp returns the present numbers with the statuses of all applications, by name. Both are of one moment: they add
// up to the same.
func (r *Registry) ConditionByApp(now time.Time) (Stats, []AppCounts) {
	t := r.instant(now)
	r.observe(t)
	st, apps := r.conditionByApp(t)
	slices.SortFunc(apps, func(a, b AppCounts) int { return strings.Compare(a.App, b.App) })
	return st, apps
}

func (r *Registry) conditionByApp(t instant) (Stats, []AppCounts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	apps := make([]AppCounts, 0, len(r.apps))
	for _, a := range r.apps {
		apps = append(apps, AppCounts{a.name, a.statuses})
	}
	return r.stats(t), apps
}

// stats returns the numbers. With mu held.
func (r *Registry) stats(t instant) Stats {
	s := Stats{
		Instances:               r.Len(),
		Apps:                    len(r.apps),
		Statuses:                r.statuses,
		RenewalsLastMinute:      int64(r.renewalsLastMinute(t)),
		RenewalsExpected:        r.expected(),
		RenewalThreshold:        r.threshold(),
		SelfPreservationEnabled: !r.cfg.DisableSelfPreservation,
		BelowThreshold:          r.warns(t),
		EvictionAllowed:         r.evictionAllowed(t),
		OfPeers:                 Operations{r.counters.peerRenewals.Load(), r.counters.peerRegistrations.Load(), r.counters.peerCancels.Load()},
		Renewals:                r.renewals.total(),
		Registrations:           r.counters.registrations.Load(),
		Cancels:                 r.counters.cancels.Load(),
		Evictions:               r.counters.evictions.Load(),
		NotFound:                r.counters.notFound.Load(),
		ReplicationsLastMinute:  r.replicationsLastMinute(t),
		Overdue:                 int(r.silence.leases.Load()),
		MinMissing:              r.cfg.MinMissing,
		Expired:                 r.expiredByApp(),
		LastEviction:            r.lastTick.result,
		LastEvictionAt:          r.lastTick.at,
	}
	if since := r.guarded.Load(); since != nil && !s.EvictionAllowed {
		s.ProtectedSince = *since
	}
	s.CountingUntil = r.countingUntil(t)
	return s
}

// countingUntil returns when the first minute of beats is over; zero once it is, and where no beats are counted.
func (r *Registry) countingUntil(t instant) time.Time {
	start := r.metering.Load()
	left := time.Duration(start) + time.Minute - t.at
	if !r.cfg.CountBeats || start == notOpened || left <= 0 {
		return time.Time{}
	}
	return t.wall.Add(left)
}

// expiredByApp copies the numbers of leases that ran out. With mu held.
func (r *Registry) expiredByApp() map[string]int {
	if len(r.wheel.expired) == 0 {
		return nil
	}
	return maps.Clone(r.wheel.expired)
}
