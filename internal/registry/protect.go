package registry

import (
	"math"
	"time"

	"heureka.internal/heureka"
)

const (
	notOpened = math.MinInt64

	// probation is how long a new instance does not count towards a warning: it has not had the time to renew its lease
	// as often as it will.
	probation = 90 * time.Second

	// birthUnit is what the meter of births counts, in millionths of a renewal a minute.
	birthUnit = 100_000
)

// rateOf returns how many renewals a minute are expected of a lease, in millionths.
func rateOf(info heureka.LeaseInfo) int64 { return 60_000_000 / info.RenewalIntervalSecs }

// countRenewal counts a heartbeat, whether from a client or a peer (S-RENEW-4), of an instance in this bucket.
func (r *Registry) countRenewal(bucket int, t instant) {
	r.renewals[bucket%meterParts].add(r.meterSlot(t, r.metering.Load()), 1)
}

// countReplication counts an operation that came from a peer (S-REPL-2b).
func (r *Registry) countReplication(t instant) { r.replications[0].add(r.meterSlot(t, 0), 1) }

// meterSlot returns the slot in which meters count now; start is where completed minutes begin.
func (r *Registry) meterSlot(t instant, start int64) uint32 {
	switch {
	case !r.cfg.CompletedMinuteMeter:
		return secondOf(t.at)
	case start == notOpened:
		return slotBase
	}
	return minuteOf(t.at, time.Duration(start))
}

// lastMinute returns what a meter shows now.
func (r *Registry) lastMinute(m meter, t instant, start int64) int64 {
	switch {
	case !r.cfg.CompletedMinuteMeter:
		return m.slidingMinute(t.at)
	case start == notOpened:
		return 0
	}
	return m.completedMinute(t.at, time.Duration(start))
}

// renewalsLastMinute returns how many heartbeats arrived in the last minute.
func (r *Registry) renewalsLastMinute(t instant) int64 {
	return r.lastMinute(r.renewals, t, r.metering.Load())
}

// expected returns how many renewals a minute should arrive: the sum over all leases, each at its own interval, or with
// CountClients all clients at the same interval (S-SP-2).
func (r *Registry) expected() float64 {
	if !r.cfg.CountClients {
		return float64(r.rate.Load()) / 1e6
	}
	return float64(r.clients.Load()) * (60.0 / r.cfg.ExpectedClientInterval.Seconds())
}

// threshold returns the number of renewals a minute that must be exceeded for evictions to go on.
func (r *Registry) threshold() int64 { return int64(r.expected() * r.cfg.RenewalPercentThreshold) }

// countClient follows the number of clients that are believed to send heartbeats. Once it is zero it stays there until
// it is set (S-SP-3).
func (r *Registry) countClient(n int64) {
	if c := r.clients.Load(); c > 0 {
		r.clients.Store(c + n)
	}
}

// OpenForTraffic says that the start-up sync is over. Counting of the first minute starts, and no instance is evicted
// before it is over. With CountClients, count is how many clients are expected (S-BOOT-8); otherwise the leases
// themselves say that and count is not used. What was protected until now was so for want of a count, which is not what
// SelfPreservationMaxDuration limits.
func (r *Registry) OpenForTraffic(count int, now time.Time) {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients.Store(int64(count))
	r.metering.CompareAndSwap(notOpened, int64(t.at))
	r.opened.Store(int64(t.at))
	r.guarded.Store(nil)
}

// UpdateThreshold corrects the number of expected clients, with CountClients: it becomes the number of leases if that is
// more than the threshold's share of it, so that it is never lowered by much while protection is on (S-SP-4); leases are
// counted, not a client's view of them (S-DEF-22). It is to be called every 15 minutes. Without CountClients the
// expectation is always exact and there is nothing to correct.
func (r *Registry) UpdateThreshold(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.size.Load()
	if r.cfg.DisableSelfPreservation || float64(c) > r.cfg.RenewalPercentThreshold*float64(r.clients.Load()) {
		r.clients.Store(c)
	}
}

// EvictionAllowed reports whether leases may run out now (S-SP-8). They may not while too few renewals arrive, that is no
// more than the threshold: then it is more likely that this node cannot hear its clients than that so many died at once.
// There is no hysteresis: enough renewals end the protection. Two conditions are added in the default setting: nothing
// is evicted before a full minute has been counted, and an empty registry needs no renewals. With
// SelfPreservationMaxDuration, leases may run out again after that much protection, at the usual share a tick.
func (r *Registry) EvictionAllowed(now time.Time) bool { return r.evictionAllowed(r.instant(now)) }

func (r *Registry) evictionAllowed(t instant) bool {
	if r.cfg.DisableSelfPreservation {
		return true
	}
	if r.enoughRenewals(t) {
		r.guarded.Store(nil)
		return true
	}
	since := r.guardedSince(t.wall)
	limit := r.cfg.SelfPreservationMaxDuration
	return limit > 0 && t.wall.Sub(since) >= limit
}

// guardedSince returns when it was first noticed that too few renewals arrive, which is now if nobody has.
func (r *Registry) guardedSince(now time.Time) time.Time {
	if since := r.guarded.Load(); since != nil {
		return *since
	}
	r.guarded.CompareAndSwap(nil, new(now))
	return now
}

// enoughRenewals compares the renewals of the last minute with the threshold.
func (r *Registry) enoughRenewals(t instant) bool {
	threshold := r.threshold()
	if r.cfg.CountClients {
		return threshold > 0 && r.renewalsLastMinute(t) > threshold
	}
	if r.size.Load() == 0 {
		return true
	}
	return r.openFor(t, time.Minute) && r.renewalsLastMinute(t) > threshold
}

// openFor reports whether the registry has been open for traffic for d.
func (r *Registry) openFor(t instant, d time.Duration) bool {
	opened := r.opened.Load()
	return opened != notOpened && t.at-time.Duration(opened) >= d
}

// belowThreshold reports whether people should be warned that too few renewals arrive (S-SP-9). The reference waits five
// minutes after its opening. In the default setting only instances count that had the time to renew their leases, so
// that neither a start nor a small fleet that grows looks like an emergency, and an empty registry is none. With mu held.
func (r *Registry) belowThreshold(t instant) bool {
	renewals := r.renewalsLastMinute(t)
	if r.cfg.CountClients {
		return renewals <= r.threshold() && r.openFor(t, r.cfg.WarnAfter+1)
	}
	now := secondOf(t.at)
	young := float64(r.births.sum(now-uint32(probation/time.Second)+1, now)) * birthUnit / 1e6
	threshold := int64((r.expected() - young) * r.cfg.RenewalPercentThreshold)
	return threshold > 0 && renewals <= threshold && r.openFor(t, probation)
}
