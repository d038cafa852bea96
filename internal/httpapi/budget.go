package httpapi

import (
	"sync"
	"sync/atomic"
	"time"
)

// Bodies that come slowly give way when the budget is used up: a few clients that stop in the middle of giants must not keep all
// others out until their time is over.
const (
	slowAfter = time.Second // nobody is slow before
	slowRate  = 1 << 20     // bytes a second; peers and clients in one network are faster
	giveWay   = time.Second // for which whoever needs room waits for a slow one to go
)

// A budget bounds what all bodies hold together that are being read and decoded.
type budget struct {
	most int64 // not above 0: no bound

	mu     sync.Mutex
	held   int64
	coming map[*holding]bool // of bodies that have not come whole
	freed  chan struct{}     // closed when something is given back
}

// A holding is what one call has of the budget.
type holding struct {
	bytes int64 // written by its own call only, with the budget locked
	began time.Time
	came  atomic.Int64 // of the body
	stop  func()       // ends the reading of the body
}

// take takes bytes for h. While there is not enough, the slowest body is given up. It reports false if that does not help.
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

// tryTake takes bytes if there are enough, else it returns how to stop the slowest other, and what tells that something is
// given back.
func (g *budget) tryTake(h *holding, bytes int64) (ok bool, victim func(), freed <-chan struct{}) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.most <= 0 || g.held+bytes <= g.most {
		if g.coming == nil {
			g.coming = make(map[*holding]bool)
		}
		g.coming[h] = true
		g.held += bytes
		h.bytes += bytes
		return true, nil, nil
	}
	if g.freed == nil {
		g.freed = make(chan struct{})
	}
	return false, g.slowest(h, now), g.freed
}

// slowest returns how to stop the body that comes slowest, if it is slow. With mu held.
func (g *budget) slowest(but *holding, now time.Time) (stop func()) {
	least := float64(slowRate)
	for h := range g.coming {
		age := now.Sub(h.began)
		if rate := float64(h.came.Load()) / age.Seconds(); h != but && age >= slowAfter && rate < least {
			least, stop = rate, h.stop
		}
	}
	return stop
}

// arrived notes that the body of h has come whole.
func (g *budget) arrived(h *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.coming, h)
}

// release gives back what h holds.
func (g *budget) release(h *holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= h.bytes
	delete(g.coming, h)
	if g.freed != nil {
		close(g.freed)
		g.freed = nil
	}
}

// inUse returns what all bodies hold together now.
func (g *budget) inUse() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}
