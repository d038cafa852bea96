package registry

import (
	"fmt"
	"time"
)

// An Origin says who asked for an operation, and from where. The zero value is a client of which no more is known.
type Origin struct {
	By        By
	Address   string // of whoever asked, or the URL of the peer that was asked; "" if not known
	Principal string // who they have shown to be
	Proof     string // by what kind of credential
	Note      string // a person's reason
	Owner     string // of a peer: whose the record is that it tells of, as far as it knows
}

// By is the kind of those who ask.
type By uint8

// The kinds. What came from a peer is never replicated on (S-REPL-2): the kinds from ByPeer on.
const (
	ByClient   By = iota
	ByOperator    // a person
	ByNode        // this node itself, as when it evicts
	ByPeer        // replicated by another node
	BySync        // taken over when registries were compared
	ByStart       // copied from a peer at the start
	ByDisk        // restored from a snapshot at the start
)

var byNames = [...]string{
	ByClient: "client", ByPeer: "peer", BySync: "anti-entropy", ByNode: "node", ByStart: "start-up", ByOperator: "operator", ByDisk: "snapshot",
}

func (b By) String() string { return byNames[b] }

// Origins of which no more is known.
var (
	FromClient = Origin{}
	FromPeer   = Origin{By: ByPeer}
	FromSync   = Origin{By: BySync}
	FromNode   = Origin{By: ByNode}
	FromDisk   = Origin{By: ByDisk}
)

// Replicates reports whether peers must hear of what o asked for: of everything that none of them has said.
func (o *Origin) Replicates() bool { return o.By < ByPeer }

// Copies reports whether o is how a node got its registry at the start: that is one event, not as many as there are instances.
func (o *Origin) Copies() bool { return o.By == ByStart || o.By == ByDisk }

// String says for people who asked: "operator alice at 10.0.0.7 (new disk)".
func (o Origin) String() string {
	text := o.By.String()
	if o.By == ByNode {
		text = "this node"
	}
	if o.Principal != "" {
		text += " " + o.Principal
	}
	if o.Address != "" {
		text += " at " + o.Address
	}
	if o.Note != "" {
		text += fmt.Sprintf(" (%s)", o.Note)
	}
	return text
}

// A Heartbeat is the last one of a lease.
type Heartbeat struct {
	At      time.Time // zero if there never was one
	By      By        // ByClient if it arrived here, ByPeer if another node told of it, ByDisk if this one's snapshot did
	Address string    // that of the peer
}

// Through says for people how the heartbeat is known.
func (h *Heartbeat) Through() string {
	switch h.By {
	case ByClient:
		return "here"
	case ByDisk:
		return "before this node started"
	}
	return "through peer " + h.Address
}
