package replication

import "time"

// A State says how a URL is doing.
type State string

// The states.
const (
	StateUnknown   State = "unknown"   // not asked yet
	StateOK        State = "ok"        // the last batch arrived
	StateFailing   State = "failing"   // it did not: see Status.Error
	StateThisNode  State = "this node" // the URL leads here and is left out
	StateDuplicate State = "duplicate" // another URL leads to the same peer
)

// Status is what is known about one URL.
type Status struct {
	URL   string // without credentials
	Zone  string
	State State
	Since time.Time // of the state; zero while unknown

	// Error says in a line why the peer is failing. Permanent errors are answers, such as 401: only somebody who changes
	// something can help. Batches are dropped (S-DEF-32), unless it is for the credential. Others are retried.
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
	Program   string    // its version; "" if it does not say
	Phase     string    // how far the peer's start has come
	EqualAt   time.Time // when both registries were last seen to be the same; zero: never
	Exchanges uint64    // how often both were compared in detail
	Healed    uint64    // instances updated here because the peer had newer entries
	Refused   uint64    // records of the peer that this node's limits do not allow
}

// health is the part of a Status that the sender writes.
type health struct {
	s        Status // State is that of the last batch, whatever the role
	outcome  Outcome
	inRow    int // failures
	reported bool
	probeAt  time.Time
	drift    Drift
}

// News is what a batch has changed, for the log and for the set.
type News struct {
	changed   bool // who answers, or whether
	nodeID    string
	first     bool          // the first answer after failures, or at all, or of another node
	failing   bool          // to be reported
	missing   bool          // it has been failing for a while, and may be elsewhere
	recovered bool          // to be reported
	after     time.Duration // of failing
	err       string
	outcome   Outcome
}

// record takes in what came back for a batch; the next probe is due after pause.
func (h *health) record(r *Reply, pause time.Duration) News {
	o := r.Outcome
	h.probeAt = r.Came.Add(pause)
	id := r.Said.Node
	n := News{nodeID: id}
	if !r.Date.IsZero() {
		h.s.ClockSkew = new(skew(r))
		h.s.RTT = r.Came.Sub(r.Sent)
	}
	if id != "" || o == Delivered { // an error may come from a proxy
		n.changed = id != h.s.NodeID
		h.s.NodeID, h.s.Phase, h.s.Program = id, r.Said.Phase, r.Said.Program
	}
	if o == Delivered {
		h.succeed(r, &n)
	} else {
		h.fail(r, o, &n)
	}
	h.outcome = o
	return n
}

func (h *health) succeed(r *Reply, n *News) {
	h.s.Batches++
	h.s.LastSuccess = r.Came
	n.first = h.s.State != StateOK || n.changed
	if h.s.State != StateOK {
		n.changed = true
		n.recovered, n.after = h.reported, r.Came.Sub(h.s.Since)
		h.enter(StateOK, r.Came)
	}
	h.inRow, h.reported = 0, false
	h.s.Error, h.s.Permanent = "", false
}

// fail reports a failure when it happens the second time, so that a connection that broke while it was idle is no news,
// and again when it becomes another kind of failure.
func (h *health) fail(r *Reply, o Outcome, n *News) {
	h.s.Failed++
	if h.s.State != StateFailing {
		n.changed = true
		h.enter(StateFailing, r.Came)
	}
	h.inRow++
	n.missing = !o.permanent() && r.Came.Sub(h.s.Since) >= missingTime
	h.s.Error, h.s.Permanent = r.Err.Error(), o.permanent()
	if h.inRow >= 2 && (!h.reported || o != h.outcome) {
		h.reported = true
		n.failing, n.err, n.outcome = true, h.s.Error, o
	}
}

func (h *health) enter(s State, now time.Time) { h.s.State, h.s.Since = s, now }

// skew estimates the difference of clocks: the peer read its own somewhere between sending and coming, and cut off the
// fraction of the second.
func skew(r *Reply) time.Duration {
	middle := r.Sent.Add(r.Came.Sub(r.Sent) / 2)
	d := r.Date.Add(500 * time.Millisecond).Sub(middle)
	return d.Round(time.Second)
}

func (h *health) equal(now time.Time) {
	h.s.EqualAt = now
	h.drift.Equal()
}

// differ notes a difference. If it does not count yet, another look is due when it may.
func (h *health) differ(now time.Time, atOnce bool) bool {
	exchange, look := h.drift.Differ(now, atOnce)
	if !exchange {
		h.probeBy(look)
	}
	return exchange
}

func (h *health) probeBy(t time.Time) {
	if t.Before(h.probeAt) {
		h.probeAt = t
	}
}

// postpone has the peer looked at again when changes have settled.
func (h *health) postpone(now time.Time) {
	h.drift = Drift{notBefore: now.Add(SettleTime)}
	h.probeBy(h.drift.notBefore)
}

// exchanged notes the end of an exchange, and has the peer asked soon whether it is like this node now.
func (h *health) exchanged(healed int, pause time.Duration, now time.Time) {
	h.s.Exchanges++
	h.s.Healed += uint64(healed)
	h.drift.Exchanged(healed, pause, now)
	h.probeBy(now.Add(time.Second))
}
