package registry

import (
	"time"

	"heureka.internal/heureka"
)

const (
	// Tombstones are kept for as long as another node may still hold the lease, within these bounds.
	minTombstoneAge = 10 * time.Minute
	maxTombstoneAge = 24 * time.Hour
	maxTombstones   = 1 << 17
)

// A tombstone remembers a cancelled key, so that a node that missed the cancellation cannot bring the instance back.
type tombstone struct {
	state
	at time.Duration
}

// tombstones are the recently cancelled keys. Guarded by Registry.mu.
type tombstones struct {
	buckets [stripeCount]map[heureka.Key]tombstone
	queue   []burial // oldest first; entries of keys that were registered again are stale
	longest time.Duration
}

// A burial says when a tombstone was set.
type burial struct {
	key heureka.Key
	at  time.Duration
}

func (ts *tombstones) lookup(key heureka.Key) (tombstone, bool) {
	t, ok := ts.buckets[bucketOf(key.ID)][key]
	return t, ok
}

// retention returns how long tombstones are kept.
func (ts *tombstones) retention() time.Duration {
	return min(max(ts.longest, minTombstoneAge), maxTombstoneAge)
}

// bury sets or replaces the tombstone of key. With mu held.
func (r *Registry) bury(key heureka.Key, t tombstone) {
	r.unbury(key)
	b := bucketOf(key.ID)
	if r.tombs.buckets[b] == nil {
		r.tombs.buckets[b] = make(map[heureka.Key]tombstone)
	}
	r.tombs.buckets[b][key] = t
	r.tombs.queue = append(r.tombs.queue, burial{key, t.at})
	r.toggle(key, t.state)
	for len(r.tombs.queue) > maxTombstones {
		r.forgetOldest()
	}
}

// unbury removes the tombstone of key, if there is one. With mu held.
func (r *Registry) unbury(key heureka.Key) {
	if t, ok := r.tombs.lookup(key); ok {
		delete(r.tombs.buckets[bucketOf(key.ID)], key)
		r.toggle(key, t.state)
	}
}

// forgetTombstones removes those that are too old. With mu held.
func (r *Registry) forgetTombstones(now time.Duration) {
	limit := now - r.tombs.retention()
	for len(r.tombs.queue) > 0 && r.tombs.queue[0].at < limit {
		r.forgetOldest()
	}
}

func (r *Registry) forgetOldest() {
	oldest := r.tombs.queue[0]
	r.tombs.queue = r.tombs.queue[1:]
	if t, ok := r.tombs.lookup(oldest.key); ok && t.at == oldest.at {
		r.unbury(oldest.key)
	}
}
