package registry

import (
	"time"

	"heureka.internal/heureka"
)

// Overrides whose instances are not there are known from an old snapshot alone: who was there then says little, what operators have
// said of them still counts. They wait until the instance registers, or for a day. Nobody is told of them before: they are no part
// of the digest.

// parkedFor is how long an override waits for its instance.
const parkedFor = 24 * time.Hour

// A parked override waits for its instance.
type parked struct {
	override overrideState
	since    time.Duration
}

// OnlyOverride reports whether e is about the override of an instance, and says nothing of the instance itself.
func (e *Entry) OnlyOverride() bool {
	return e.Instance == nil && !e.Tombstone && e.HasOverride && e.Key.App != "" && e.Key.ID != "" && len(e.Key.App)+len(e.Key.ID) <= maxKeyBytes && e.Age >= 0 && e.Clock.Valid()
}

// Parked returns the overrides that wait for their instances, in unspecified order.
func (r *Registry) Parked(now time.Time) []Entry {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Entry, 0, len(r.parked))
	for key, p := range r.parked {
		e := state{override: p.override}.entry(key)
		e.Age = t.at - p.since
		out = append(out, e)
	}
	return out
}

// restoreOverride takes over the override of an instance, or lets it wait. What ended with a cancellation stays ended. With mu held.
func (r *Registry) restoreOverride(l *lease, mine state, e *Entry, t instant) bool {
	e.DirtyMS, e.Rev, e.Owner, e.Metadata = 0, 0, "", nil
	joined := mine
	joined.override = join(mine, e.state()).override
	switch {
	case l != nil:
		return r.mergeRecord(l, mine, joined, e, t)
	case mine.position.tombstone || joined.override == mine.override || e.Age > parkedFor:
		return false
	}
	if r.parked == nil {
		r.parked = make(map[heureka.Key]parked)
	}
	r.parked[e.Key] = parked{joined.override, t.at - e.Age}
	return false
}

// forgetParked removes the overrides that have waited long enough. With mu held.
func (r *Registry) forgetParked(now time.Duration) {
	for key, p := range r.parked {
		if now-p.since > parkedFor {
			delete(r.parked, key)
		}
	}
}
