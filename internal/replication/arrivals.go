package replication

import (
	"sync/atomic"
	"time"
)

// Arrivals counts the instances of clients that were not listed before, so that a start can tell whether everybody has come.
// One goroutine at a time adds; everybody may read. The zero value has seen nobody.
type Arrivals struct {
	clients atomic.Int64 // that have come
	longest atomic.Int64 // of their heartbeat intervals, in seconds
	first   atomic.Pointer[time.Time]
	seconds [QuietToOpen/time.Second + 1]second
}

// A second is how many came in it. Seconds count from the first arrival, and not as a clock has them that people may set meanwhile.
type second struct{ at, n atomic.Int64 }

// Add notes that an instance has come that sends a heartbeat each interval, in seconds.
func (a *Arrivals) Add(now time.Time, interval int64) {
	a.clients.Add(1)
	a.longest.Store(max(a.longest.Load(), interval))
	if a.first.Load() == nil {
		first := now
		a.first.Store(&first)
	}
	at := int64(now.Sub(*a.first.Load()) / time.Second)
	s := &a.seconds[at%int64(len(a.seconds))]
	if s.at.Load() != at {
		s.n.Store(0)
		s.at.Store(at)
	}
	s.n.Add(1)
}

// Clients returns how many have come.
func (a *Arrivals) Clients() int64 { return a.clients.Load() }

// recent returns how many came within QuietToOpen.
func (a *Arrivals) recent(now time.Time) (n int64) {
	first := a.first.Load()
	if first == nil {
		return 0
	}
	since := int64((now.Sub(*first) - QuietToOpen) / time.Second)
	for i := range a.seconds {
		if s := &a.seconds[i]; s.at.Load() > since {
			n += s.n.Load()
		}
	}
	return n
}

// Ebbed reports whether everybody has come, as far as one can tell after a wait: the longest interval between heartbeats
// has passed, of those that came and the usual one, and the last QuietToOpen brought under 5 % of them. That nobody came
// says nothing before a whole lease has passed: clients may beat each minute. After a whole lease two newcomers do not
// count either: in a small fleet, one instance that crashes and comes back under another id would keep readers out.
func (a *Arrivals) Ebbed(waited, interval, lease time.Duration, now time.Time) bool {
	all, recent := a.clients.Load(), a.recent(now)
	longest := max(interval, time.Duration(a.longest.Load())*time.Second)
	switch {
	case all == 0:
		return waited >= lease
	case waited < longest+settleIn:
		return false
	}
	return recent*20 < all || recent <= 2 && waited >= lease
}

// settleIn is added to the longest interval: heartbeats are sent that much late.
const settleIn = 5 * time.Second
