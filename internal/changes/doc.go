// Package changes describes changes of a registry to people and programs: each as a document, as watchers are told of it, the last
// ones as a history, the registry as it was at an earlier moment, and which instances are silent and may be evicted next. It is pure; serving and
// printing are left to others.
package changes

import (
	"fmt"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A Doc is one change as JSON.
type Doc struct {
	Seq       uint64    `json:"seq"`
	At        time.Time `json:"at"`
	What      What      `json:"what"`
	App       string    `json:"app"`
	ID        string    `json:"id"`
	OldStatus string    `json:"oldStatus,omitempty"` // "" if the instance is new
	Status    string    `json:"status,omitempty"`    // "" if it is gone
	By        string    `json:"by"`                  // client, operator, node, peer, anti-entropy, start-up
	Address   string    `json:"address,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Note      string    `json:"note,omitempty"`
	Why       string    `json:"why"` // all of it for people
	LastBeat  *Beat     `json:"lastHeartbeat,omitempty"`
}

// A Beat is the last heartbeat of an instance that was evicted.
type Beat struct {
	At      *time.Time `json:"at,omitempty"` // nil if there never was one
	By      string     `json:"by"`           // client, if it arrived at the node that tells; else peer
	Address string     `json:"address,omitempty"`
}

// What says what happened to an instance.
type What string

// The things that happen.
const (
	Registered      What = "registered" // and was not there before
	RegisteredAgain What = "registered-again"
	MetadataChanged What = "metadata"
	OverrideSet     What = "override"
	OverrideRemoved What = "override-removed"
	Cancelled       What = "cancelled"
	Evicted         What = "evicted"
)

// WhatOf tells what a change is for people: finer than its kind.
func WhatOf(ch *registry.Change) What {
	switch {
	case ch.Kind == registry.Evicted:
		return Evicted
	case ch.Kind == registry.Cancelled:
		return Cancelled
	case ch.Kind == registry.StatusChanged && ch.Record.OverriddenStatus() != heureka.StatusUnknown:
		return OverrideSet
	case ch.Kind == registry.StatusChanged:
		return OverrideRemoved
	case ch.Previous.IsZero():
		return Registered
	case ch.Previous.LastDirtyMS() == ch.Record.LastDirtyMS() && !slices.Equal(ch.Previous.Instance().Metadata, ch.Record.Instance().Metadata):
		return MetadataChanged
	}
	return RegisteredAgain
}

// DocOf returns a change as JSON tells it.
func DocOf(ch *registry.Change) Doc {
	d := Doc{
		Seq: ch.Seq, At: ch.At.UTC(), What: WhatOf(ch), App: ch.Key.App, ID: ch.Key.ID,
		By: ch.Origin.By.String(), Address: ch.Origin.Address, Principal: ch.Origin.Principal, Note: ch.Origin.Note, Why: Why(ch),
	}
	if !ch.Previous.IsZero() {
		d.OldStatus = ch.Previous.Status().String()
	}
	if !ch.Removed() {
		d.Status = ch.Record.Status().String()
	}
	if ch.Kind == registry.Evicted {
		d.LastBeat = &Beat{By: ch.LastBeat.By.String(), Address: ch.LastBeat.Address}
		if !ch.LastBeat.At.IsZero() {
			d.LastBeat.At = new(ch.LastBeat.At.UTC())
		}
	}
	return d
}

// Why says for people who asked for a change; of an eviction, what it was for and where the instance was heard last.
func Why(ch *registry.Change) string {
	if ch.Kind != registry.Evicted {
		return ch.Origin.String()
	}
	return ch.Reason + ", " + LastHeard(ch.LastBeat)
}

// LastHeard says for people where a heartbeat arrived, and when.
func LastHeard(b registry.Heartbeat) string {
	if b.At.IsZero() {
		return "never a heartbeat"
	}
	return fmt.Sprintf("the last one at %s %s", b.At.UTC().Format(time.RFC3339), b.Through())
}

// A HistoryDoc is the answer of GET history.
type HistoryDoc struct {
	Since   time.Time `json:"since"` // from when on nothing is missing
	More    bool      `json:"more"`  // there are older ones, beyond the limit
	Changes []Doc     `json:"changes"`
}
