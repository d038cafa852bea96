package registry

import "time"

// RecomputedDigest is Digest from what another node would be told.
func (r *Registry) RecomputedDigest() (d [Buckets]uint64) {
	for i := range d {
		for _, k := range r.Bucket(i, time.Now()) {
			e := k.Entry()
			d[i] ^= e.Digest()
		}
	}
	return d
}

// Tombstones returns how many cancelled keys are remembered.
func (r *Registry) Tombstones() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, b := range r.tombs.buckets {
		n += len(b)
	}
	return n
}

// MisplacedLeases returns how many leases the wheel would look at too late, or not at all.
func (r *Registry) MisplacedLeases() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seatReturned(time.Duration(r.wheel.cursor) * time.Second)
	placed := map[*lease]bool{}
	late := 0
	for slot, l := range r.wheel.heads {
		for ; l != nil; l = l.wheelNext {
			placed[l] = true
			if slot == expiredSlot {
				continue
			}
			ahead := (int64(slot) - r.wheel.cursor%wheelSlots + wheelSlots) % wheelSlots
			if at := time.Duration(r.wheel.cursor+ahead) * time.Second; at > max(r.next(l), time.Duration(r.wheel.cursor)*time.Second) {
				late++
			}
		}
	}
	for l := range r.all() {
		if !placed[l] {
			late++
		}
		delete(placed, l)
	}
	return late + len(placed)
}

// next returns when a lease must be looked at.
func (r *Registry) next(l *lease) time.Duration {
	beat, v := l.beat.Load(), l.current.Load()
	if l.silent.Load() > audible {
		return expiry(beat, v.life(), r.cfg.DoubledLeases)
	}
	return r.due(beat, v)
}

// RecountedSilence is how many millionths of a renewal a minute, and leases, are marked as overdue, and RecountedRate what
// all leases weigh.
func (r *Registry) RecountedSilence() (weight, leases, rate int64) {
	for l := range r.all() {
		w := r.weightOf(l.key.App, l.current.Load())
		rate += w
		if s := l.silent.Load(); s > audible {
			weight += s - 1
			if w > 0 {
				leases++
			}
		}
	}
	return weight, leases, rate
}

// CountedSilence is what the registry says of the same.
func (r *Registry) CountedSilence() (weight, leases, rate int64) {
	return r.silence.weight.Load(), r.silence.leases.Load(), r.rate.Load()
}
