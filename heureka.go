// Package heureka is the vocabulary of a Eureka 1.x service registry: instances, applications, statuses, leases, keys
// and the errors that callers branch on. It is pure data: the wire formats, the registry, the HTTP server and the client
// live in packages of their own and meet only through these nouns.
package heureka

// A Key names one instance in a registry: its application, in upper case, and its resolved id (W-IDENT-1).
type Key struct {
	App string // upper case, see AppName
	ID  string // opaque and case-sensitive (W-IDENT-2)
}

// String returns "APP/ID".
func (k Key) String() string { return k.App + "/" + k.ID }

// A Status is what an instance says of itself, or what an override says of it.
type Status uint8

// The statuses in the order in which the registry hash lists them (W-HASH-2), except that the zero value is UNKNOWN.
const (
	StatusUnknown Status = iota
	StatusDown
	StatusOutOfService
	StatusStarting
	StatusUp
	statusCount
)

var statusNames = [statusCount]string{"UNKNOWN", "DOWN", "OUT_OF_SERVICE", "STARTING", "UP"}

// String returns the name on the wire, such as "OUT_OF_SERVICE".
func (s Status) String() string {
	if s >= statusCount {
		return statusNames[StatusUnknown]
	}
	return statusNames[s]
}

// ParseStatus returns the status with exactly this name on the wire.
func ParseStatus(name string) (Status, bool) {
	for i, n := range statusNames {
		if n == name {
			return Status(i), true
		}
	}
	return StatusUnknown, false
}

// An Action tells the reader of a delta what happened to an instance.
type Action uint8

// The actions of a delta; ActionNone is for instances that no server has stored yet.
const (
	ActionNone Action = iota
	ActionAdded
	ActionModified
	ActionDeleted
)

var actionNames = [...]string{"", "ADDED", "MODIFIED", "DELETED"}

// String returns the name on the wire, and "" for ActionNone.
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return ""
	}
	return actionNames[a]
}

// ParseAction returns the action with exactly this name on the wire.
func ParseAction(name string) (Action, bool) {
	for i, n := range actionNames {
		if i > 0 && n == name {
			return Action(i), true
		}
	}
	return ActionNone, false
}
