// Package dashboard makes the pages of a node for people: what is registered, how reliable that is, and why. It turns plain
// views into HTML that needs no script and nothing from elsewhere. Collecting the numbers and serving the pages are left to
// others. Pure: the views carry the time.
package dashboard

import (
	"time"

	"heureka.internal/heureka"
)

// A View is everything that the first page shows (S-DASH-2). It is plain data, filled afresh for each request. URLs in
// Replicas and General may hold credentials: they are removed on the way out.
type View struct {
	Frame
	Base       string // of the API, as clients are configured with it
	Version    string // of the program; "" is not shown
	DataCenter string
	Now        time.Time
	Uptime     string // "00:03", "1 day 02:03"

	Phase      string // syncing, waiting, open, stopping
	PhaseWhy   string
	PhaseSince time.Time // zero: not shown
	Reads      bool      // reads of the registry are answered

	Passing  int // kinds of requests that pass although they would be denied
	Renewals Renewals
	Replicas []Replica
	Apps     []App // sorted by name, see NewApp
	General  []heureka.MetadataEntry
	Own      []heureka.MetadataEntry // the node's own instance: ipAddr, status, … (see OwnInfo)
}

// A Signpost is for people who open the API's base: it tells where the page and the registry are.
type Signpost struct {
	Frame
	Base string // of the API
}

// Renewals are the numbers behind self-preservation and eviction (S-SP-8, S-SP-9).
type Renewals struct {
	LastMinute      int64
	Expected        float64 // a minute, before the threshold factor
	Threshold       int64
	ProtectionOn    bool // self-preservation is enabled
	BelowThreshold  bool
	EvictionAllowed bool
	Why             string    // why nothing is evicted, where no warning says it
	ProtectedSince  time.Time // zero: not shown
	LastEviction    string    // for people: what the last tick did; "" before the first
	Expired         int       // leases that ran out and are still listed
	Exits           []string  // ways out of a protection; nil while there is none
}

// A Replica is a peer.
type Replica struct {
	URL  string
	Good bool
	Note string // "up to date", "unreachable since …"
}

// LastN is what the second page shows (S-DASH-4): newest first.
type LastN struct {
	Frame
	Cancelled  []Event
	Registered []Event
}

// An Event is one line of it.
type Event struct {
	At  time.Time
	Key heureka.Key
	Why string
}

// timeFormat is how the reference's page writes a time: date and time with the zone's offset.
const timeFormat = "2006-01-02T15:04:05 -0700"
