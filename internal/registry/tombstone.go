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
	maxTombBytes    = 32 << 20 // of all, with tombBytes beside its key for each
	tombBytes       = 160
)

// A tombstone remembers a cancelled key, so that a node that missed the cancellation cannot bring the instance back.
type tombstone struct {
	state
	at time.Duration
}

// tombstones are the recently cancelled keys. Guarded by Registry.mu.
type tombstones struct {
	buckets [stripeCount]map[heureka.Key]tombstone
	lasting burials // of instances that had renewed their lease
	brief   burials // of others: a flood of registrations and cancels pushes only these out
	bytes   int     // of both
	longest time.Duration
}

// burials is a queue, oldest first. Entries of keys that were registered again are stale.
type burials []burial

func (b burial) bytes() int { return len(b.key.App) + len(b.key.ID) + tombBytes }

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

// bury sets or replaces the tombstone of key, whose instance had renewed its lease or not. With mu held.
func (r *Registry) bury(key heureka.Key, t tombstone, renewed bool) {
	r.unbury(key)
	bucket := &r.tombs.buckets[bucketOf(key.ID)]
	if *bucket == nil {
		*bucket = make(map[heureka.Key]tombstone)
	}
	(*bucket)[key] = t
	queue := &r.tombs.brief
	if renewed {
		queue = &r.tombs.lasting
	}
	b := burial{key, t.at}
	*queue = append(*queue, b)
	r.tombs.bytes += b.bytes()
	r.toggle(key, t.state)
	for r.tombs.bytes > maxTombBytes || len(r.tombs.brief)+len(r.tombs.lasting) > maxTombstones {
		if len(r.tombs.brief) > 0 {
			r.forgetOldest(&r.tombs.brief)
		} else {
			r.forgetOldest(&r.tombs.lasting)
		}
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
	for _, queue := range [...]*burials{&r.tombs.brief, &r.tombs.lasting} {
		for len(*queue) > 0 && (*queue)[0].at < limit {
			r.forgetOldest(queue)
		}
	}
}

func (r *Registry) forgetOldest(queue *burials) {
	oldest := (*queue)[0]
	if *queue = (*queue)[1:]; len(*queue) == 0 {
		*queue = nil
	}
	r.tombs.bytes -= oldest.bytes()
	if t, ok := r.tombs.lookup(oldest.key); ok && t.at == oldest.at {
		r.unbury(oldest.key)
	}
}
