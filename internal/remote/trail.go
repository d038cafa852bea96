package remote

import (
	"cmp"
	"time"
)

// DefaultDeltaRetention is how long servers keep changes for their deltas unless they are configured otherwise
// (S-DELTA-1).
const DefaultDeltaRetention = 180 * time.Second

// A Trail tells whether a delta may be applied to a copy of a registry: only if it demonstrably begins before the copy's
// state. The hash cannot tell, because it counts statuses, and a rolling release that a copy has missed keeps the counts.
//
// heureka servers say how far a delta reaches back (wire.HeaderDeltaReach) and are believed. Of others half the retention
// is trusted: the rest is for what their caches add to the age of an answer.
type Trail struct {
	Retention time.Duration // of the servers; 0 stands for DefaultDeltaRetention
	Whole     time.Duration // after which the whole registry is due in any case, as a net; 0: never

	state time.Time     // when the copy's state was asked for; zero: it has none
	whole time.Time     // when the whole was asked for last
	reach time.Duration // of the last delta; NoReach if its server does not say
}

// Lose makes the whole registry due: the copy is known to be wrong, or another server's.
func (t *Trail) Lose() { t.state, t.reach = time.Time{}, NoReach }

// Take notes that the copy is now what the server had when it was asked, or later.
func (t *Trail) Take(asked time.Time, whole bool) {
	t.state = asked
	if whole {
		t.whole = asked
	}
}

// Worth reports whether to ask for a delta now. A server that reaches further back than half the retention has said so
// before.
func (t *Trail) Worth(now time.Time) bool {
	return !t.state.IsZero() && (t.Whole <= 0 || elapsed(t.whole, now) < t.Whole) &&
		elapsed(t.state, now) <= max(t.trusted(), t.reach)
}

// Continues reports whether doc, a delta that has arrived by now, begins before the copy's state. To ask before sending is
// not enough: a program may be held up while it waits.
func (t *Trail) Continues(doc *Document, now time.Time) bool {
	reach := doc.Reach
	t.reach = reach
	if reach == NoReach {
		reach = t.trusted()
	}
	return !t.state.IsZero() && elapsed(t.state, now) <= reach
}

func (t *Trail) trusted() time.Duration { return cmp.Or(t.Retention, DefaultDeltaRetention) / 2 }

// elapsed is the larger of what the two clocks say: the monotonic one stands still while a machine sleeps, and the wall
// clock may be set back.
func elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
