package registry

import (
	"time"

	"heureka.internal/heureka"
)

// recentSize is how many events each list of recent events keeps (S-REG-3).
const recentSize = 1000

// An Event is one line of the lists of recent registrations and cancels.
type Event struct {
	At  time.Time
	Key heureka.Key

	Origin Origin
	Reason string // see Change
}

// recentEvents keeps the last events. Guarded by Registry.mu.
type recentEvents struct {
	ring []Event
	next int // where the next event goes once the ring is full
}

func (e *recentEvents) add(ev Event) {
	if len(e.ring) < recentSize {
		e.ring = append(e.ring, ev)
		return
	}
	e.ring[e.next] = ev
	e.next = (e.next + 1) % recentSize
}

// newestFirst returns a copy.
func (e *recentEvents) newestFirst() []Event {
	out := make([]Event, 0, len(e.ring))
	for i := range e.ring {
		out = append(out, e.ring[(e.next+len(e.ring)-1-i)%len(e.ring)])
	}
	return out
}
