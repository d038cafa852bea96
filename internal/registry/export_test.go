package registry

import "time"

// RecomputedDigest is Digest from scratch.
func (r *Registry) RecomputedDigest() [Buckets]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var d [Buckets]uint64
	for l := range r.all() {
		v := l.current.Load()
		key := v.instance.Key()
		d[bucketOf(key.ID)] ^= v.state().digest(key)
	}
	for b, tombs := range r.tombs.buckets {
		for key, t := range tombs {
			d[b] ^= t.digest(key)
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
	placed := map[*lease]bool{}
	late := 0
	for slot, l := range r.wheel.heads {
		for ; l != nil; l = l.wheelNext {
			placed[l] = true
			if slot == overdue {
				continue
			}
			ahead := (int64(slot) - r.wheel.cursor%wheelSlots + wheelSlots) % wheelSlots
			if at := time.Duration(r.wheel.cursor+ahead) * time.Second; at > max(r.expiry(l), time.Duration(r.wheel.cursor)*time.Second) {
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
