// Package admission bounds how many requests of one class are under way at a time. What belongs to which class, and what
// a refused request is answered, is left to the caller.
package admission

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// Config describes a class. Every field but Wait must be set.
type Config struct {
	Slots int           // requests under way at a time
	Wait  time.Duration // how long a request waits for a slot; 0: not at all
	Stall time.Duration // a request without progress for so long gives its slot back, and goes on without
}

// A Pool hands out the slots of a class. Safe for concurrent use.
type Pool struct {
	cfg Config

	mu      sync.Mutex
	held    map[*Slot]struct{}
	waiting []*waiter // oldest first; the newest is served first: its client is the one that has not given up yet
	lookAt  time.Time // when slots without progress are looked for again
	stats   Stats
}

// Stats are counters since the start, and how many requests hold or wait for a slot now.
type Stats struct {
	Slots, InFlight, Waiting int
	Waited                   int64 // got a slot only after a wait
	Refused                  int64
	Stalled                  int64 // gave their slot back because their client did not read
}

// A Slot is the right to be under way.
type Slot struct {
	pool     *Pool
	progress func() time.Time
}

type waiter struct {
	granted  chan *Slot // of one element
	progress func() time.Time
}

// New returns a pool whose slots are all free.
func New(cfg Config) *Pool { return &Pool{cfg: cfg, held: map[*Slot]struct{}{}} }

// SetSlots changes how many requests may be under way at a time. If that is fewer, those under way go on.
func (p *Pool) SetSlots(n int) {
	p.mu.Lock()
	p.cfg.Slots = n
	p.mu.Unlock()
}

// Acquire takes a slot, waiting for one if need be. It returns nil if there was none in time, or ctx ended. progress says
// when the request's client last took a part of the answer; a request that has none yet reports when it began. It must
// not block, and may still be called when the slot has just been given back.
func (p *Pool) Acquire(ctx context.Context, progress func() time.Time) *Slot {
	p.reclaim(time.Now())
	slot, w := p.enter(progress)
	if w == nil {
		return slot
	}
	limit := time.NewTimer(p.cfg.Wait)
	defer limit.Stop()
	again := time.NewTicker(max(p.cfg.Stall/4, time.Millisecond))
	defer again.Stop()
	for {
		select {
		case slot := <-w.granted:
			return slot
		case now := <-again.C:
			p.reclaim(now)
		case <-limit.C:
			return p.leave(w)
		case <-ctx.Done():
			return p.leave(w)
		}
	}
}

// enter takes a free slot, or queues for one, or, if nobody may wait, refuses: both results are nil then.
func (p *Pool) enter(progress func() time.Time) (*Slot, *waiter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) < p.cfg.Slots {
		return p.grant(progress), nil
	}
	if p.cfg.Wait <= 0 {
		p.stats.Refused++
		return nil, nil
	}
	w := &waiter{granted: make(chan *Slot, 1), progress: progress}
	p.waiting = append(p.waiting, w)
	return nil, w
}

// leave ends a wait. The slot may have been granted at the last moment.
func (p *Pool) leave(w *waiter) *Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.waiting {
		if other == w {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.stats.Refused++
			return nil
		}
	}
	return <-w.granted
}

func (p *Pool) grant(progress func() time.Time) *Slot {
	s := &Slot{pool: p, progress: progress}
	p.held[s] = struct{}{}
	return s
}

// Release gives the slot back. A nil slot, and one that was given back before, change nothing.
func (s *Slot) Release() {
	if s == nil {
		return
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.free(s)
}

// free passes the slot on to whoever came last.
func (p *Pool) free(s *Slot) {
	if _, held := p.held[s]; !held {
		return
	}
	delete(p.held, s)
	if last := len(p.waiting) - 1; last >= 0 {
		w := p.waiting[last]
		p.waiting[last] = nil
		p.waiting = p.waiting[:last]
		p.stats.Waited++
		w.granted <- p.grant(w.progress)
	}
}

// reclaim takes the slots back that nobody uses: their clients do not read. It asks for progress with the pool unlocked.
func (p *Pool) reclaim(now time.Time) {
	var stalled []*Slot
	for _, s := range p.suspects(now) {
		if now.Sub(s.progress()) >= p.cfg.Stall {
			stalled = append(stalled, s)
		}
	}
	if len(stalled) > 0 {
		p.takeBack(stalled)
	}
}

// suspects returns all held slots if none is free. There may be many, so it does not so too often.
func (p *Pool) suspects(now time.Time) []*Slot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) < p.cfg.Slots || now.Before(p.lookAt) {
		return nil
	}
	p.lookAt = now.Add(p.cfg.Stall / 4)
	return slices.Collect(maps.Keys(p.held))
}

func (p *Pool) takeBack(stalled []*Slot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range stalled {
		if _, held := p.held[s]; held {
			p.stats.Stalled++
			p.free(s)
		}
	}
}

// Stats returns the counters.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.stats
	st.Slots, st.InFlight, st.Waiting = p.cfg.Slots, len(p.held), len(p.waiting)
	return st
}
