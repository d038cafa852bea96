package replication

import (
	"strconv"
	"strings"
	"time"
)

// maxSenders is how many nodes are remembered with the number of their last batch; far more than any ring has.
const maxSenders = 1024

// maxUnheard is how long after an answer a batch may come that refers to it. It is longer than a sender's patience, so
// that batches in a row pass, and little longer, because what a network holds for less is performed.
const maxUnheard = 15 * time.Second

// maxJump is by how much a number may exceed the last one: a sender counts its batches. Who names larger ones must not make
// all that follow come too late. Of smaller ones the sender is told, see HeaderLast.
const maxJump = 1 << 32

// HeaderLast is the header of an answer 425: the number of the last batch of the sender, so that it can go on above it, whoever
// has sent that.
const HeaderLast = "X-Heureka-Last"

// A Guard rejects stale batches.
//
// A network that was cut can hold a request for many minutes and deliver it when it heals. Its sender gave it up long
// ago and has sent its contents again, or newer ones. Applying it then would bring cancelled instances back and remove
// others that have registered again. Hence two rules for batches of heureka nodes: a batch is applied only if no later
// one has been, and only if its sender has heard from the receiver shortly before. Otherwise it is refused with 425 and the time
// to send back. A sender that still waits for the answer resends the batch at once under a new number; a stale request has
// no sender left to resend it.
//
// It does no I/O. Clock is safe for concurrent use, Admit is not.
type Guard struct {
	nodeID  string
	began   time.Time
	last    map[string]uint64 // number of the last batch of each peer that sends to this one
	claimed map[string]uint64 // likewise of who has not proved to be a peer, see HeaderProof
}

// NewGuard returns the guard of a node that begins now.
func NewGuard(nodeID string, now time.Time) *Guard {
	return &Guard{nodeID: nodeID, began: now, last: make(map[string]uint64), claimed: make(map[string]uint64)}
}

// Clock returns what to put into HeaderClock.
func (g *Guard) Clock(now time.Time) string {
	return g.nodeID + " " + strconv.FormatInt(now.Sub(g.began).Milliseconds(), 10)
}

// Admit reports whether to perform a batch, all of which must have come, and the number of the last one of its sender. It is
// given HeaderNode, HeaderBatch and HeaderHeard of the batch. What somebody claims who has not proved to be a peer changes
// nothing for those who have.
func (g *Guard) Admit(from Greeting, proven bool, now time.Time) (admitted bool, last uint64) {
	numbers := g.last
	if !proven {
		numbers = g.claimed
	}
	admitted = g.recent(from.Heard, now) && !overtaken(numbers, from.Node, from.Batch)
	return admitted, numbers[from.Node]
}

// recent reports whether heard is a clock of this node that is not too old.
func (g *Guard) recent(heard string, now time.Time) bool {
	ms, ok := strings.CutPrefix(heard, g.nodeID+" ")
	at, err := strconv.ParseInt(ms, 10, 64)
	age := now.Sub(g.began).Milliseconds() - at
	return ok && err == nil && at >= 0 && 0 <= age && age <= maxUnheard.Milliseconds()
}

// overtaken reports whether a later batch of the same node has come before this one, and else notes this one.
func overtaken(last map[string]uint64, nodeID, number string) bool {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return false
	}
	if !follows(n, last[nodeID]) {
		return true
	}
	if len(last) >= maxSenders {
		clear(last)
	}
	last[nodeID] = n
	return false
}

// follows reports whether a batch numbered n is taken after that numbered last.
func follows(n, last uint64) bool { return n > last && n-last <= maxJump }
