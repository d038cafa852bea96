package snapshot

import "time"

// When a snapshot is written.
const (
	Soon    = time.Second      // after what clients cannot tell again
	Later   = 10 * time.Second // after any other change
	Renewal = 10 * time.Minute // after the last one, though nothing has changed: so that it does not get old
	Retry   = 10 * time.Second // after a failure

	share = 20 // of the time, one part is spent on writing
)

// A Pace says when the next snapshot is due. It is for one goroutine.
type Pace struct {
	due      time.Time // zero: nothing has been written, and nothing changed
	earliest time.Time
}

// Changed notes a change.
func (p *Pace) Changed(urgent bool, now time.Time) {
	due := now.Add(Later)
	if urgent {
		due = now.Add(Soon)
	}
	if p.due.IsZero() || due.Before(p.due) {
		p.due = due
	}
}

// Wrote notes that writing took that long and has ended now.
func (p *Pace) Wrote(took time.Duration, failed bool, now time.Time) {
	p.due = now.Add(Renewal)
	p.earliest = now.Add(took * (share - 1))
	if failed {
		p.due = now.Add(Retry)
	}
}

// Due returns how long it is until the next snapshot; false while there is no reason for one.
func (p *Pace) Due(now time.Time) (wait time.Duration, ok bool) {
	if p.due.IsZero() {
		return 0, false
	}
	at := p.due
	if at.Before(p.earliest) {
		at = p.earliest
	}
	return max(at.Sub(now), 0), true
}
