package replication

import (
	"net/http"
	"strconv"

	"heureka.internal/heureka/internal/wire"
)

// Protocol is the version of what heureka nodes say to each other beside Eureka's batches: headers, digests and how they are
// computed, buckets, what was heard, the incarnations of a batch and whose its
// records are. A change that older nodes may ignore, such as a new header or member,
// leaves it as it is. Every other change counts it up, and then a node of each version leaves alone what the other says:
// they replicate by batches, as with Java servers, and do not compare their registries.
//
// Nodes from before the version was said speak 1. 2 is 1 with the clocks of operators' commands, which digests show.
const Protocol = 2

// Headers that heureka nodes add to batches, exchanges and the answers to both. Java servers ignore them and send none.
const (
	HeaderProtocol = "X-Heureka-Protocol" // the version of what is said; HeaderNode is the same in all of them
	HeaderNode     = "X-Heureka-Node"     // who speaks: 128 random bits, in hexadecimal
	HeaderDigest   = "X-Heureka-Digest"   // hash of the whole registry of who speaks
	HeaderProgram  = "X-Heureka-Program"  // the version of the program that speaks, for people
	HeaderPhase    = "X-Heureka-Phase"    // how far the start of who speaks has come
	HeaderBatch    = "X-Heureka-Batch"    // number of the batch: a later one of the same node has a higher number
	HeaderClock    = "X-Heureka-Clock"    // of an answer: when it was given, to be sent back as HeaderHeard
	HeaderHeard    = "X-Heureka-Heard"    // of a batch: the newest HeaderClock that its sender has from the receiver
)

// A Greeting is what a node says of itself beside a batch, an exchange or an answer. Empty fields say nothing.
type Greeting struct {
	Node, Digest, Phase string
	Program             string // its version
	Batch, Heard        string // of a batch
	Clock               string // of an answer
}

// maxProgram bounds the version of a program.
const maxProgram = 64

// greetingIn returns what these headers say in a protocol that this node speaks; of others, who speaks.
func greetingIn(h http.Header) Greeting {
	g := Greeting{Node: h.Get(HeaderNode), Program: h.Get(HeaderProgram)}
	g.Program = g.Program[:min(len(g.Program), maxProgram)]
	if speaks(h.Get(HeaderProtocol)) {
		g.Digest, g.Phase = h.Get(HeaderDigest), h.Get(HeaderPhase)
		g.Batch, g.Heard, g.Clock = h.Get(HeaderBatch), h.Get(HeaderHeard), h.Get(HeaderClock)
	}
	return g
}

// speaks reports whether this node speaks a version.
func speaks(version string) bool { return version == strconv.Itoa(Protocol) }

// addTo writes the greeting into h.
func (g *Greeting) addTo(h http.Header) {
	h.Set(HeaderProtocol, strconv.Itoa(Protocol))
	for name, value := range map[string]string{
		HeaderNode: g.Node, HeaderProgram: g.Program, HeaderDigest: g.Digest, HeaderPhase: g.Phase,
		HeaderBatch: g.Batch, HeaderHeard: g.Heard, HeaderClock: g.Clock,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
}

// silence removes from h what a node of another protocol says beside its batch, but who it is.
func silence(h http.Header) {
	for _, name := range []string{HeaderDigest, HeaderPhase, HeaderBatch, HeaderHeard, HeaderClock, HeaderLast, wire.HeaderIncarnations, wire.HeaderOwners, wire.HeaderStamps} {
		h.Del(name)
	}
}
