package replication

import (
	"log/slog"
	"time"
)

// A State says how a URL is doing.
type State string

// The states.
const (
	StateUnknown   State = "unknown"   // not asked yet
	StateOK        State = "ok"        // the last batch arrived
	StateFailing   State = "failing"   // it did not: see Status.Error
	StateThisNode  State = "this node" // the URL leads here and is left out
	StateDuplicate State = "duplicate" // the URL leads to a node that is replicated to under another one
)

// Status is what is known about one URL.
type Status struct {
	URL   string // without credentials
	Zone  string
	State State
	Since time.Time // of the state; zero while unknown

	// Error says in a line why the peer is failing. Permanent errors are answers, such as 401: batches are dropped, and
	// only somebody who changes something can help (S-DEF-32). Others are retried.
	Error       string
	Permanent   bool
	LastSuccess time.Time // zero: never

	Pending int           // instances with something queued
	Lag     time.Duration // age of the oldest of it
	Counts  QueueCounts
	Batches uint64 // sent, answered with 2xx
	Failed  uint64 // not
	RTT     time.Duration

	// ClockSkew is how far the peer's clock is ahead of this node's, to about a second; nil before the first answer.
	ClockSkew *time.Duration

	// Of heureka nodes only.
	NodeID    string    // "" for Java servers
	Phase     string    // how far the peer's start has come
	EqualAt   time.Time // when both registries were last seen to be the same; zero: never
	Exchanges uint64    // how often both were compared in detail
	Healed    uint64    // instances that changed here because the peer knew better
}

// health is the part of a Status that the sender writes. Guarded by peer.mu.
type health struct {
	s        Status // State is that of the last batch, whatever the role
	outcome  Outcome
	inRow    int // failures
	reported bool
	probeAt  time.Time
	drift    Drift
}

// news is what a batch has changed, for the log and for the set.
type news struct {
	changed   bool // who answers, or whether
	nodeID    string
	first     bool          // the first answer after failures, or at all, or of another node
	failing   bool          // to be reported
	recovered bool          // to be reported
	after     time.Duration // of failing
	err       string
	permanent bool
}

// note takes in what came back for a batch; the next probe is due after pause.
func (h *health) note(r *reply, o Outcome, pause time.Duration) news {
	h.probeAt = r.came.Add(pause)
	id := r.said.Node
	n := news{nodeID: id}
	if !r.date.IsZero() {
		h.s.ClockSkew = new(skew(r))
		h.s.RTT = r.came.Sub(r.sent)
	}
	if id != "" || o == Delivered { // an error may come from a proxy
		n.changed = id != h.s.NodeID
		h.s.NodeID, h.s.Phase = id, r.said.Phase
	}
	if o == Delivered {
		h.succeed(r, &n)
	} else {
		h.fail(r, o, &n)
	}
	h.outcome = o
	return n
}

func (h *health) succeed(r *reply, n *news) {
	h.s.Batches++
	h.s.LastSuccess = r.came
	n.first = h.s.State != StateOK || n.changed
	if h.s.State != StateOK {
		n.changed = true
		n.recovered, n.after = h.reported, r.came.Sub(h.s.Since)
		h.enter(StateOK, r.came)
	}
	h.inRow, h.reported = 0, false
	h.s.Error, h.s.Permanent = "", false
}

// fail reports a failure when it happens the second time, so that a connection that broke while it was idle is no news,
// and again when it becomes another kind of failure.
func (h *health) fail(r *reply, o Outcome, n *news) {
	h.s.Failed++
	if h.s.State != StateFailing {
		n.changed = true
		h.enter(StateFailing, r.came)
	}
	h.inRow++
	h.s.Error, h.s.Permanent = r.err.Error(), o == Refused
	if h.inRow >= 2 && (!h.reported || o != h.outcome) {
		h.reported = true
		n.failing, n.err, n.permanent = true, h.s.Error, h.s.Permanent
	}
}

func (h *health) enter(s State, now time.Time) { h.s.State, h.s.Since = s, now }

// skew estimates the difference of clocks: the peer read its own somewhere between sending and coming, and cut off the
// fraction of the second.
func skew(r *reply) time.Duration {
	middle := r.sent.Add(r.came.Sub(r.sent) / 2)
	d := r.date.Add(500 * time.Millisecond).Sub(middle)
	return d.Round(time.Second)
}

// report logs news, once each.
func (p *peer) report(n news) {
	log := p.set.log.With("peer", p.conn.URL())
	switch {
	case p.has(thisNode):
	case n.failing && n.permanent:
		log.Error("peer refuses replication, what is sent to it is lost until that is put right", "err", n.err)
	case n.failing:
		log.Warn("peer does not take replication, trying on", "err", n.err)
	case n.recovered:
		log.Info("peer takes replication again", slog.Duration("after", n.after.Round(time.Millisecond)))
	}
}

// status returns the whole picture.
func (p *peer) status(now time.Time) Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.health.s
	s.URL, s.Zone = p.conn.URL(), p.target.Zone
	if s.State == "" {
		s.State = StateUnknown
	}
	switch role(p.role.Load()) {
	case thisNode:
		s.State, s.Error, s.Permanent = StateThisNode, "", false
	case duplicate:
		s.State = StateDuplicate
	}
	s.Pending, s.Counts = p.q.Len(), p.q.Counts()
	if oldest := p.q.Oldest(); !oldest.IsZero() {
		s.Lag = now.Sub(oldest)
	}
	return s
}
