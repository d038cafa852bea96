package auth

import (
	"net/netip"
	"sync"
	"time"
)

const (
	waitingOfOne = 64    // passwords of one address that wait for their turn
	waitingOfAll = 4096  // of all
	blamed       = 10000 // addresses whose failures are remembered
	blame        = time.Minute
)

// Turns bound how many passwords are hashed at a time. Of those who wait, the next turn is of the one whose address has failed
// least lately, so that a flood of wrong passwords does not delay others. Its zero value is ready.
type turns struct {
	mu      sync.Mutex
	busy    int
	waiting []*turn // in the order in which they came
	failed  map[string]failures
}

type turn struct {
	address string
	given   chan bool // false: sent away
}

type failures struct {
	count int
	last  time.Time
}

// take waits for a turn. It returns false if too many wait already; else give has to follow.
func (t *turns) take(address string, now time.Time) bool {
	address = network(address)
	me := t.queue(address, now)
	return me == nil || <-me.given
}

// queue returns nil if there is a turn at once.
func (t *turns) queue(address string, now time.Time) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy < hashing {
		t.busy++
		return nil
	}
	me := &turn{address: address, given: make(chan bool, 1)}
	t.waiting = append(t.waiting, me)
	own := 0
	for _, w := range t.waiting {
		if w.address == address {
			own++
		}
	}
	switch {
	case own > waitingOfOne:
		t.remove(len(t.waiting)-1, false)
	case len(t.waiting) > waitingOfAll:
		t.remove(t.choose(now, func(a, b int) bool { return a >= b }), false)
	}
	return me
}

// give ends a turn, and tells how it went.
func (t *turns) give(address string, right bool, now time.Time) {
	address = network(address)
	t.mu.Lock()
	defer t.mu.Unlock()
	if !right {
		t.blame(address, now)
	}
	if len(t.waiting) == 0 {
		t.busy--
		return
	}
	t.remove(t.choose(now, func(a, b int) bool { return a < b }), true)
}

// choose returns who of the waiting goes before all others, by the failures of their addresses. With mu held.
func (t *turns) choose(now time.Time, before func(a, b int) bool) (best int) {
	for i := range t.waiting {
		if before(t.failures(t.waiting[i].address, now), t.failures(t.waiting[best].address, now)) {
			best = i
		}
	}
	return best
}

func (t *turns) failures(address string, now time.Time) int {
	f := t.failed[address]
	if now.Sub(f.last) >= blame {
		return 0
	}
	return f.count
}

func (t *turns) blame(address string, now time.Time) {
	if t.failed == nil || len(t.failed) >= blamed {
		t.failed = map[string]failures{}
	}
	t.failed[address] = failures{t.failures(address, now) + 1, now}
}

func (t *turns) remove(i int, given bool) {
	t.waiting[i].given <- given // has room
	t.waiting = append(t.waiting[:i], t.waiting[i+1:]...)
}

// network returns what one sender can choose its addresses from.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	p, _ := ip.WithZone("").Prefix(64) // it has that many bits
	return p.String()
}
