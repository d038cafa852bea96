package registry

import (
	"sync/atomic"
	"time"
)

const (
	// mostBeats is how many heartbeats a minute a lease counts for at most: who beats faster is no more alive.
	mostBeats = 12

	// leastPatience is the least delay after which a heartbeat is overdue: a pause for garbage is no silence.
	leastPatience = time.Second
)

// weightOf returns for how many heartbeats a minute, in millionths, a lease counts. The ring's own nodes count for
// nothing: replication knows better whether they live.
func (r *Registry) weightOf(app string, v *stored) int64 {
	if app == r.cfg.OwnApp {
		return 0
	}
	return min(60_000_000/int64(v.intervalSecs), mostBeats*1_000_000)
}

// patience is how long after its last sign of life a lease is overdue: one interval and a half. A fleet that falls silent
// at once is overdue as a whole before the first of its leases runs out, if leases last two and a half intervals.
func (v *stored) patience() time.Duration {
	interval := time.Duration(v.intervalSecs) * time.Second
	return interval + max(interval/2, leastPatience)
}

// A silence counts the leases that are overdue. A heartbeat ends that of its lease with one word compared and swapped, so
// that it needs no lock and nobody has to go through the leases to count them.
type silence struct {
	weight atomic.Int64          // of all overdue leases
	leases atomic.Int64          // that are overdue and weigh something
	back   atomic.Pointer[lease] // those heard again since the wheel was looked at last, linked by lease.nextBack
}

// States of lease.silent, beside one more than the weight for which it is counted as overdue.
const (
	audible  = 0
	returned = -1 // audible, and listed in silence.back
)

// begin counts l as overdue since the beat.
func (s *silence) begin(l *lease, beat, weight int64) {
	if !l.silent.CompareAndSwap(audible, weight+1) {
		return
	}
	s.add(weight, 1)
	if l.beat.Load() != beat { // the heartbeat may have come too early to see that it ends a silence
		s.end(l)
	}
}

// end is for a lease that has been heard.
func (s *silence) end(l *lease) {
	w := l.silent.Load()
	if w <= audible || !l.silent.CompareAndSwap(w, returned) {
		return
	}
	s.add(w-1, -1)
	for {
		l.nextBack = s.back.Load()
		if s.back.CompareAndSwap(l.nextBack, l) {
			return
		}
	}
}

// forget stops counting l, which goes or is looked at anew.
func (s *silence) forget(l *lease) {
	if w := l.silent.Load(); w > audible && l.silent.CompareAndSwap(w, audible) {
		s.add(w-1, -1)
	}
}

func (s *silence) add(weight, sign int64) {
	s.weight.Add(sign * weight)
	if weight > 0 {
		s.leases.Add(sign)
	}
}

// renew extends a lease unless it has ended, and ends its silence.
func (r *Registry) renew(l *lease, at time.Duration, wall time.Time, life time.Duration, by teller) bool {
	if !l.renew(at, wall, life, by) {
		return false
	}
	if l.silent.Load() > audible {
		r.silence.end(l)
	}
	return true
}

// deadline returns when l has to be looked at next: when it is overdue, or runs out. One that is overdue is counted.
func (r *Registry) deadline(l *lease, now time.Duration) time.Duration {
	beat, v := l.beat.Load(), l.current.Load()
	if due := r.due(beat, v); now <= due {
		return due
	}
	r.silence.begin(l, beat, r.weightOf(l.key.App, v))
	return expiry(beat, v.life(), r.cfg.DoubledLeases)
}

// due returns when a lease with this beat is overdue, which is when it runs out at the latest.
func (r *Registry) due(beat int64, v *stored) time.Duration {
	return min(beatTime(beat)+v.patience(), expiry(beat, v.life(), r.cfg.DoubledLeases))
}

// seat puts a lease that is in no slot of the wheel where it belongs. With mu held.
func (r *Registry) seat(l *lease, now time.Duration) {
	if at := r.deadline(l, now); at < now {
		r.wheel.push(l, expiredSlot)
	} else {
		r.wheel.place(l, at)
	}
}

// reseat is seat for a lease whose terms have changed. With mu held.
func (r *Registry) reseat(l *lease, now time.Duration) {
	r.silence.forget(l)
	r.wheel.take(l)
	r.seat(l, now)
}

// seatReturned reseats the leases that have been heard again. With mu held.
func (r *Registry) seatReturned(now time.Duration) {
	for l := r.silence.back.Swap(nil); l != nil; {
		next := l.nextBack
		l.nextBack = nil
		l.silent.Store(audible)
		if l.beat.Load() != gone {
			r.reseat(l, now)
		}
		l = next
	}
}

// Advance counts who has fallen silent. It is to be called every second, so that whoever asks does not have to wait for
// it, and that the beginning of a protection is noticed when it comes.
func (r *Registry) Advance(now time.Time) {
	t := r.instant(now)
	r.observe(t)
	r.evictionAllowed(t)
}

// observe advances the wheel up to the present second, which is left to Evict: looking at a second again and again would
// cost more than it tells. Without mu.
func (r *Registry) observe(t instant) {
	for r.observed.Load() < int64(t.at/time.Second) && r.stepWheel(t, false) {
	}
}

// stepWheel advances the wheel by a second, and looks at the leases of the present one if that is the last. Each step
// takes the lock anew, so that writers wait for one second's leases and not for all.
func (r *Registry) stepWheel(t instant, present bool) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seatReturned(t.at)
	more = r.wheel.step(t.at, present, r.seat)
	r.observed.Store(r.wheel.cursor)
	return more
}
