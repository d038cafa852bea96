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
	buckets [stripeCount]map[heureka.Key]*grave
	lasting burials // of instances that had renewed their lease
	brief   burials // of others: a flood of registrations and cancels pushes only these out
	bytes   int     // of both
	longest time.Duration
}

// A grave is a tombstone in its place, in the map and in the queue.
type grave struct {
	key heureka.Key
	tombstone
}

func (g *grave) bytes() int { return len(g.key.App) + len(g.key.ID) + tombBytes }

// burials is a queue, oldest first. Graves of keys that were registered again are stale.
type burials []*grave

func (ts *tombstones) lookup(key heureka.Key) (tombstone, bool) {
	g := ts.buckets[bucketOf(key.ID)][key]
	if g == nil {
		return tombstone{}, false
	}
	return g.tombstone, true
}

// retention returns how long tombstones are kept.
func (ts *tombstones) retention() time.Duration {
	return min(max(ts.longest, minTombstoneAge), maxTombstoneAge)
}

// bury sets or replaces the tombstone of key, whose instance had renewed its lease or not. With mu held.
func (r *Registry) bury(key heureka.Key, t tombstone, renewed bool) {
	r.unbury(key)
	delete(r.parked, key)
	text := key.App + key.ID // a copy: the texts of a record are one piece, which the key would keep whole
	key = heureka.Key{App: text[:len(key.App)], ID: text[len(key.App):]}
	bucket := &r.tombs.buckets[bucketOf(key.ID)]
	if *bucket == nil {
		*bucket = make(map[heureka.Key]*grave)
	}
	g := &grave{key, t}
	(*bucket)[key] = g
	queue := &r.tombs.brief
	if renewed {
		queue = &r.tombs.lasting
	}
	*queue = append(*queue, g)
	r.tombs.bytes += g.bytes()
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
	(*queue)[0] = nil
	if *queue = (*queue)[1:]; len(*queue) == 0 {
		*queue = nil
	}
	r.tombs.bytes -= oldest.bytes()
	if r.tombs.buckets[bucketOf(oldest.key.ID)][oldest.key] == oldest {
		r.unbury(oldest.key)
	}
}
