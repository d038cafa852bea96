package httpapi

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bodies and answers that move slowly give way when the budget is used up: a few clients that stop in the middle of giants must
// not keep all others out until their time is over.
const (
	slowAfter = time.Second // nobody is slow before
	slowRate  = 1 << 20     // bytes a second; peers and clients in one network are faster
	giveWay   = time.Second // for which whoever needs room waits for a slow one to go
)

// A budget bounds what all calls hold together: bodies that are being read and decoded, and answers of their own that are being
// written.
type budget struct {
	mu     sync.Mutex
	most   int64 // not above 0: no bound
	held   int64
	moving map[*holding]bool // that have neither come nor gone whole
	freed  chan struct{}     // closed when something is given back
}

// A holding is what one call has of the budget.
type holding struct {
	bytes int64 // written by its own call only, with the budget locked
	began time.Time
	moved atomic.Int64 // bytes of the body that came, or of the answer that went
	stop  func()       // ends the reading of the body, or the writing of the answer
}

// take takes bytes for h. While there is not enough, another one gives way, see inTheWay. It reports false if that does not help.
func (g *budget) take(h *holding, bytes int64) bool {
	until := time.Now().Add(giveWay)
	for {
		ok, victim, freed := g.tryTake(h, bytes)
		left := time.Until(until)
		if ok || victim == nil || left <= 0 {
			return ok
		}
		victim()
		timer := time.NewTimer(left)
		select {
		case <-freed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tryTake takes bytes if there are enough, else it returns how to stop another one, and what tells that something is
// given back.
func (g *budget) tryTake(h *holding, bytes int64) (ok bool, victim func(), freed <-chan struct{}) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most <= 0 || g.held+bytes <= g.most {
		if g.moving == nil {
			g.moving = make(map[*holding]bool)
		}
		g.moving[h] = true
		g.held += bytes
		h.bytes += bytes
		return true, nil, nil
	}
	if g.freed == nil {
		g.freed = make(chan struct{})
	}
	return false, g.inTheWay(h, bytes, now), g.freed
}

// inTheWay returns how to stop what moves slowest, if it is slow; else what holds most, if it has had its time and holds more than
// twice of what h is to hold. With mu held.
func (g *budget) inTheWay(h *holding, bytes int64, now time.Time) (stop func()) {
	least, most := float64(slowRate), 2*(h.bytes+bytes)
	var slowest, largest func()
	for other := range g.moving {
		age := now.Sub(other.began)
		if other == h || age < slowAfter {
			continue
		}
		if rate := float64(other.moved.Load()) / age.Seconds(); rate < least {
			least, slowest = rate, other.stop
		}
		if other.bytes > most {
			most, largest = other.bytes, other.stop
		}
	}
	if slowest != nil {
		return slowest
	}
	return largest
}

// done notes that the body of h has come whole.
func (g *budget) done(h *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.moving, h)
}

// release gives back what h holds.
func (g *budget) release(h *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= h.bytes
	delete(g.moving, h)
	g.tellWaiting()
}

// bound sets what all may hold together. What is held already stays.
func (g *budget) bound(most int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most = most
	g.tellWaiting()
}

// tellWaiting lets those try again who wait for room. With mu held.
func (g *budget) tellWaiting() {
	if g.freed != nil {
		close(g.freed)
		g.freed = nil
	}
}

// inUse returns what all calls hold together now.
func (g *budget) inUse() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}
