package respcache

import (
	"sync"
	"sync/atomic"

	"heureka.internal/heureka/internal/registry"
)

// An inbox is full with minWaiting changes, or those of one in waitingShare of the instances: many that are taken in together cost a
// tenth of what they cost one by one, but for each lot most of a large tree is made anew. Where regions are merged in, which follow one
// by one, it is full with updatesAtOnce. And it is full when records of maxEnded bytes, as they weigh, are kept by it or by the trees alone.
const (
	minWaiting   = 1 << 14
	waitingShare = 8
	maxEnded     = 8 << 20
)

// An inbox holds changes of the registry until somebody wants to see them, or it is full: of a hundred between two reads a leaf of the
// tree is copied once.
type inbox struct {
	told atomic.Uint64 // number of the last change

	mu      sync.Mutex
	updates []update
	full    int // with so many
	ended   int // what records weigh that were replaced or removed
}

// Apply follows one change. It must be called for every change in order: it fits registry.Config.OnChange, which has the
// registry locked, so nothing is encoded here.
func (c *Cache) Apply(ch registry.Change) {
	if c.inbox.add(ch) {
		c.catchUp()
	}
}

// add reports whether the inbox is full.
func (b *inbox) add(ch registry.Change) (full bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.updates = append(b.updates, update{record: ch.Record, at: ch.At, gone: ch.Removed()})
	b.told.Store(ch.Seq)
	if !ch.Previous.IsZero() {
		b.ended += ch.Previous.Weight()
	}
	return len(b.updates) >= b.full || b.ended >= maxEnded
}

// take empties the inbox, and says with how many it is full the next time.
func (b *inbox) take(full int) (updates []update, told uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	updates, b.full, b.ended = b.updates, full, 0
	b.updates = make([]update, 0, len(updates)) // often as many come again
	return updates, b.told.Load()
}

// catchUp brings the mirrors to where the registry was when it was called, or later. It costs two loads when nothing has changed.
func (c *Cache) catchUp() {
	if c.seq.Load() == c.inbox.told.Load() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeIn()
}

// takeIn is catchUp with mu held.
func (c *Cache) takeIn() {
	if c.seq.Load() == c.inbox.told.Load() {
		return // somebody else has done it meanwhile
	}
	updates, told := c.inbox.take(c.lot())
	c.apply(c.local, updates)
	c.seq.Store(told)
}

// lot returns how many changes are taken in together at most. With mu held.
func (c *Cache) lot() int {
	if len(c.merged) > 0 {
		return updatesAtOnce
	}
	return max(minWaiting, c.local.state().len()/waitingShare)
}
