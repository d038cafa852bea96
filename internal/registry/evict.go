package registry

import (
	"fmt"
	"slices"
	"time"

	"heureka.internal/heureka"
)

// An Eviction says what one tick did and why.
type Eviction struct {
	Allowed      bool
	Expired      int // leases that had run out
	Limit        int // how many one tick may evict
	Evicted      int
	Released     bool          // what was evicted was held, and given up by Release
	Compensation time.Duration // by how much leases were extended because the tick was late (S-EVICT-5)
}

// lastTick is what Stats tells about the last tick.
type lastTick struct {
	result Eviction
	at     time.Time
	since  time.Duration // time since the epoch at which it ran; valid if at is not zero
}

// evictionBatch is how many instances are evicted before other writers get their turn.
const evictionBatch = 64

// Evict removes instances whose leases have run out: at most as many as the renewal threshold leaves (S-EVICT-3), chosen
// at random, so that a mass expiry does not take whole applications (S-EVICT-4), and none while too few renewals arrive
// (S-SP-8). It is to be called every EvictionInterval; if it is called later, every lease is extended by the delay, so
// that a process that was stopped does not evict everybody when it resumes. Evictions are not replicated (S-CANCEL-3).
func (r *Registry) Evict(now time.Time) Eviction { return r.CarryOut(r.PlanEviction(now), now) }

// A Plan is whom a tick is to evict, for those who ask somebody else about them first.
type Plan struct {
	eviction Eviction
	chosen   []candidate
	at       instant

	AskedBy *Origin // whose wish it is; nil: its time has come
}

// Keys returns whom it is about.
func (p *Plan) Keys() []heureka.Key {
	keys := make([]heureka.Key, len(p.chosen))
	for i := range keys {
		keys[i] = p.chosen[i].lease.key
	}
	return keys
}

// PlanEviction is the first half of Evict: it chooses, and changes nothing.
func (r *Registry) PlanEviction(now time.Time) *Plan {
	t := r.instant(now)
	for r.stepWheel(t, true) {
	}
	p := &Plan{at: t}
	p.eviction, p.chosen = r.choose(t)
	return p
}

// CarryOut is the second half: it evicts whom p names, but those that have been heard since.
func (r *Registry) CarryOut(p *Plan, now time.Time) Eviction {
	t, e := r.instant(now), p.eviction
	for chosen := p.chosen; len(chosen) > 0; {
		n := min(len(chosen), evictionBatch)
		e.Evicted += r.evictAll(chosen[:n], p.wish()+r.releaseOf(&e), t)
		chosen = chosen[n:]
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetTombstones(t.at)
	r.forgetParked(t.at)
	r.lastTick = lastTick{result: e, at: p.at.wall, since: p.at.at}
	return e
}

// wish is what the reasons of evictions say of who asked for them.
func (p *Plan) wish() string {
	if p.AskedBy == nil {
		return ""
	}
	return ", asked for by " + p.AskedBy.String()
}

// releaseOf is what they say of who has released a protection.
func (r *Registry) releaseOf(e *Eviction) string {
	if !e.Released {
		return ""
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return ", released by " + r.releasedBy.String()
}

// A candidate is a lease with the beat for which it was found to have run out.
type candidate struct {
	lease *lease
	beat  int64
}

// choose returns the leases to evict in this tick.
func (r *Registry) choose(t instant) (Eviction, []candidate) {
	allowed := r.evictionAllowed(t)
	r.mu.Lock()
	defer r.mu.Unlock()
	e := Eviction{Allowed: allowed, Compensation: r.compensation(t)}
	expired := r.expiredLeases(t, e.Compensation)
	size := r.Len()
	e.Expired = len(expired)
	e.Limit = size - int(float64(size)*r.cfg.RenewalPercentThreshold)
	if allowed {
		expired = slices.DeleteFunc(expired, func(c candidate) bool { return r.recovers(c.beat, c.lease.current.Load(), t) })
	} else {
		expired = r.ofReleased(expired)
		e.Released = len(expired) > 0
	}
	return e, r.draw(expired, min(len(expired), e.Limit))
}

// compensation returns by how much this tick is late. With mu held.
func (r *Registry) compensation(t instant) time.Duration {
	if r.lastTick.at.IsZero() {
		return 0
	}
	return max(0, t.at-r.lastTick.since-r.cfg.EvictionInterval)
}

// expiredLeases goes through the leases that ran out and returns those that did more than grace ago. Those that have been
// renewed since the wheel was looked at go back to their slots. With mu held.
func (r *Registry) expiredLeases(t instant, grace time.Duration) []candidate {
	var out []candidate
	for l := r.wheel.heads[expiredSlot]; l != nil; {
		next := l.wheelNext
		beat := l.beat.Load()
		at := expiry(beat, l.current.Load().life(), r.cfg.DoubledLeases)
		switch {
		case at >= t.at:
			r.reseat(l, t.at)
		case at+grace < t.at:
			out = append(out, candidate{l, beat})
		}
		l = next
	}
	return out
}

// draw moves n candidates, drawn at random without replacement, to the front and returns them. With mu held.
func (r *Registry) draw(all []candidate, n int) []candidate {
	for i := range n {
		j := i + r.rand.IntN(len(all)-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:n]
}

// evictAll removes those of the leases that have not been renewed since they were chosen, and returns how many. Why is added to their
// reasons.
func (r *Registry) evictAll(chosen []candidate, why string, t instant) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range chosen {
		if !c.lease.end(c.beat) {
			continue
		}
		v := c.lease.current.Load()
		r.keepClear(c.lease.key, v, t)
		r.drop(c.lease, Change{
			Kind: Evicted, Origin: FromNode, At: t.wall, Key: c.lease.key,
			Reason: r.reason(c.beat, v.life(), t) + why, LastBeat: r.heartbeat(c, t),
		})
		n++
	}
	r.counters.evictions.Add(uint64(n))
	return n
}

// keepClear remembers that an override was removed of an instance that is evicted, so that what another node has not heard of that
// yet does not bring the override back with it. An override that is set goes with its lease. With mu held.
func (r *Registry) keepClear(key heureka.Key, v *stored, t instant) {
	if o := v.override(); o.commanded() && !o.set {
		r.bury(key, tombstone{state{override: o, position: position{tombstone: true}}, t.at}, true)
	}
}

// Expire evicts one instance, whatever its lease and the threshold say. It reports false if there is none.
func (r *Registry) Expire(key heureka.Key, now time.Time) bool {
	t := r.instant(now)
	for {
		r.mu.Lock()
		l := r.index.find(key)
		r.mu.Unlock()
		if l == nil {
			return false
		}
		if r.evictAll([]candidate{{l, l.beat.Load()}}, "", t) == 1 { // else a heartbeat came between
			return true
		}
	}
}

// heartbeat returns the last one of a lease that has ended.
func (r *Registry) heartbeat(c candidate, t instant) Heartbeat {
	h := r.tellers.heartbeat(c.lease.heardFrom())
	if isRenewal(c.beat) {
		h.At = t.wall.Add(beatTime(c.beat) - t.at)
	}
	if age, ok := c.lease.restoredAge(t); ok {
		h.At = t.wall.Add(-age)
	}
	return h
}

// reason says for people why a lease has ended.
func (r *Registry) reason(beat int64, life time.Duration, t instant) string {
	silent := (t.at - beatTime(beat)).Round(time.Second)
	if r.cfg.DoubledLeases && isRenewal(beat) {
		return fmt.Sprintf("no heartbeat for %v, lease of %v doubled", silent, life)
	}
	return fmt.Sprintf("no heartbeat for %v, lease of %v", silent, life)
}
