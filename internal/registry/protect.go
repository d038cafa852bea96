package registry

import (
	"math"
	"time"
)

const notOpened = math.MinInt64

// countRenewal counts a heartbeat, whether from a client or a peer (S-RENEW-4), of an instance in this bucket.
func (r *Registry) countRenewal(bucket int, t instant) {
	part := &r.renewals[bucket%meterParts]
	if r.cfg.CountBeats {
		part.add(r.minute(t, r.metering.Load()), 1)
	} else {
		part.total.Add(1)
	}
}

// countReplication counts an operation that came from a peer (S-REPL-2b).
func (r *Registry) countReplication(t instant) {
	if r.cfg.CountBeats {
		r.replications[0].add(r.minute(t, 0), 1)
	} else {
		r.replications[0].add(secondOf(t.at), 1)
	}
}

// minute returns the slot in which beats count now; start is where completed minutes begin.
func (r *Registry) minute(t instant, start int64) uint32 {
	if start == notOpened {
		return slotBase
	}
	return minuteOf(t.at, time.Duration(start))
}

// replicationsLastMinute returns how many operations of the last minute came from peers.
func (r *Registry) replicationsLastMinute(t instant) int64 {
	if r.cfg.CountBeats {
		return r.replications.completedMinute(t.at, 0)
	}
	return r.replications.slidingMinute(t.at)
}

// renewalsLastMinute returns the heartbeats a minute that can be relied on: those of the leases that are not overdue, or
// with CountBeats those that arrived in the last completed minute.
func (r *Registry) renewalsLastMinute(t instant) float64 {
	if !r.cfg.CountBeats {
		return float64(max(r.rate.Load()-r.silence.weight.Load(), 0)) / 1e6
	}
	start := r.metering.Load()
	if start == notOpened {
		return 0
	}
	return float64(r.renewals.completedMinute(t.at, time.Duration(start)))
}

// expected returns how many renewals a minute should arrive: the weight of all leases, or with CountBeats all clients at
// the same interval (S-SP-2).
func (r *Registry) expected() float64 {
	if !r.cfg.CountBeats {
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

// OpenForTraffic says that the start-up sync is over: instances may be evicted. With CountBeats, counting of the first
// minute starts and count is how many clients are expected (S-BOOT-8); otherwise the leases themselves say that and count
// is not used. What was protected until now was so for want of a count, which is not what
// SelfPreservationMaxDuration limits.
func (r *Registry) OpenForTraffic(count int, now time.Time) {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients.Store(int64(count))
	r.metering.CompareAndSwap(notOpened, int64(t.at))
	r.opened.Store(int64(t.at))
	r.guarded.Store(nil)
	r.liftRestored(t)
}

// UpdateThreshold corrects the number of expected clients, with CountBeats: it becomes the number of leases if that is
// more than the threshold's share of it, so that it is never lowered by much while protection is on (S-SP-4); leases are
// counted, not a client's view of them (S-DEF-22). It is to be called every 15 minutes. Without CountBeats the
// expectation is always exact and there is nothing to correct.
func (r *Registry) UpdateThreshold(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.size.Load()
	if r.cfg.DisableSelfPreservation || float64(c) > r.cfg.RenewalPercentThreshold*float64(r.clients.Load()) {
		r.clients.Store(c)
	}
}

// EvictionAllowed reports whether leases may run out now (S-SP-8). They may not while too few of them are renewed, that is
// no more than the threshold: then it is more likely that this node cannot hear its clients than that so many died at
// once. There is no hysteresis: enough renewals end the protection. Three conditions are added in the default setting:
// fewer leases than MinMissing are no network fault, nothing is evicted before the opening, and an empty registry needs no
// renewals. With SelfPreservationMaxDuration, leases may run out again after that much protection, at the usual share a
// tick.
func (r *Registry) EvictionAllowed(now time.Time) bool {
	t := r.instant(now)
	r.observe(t)
	return r.evictionAllowed(t)
}

func (r *Registry) evictionAllowed(t instant) bool {
	if r.cfg.DisableSelfPreservation {
		return true
	}
	if r.enoughRenewals(t) {
		r.endProtection(t)
		return true
	}
	since := r.guardedSince(t.wall)
	limit := r.cfg.SelfPreservationMaxDuration
	return limit > 0 && t.wall.Sub(since) >= limit
}

// A protection is one that has ended, since the epoch.
type protection struct{ from, to time.Duration }

// endProtection notes that enough renewals arrive, if there were too few before.
func (r *Registry) endProtection(t instant) {
	if since := r.guarded.Load(); since != nil && r.guarded.CompareAndSwap(since, nil) {
		r.protection.Store(&protection{t.at - t.wall.Sub(*since), t.at})
	}
}

// recovers reports whether a lease ran out in the last protection, which may have been noticed late, or since, and its holder has
// not had the time to be heard again: protection ends when most are. The reference's meter lags by a minute, which does the same
// for its clients.
func (r *Registry) recovers(beat int64, v *stored, t instant) bool {
	p := r.protection.Load()
	if p == nil || r.cfg.CountBeats {
		return false
	}
	enough := min(v.patience(), v.life())
	return t.at < p.to+enough && expiry(beat, v.life(), r.cfg.DoubledLeases) >= p.from-enough
}

// guardedSince returns when it was first noticed that too few renewals arrive, which is now if nobody has.
func (r *Registry) guardedSince(now time.Time) time.Time {
	if since := r.guarded.Load(); since != nil {
		return *since
	}
	r.guarded.CompareAndSwap(nil, new(now))
	return now
}

// enoughRenewals reports whether so many leases are renewed that those which are not have probably died.
func (r *Registry) enoughRenewals(t instant) bool {
	if r.cfg.CountBeats {
		return r.threshold() > 0 && !r.belowThreshold(t)
	}
	return r.rate.Load() == 0 || r.opened.Load() != notOpened && !r.belowThreshold(t)
}

// belowThreshold compares what is renewed with the threshold. A loss of fewer leases than MinMissing does not count.
func (r *Registry) belowThreshold(t instant) bool {
	if most := int64(r.cfg.MinMissing); most > 1 && r.silence.leases.Load() < most {
		return false
	}
	return r.renewalsLastMinute(t) <= float64(r.threshold()) && (r.cfg.CountBeats || r.rate.Load() > 0)
}

// warns reports whether people should be warned that too few renewals arrive (S-SP-9). The reference waits five minutes
// after its opening, in which its meter knows nothing.
func (r *Registry) warns(t instant) bool {
	opened := r.opened.Load()
	if opened == notOpened || r.cfg.CountBeats && t.at-time.Duration(opened) <= r.cfg.WarnAfter {
		return false
	}
	return r.belowThreshold(t)
}
