// Package registry holds the leases of one Eureka node: registration, renewal, status overrides, self-preservation and
// the choice of evictions. It is pure: every method takes the time, nothing sleeps, logs or touches a network. Encoding and
// caching answers, telling peers and keeping timers are left to others, who learn of every write through Change.
package registry

import (
	"time"

	"heureka.internal/heureka"
)

// A ChangeKind says what happened to an instance.
type ChangeKind uint8

// The kinds of change.
const (
	Registered    ChangeKind = iota // new, again, or with new metadata: ADDED in a delta
	StatusChanged                   // an override set, removed, or applied: MODIFIED
	Cancelled                       // removed on request: DELETED
	Evicted                         // removed because its lease ran out: DELETED
)

// A Change is one write to the registry. Changes are numbered without gaps and reported in order, so that a reader that
// applies all of them has the registry.
type Change struct {
	Seq      uint64
	Kind     ChangeKind
	Origin   Origin
	At       time.Time
	Key      heureka.Key
	Record   Record    // the state after the change; the last state when removed
	Previous Record    // the state before, zero if the instance is new
	Reason   string    // for people: why an instance was evicted
	LastBeat Heartbeat // of an instance that was evicted
}

// Removed reports whether the instance is gone after the change.
func (c *Change) Removed() bool { return c.Kind == Cancelled || c.Kind == Evicted }

// A Renewal is what a heartbeat says about its instance.
type Renewal struct {
	DirtyMS     int64
	HasDirty    bool
	Override    heureka.Status // of a peer's heartbeat
	HasOverride bool
}

// A NewerError refuses a peer's heartbeat because this node's record is newer (409, W-RENEW-1 step 8).
type NewerError struct{ Record Record }

func (e *NewerError) Error() string {
	return "record of " + e.Record.Key().String() + " is newer here"
}
