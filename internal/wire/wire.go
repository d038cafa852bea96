// Package wire turns the registry's nouns into the JSON and XML of Eureka 1.x and back. It knows formats, media types and
// header names; it leaves HTTP to its callers and decides nothing about registries.
package wire

import "heureka.internal/heureka"

// A Format is one of the two body formats.
type Format uint8

// The formats; XML is what a caller without preference gets (W-NEG-2).
const (
	XML Format = iota
	JSON
)

// A Detail is how much of an instance a document shows.
type Detail uint8

// The details that X-Eureka-Accept selects (W-HDR-4).
const (
	Full Detail = iota
	Compact
)

// A Form is a format with a detail: one of the four shapes a document can have.
type Form struct {
	Format Format
	Detail Detail
}

// Header names of the protocol.
const (
	HeaderReplication  = "X-Netflix-Discovery-Replication"
	HeaderEurekaAccept = "X-Eureka-Accept"
	HeaderClientName   = "DiscoveryIdentity-Name"
	HeaderClientVer    = "DiscoveryIdentity-Version"
	HeaderClientID     = "DiscoveryIdentity-Id"
	HeaderDeltaReach   = "X-Heureka-Delta-Reach" // of heureka's: how many seconds a delta reaches back
	HeaderVersion      = "X-Heureka-Version"     // likewise: since when to watch, for whoever has this document
)

// A ReplicationAction is what one entry of a batch asks for (W-REPL-3).
type ReplicationAction string

// The actions of a batch.
const (
	Heartbeat            ReplicationAction = "Heartbeat"
	Register             ReplicationAction = "Register"
	Cancel               ReplicationAction = "Cancel"
	StatusUpdate         ReplicationAction = "StatusUpdate"
	DeleteStatusOverride ReplicationAction = "DeleteStatusOverride"
)

// A ReplicationItem is one entry of a batch. Empty strings and a nil Instance stand for members that were not sent.
type ReplicationItem struct {
	App, ID          string
	Action           ReplicationAction
	LastDirtyMS      int64
	HasLastDirty     bool
	Status           string // as sent: the receiver decides what a bad name means (W-REPL-7)
	OverriddenStatus string
	Instance         *heureka.Instance

	Incarnation    uint32 // of the record that a registration means; not in the body, see HeaderIncarnations
	HasIncarnation bool   // the receiver knows it
	Owner          string // of that record; see HeaderOwners

	Stamp          *Stamp          // of a change of an override; not in the body, see HeaderStamps; nil: not known
	MetadataStamps []MetadataStamp // of a registration, likewise
	Own            heureka.Status  // of a registration, likewise: what its client says, where that may not be the record's status
	HasOwn         bool

	Fault error // the LimitError that its receiver has for it; nil: none
}

// A ReplicationResult is the answer to one entry of a batch.
type ReplicationResult struct {
	StatusCode int
	Instance   *heureka.Instance // with 409: the receiver's record; its Lease is what is written
	Owner      string            // of that record; see HeaderOwners
}
