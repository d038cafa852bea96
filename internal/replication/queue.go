package replication

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// Idle is the wait that Next returns when nothing is pending.
const Idle = time.Duration(math.MaxInt64)

// Linger is how long heartbeats gather on their way to a peer: nobody sees them, and one batch for a hundred is far cheaper
// than a hundred.
const Linger = 500 * time.Millisecond

// Fixed numbers of a Queue.
const (
	batchSize   = 250 // most entries of one batch (W-REPL-14)
	probeSize   = 10  // entries of a batch to a peer that failed last time
	beatShare   = 5   // heartbeats get at least a fifth of a batch when operations compete with them
	firstPause  = 100 * time.Millisecond
	firstBusy   = time.Second // first pause after a peer said that it is busy, or did not answer in time
	longest     = 30 * time.Second
	contactWait = time.Second // pause towards a peer that is known to be alive
	bareWait    = time.Second // least time between two bare probes to a peer that failed, and at most twice as much
)

// QueueConfig sets up a Queue. All of it is required.
type QueueConfig struct {
	MaxPending int           // instances with something pending
	MaxAge     time.Duration // how long a cancel or status change may wait (S-REPL-3)
	Linger     time.Duration // how long heartbeats gather before they are sent; 0: not at all
	Rand       *rand.Rand    // for the jitter of pauses
}

// A Queue decides what to send to one peer, and when. It does no I/O and is not safe for concurrent use: the sender asks
// Next, fills the batch from the registry, posts it, and tells Done how that went.
//
// It holds at most one entry per instance: the set of operations that the peer has not confirmed. The newest of a kind
// stands for all; what it says is read from the registry when the batch is filled (S-REPL-3). A cancel replaces
// everything before it, a registration the heartbeats and the cancels. What these did to the override stays: a
// registration does not change that of the peer.
//
// Operations go out at once, at most one batch at a time, and what gathers meanwhile goes into the next. Heartbeats linger
// for a moment, because nobody sees them and one batch for a hundred is far cheaper than a hundred. Under a backlog,
// operations go first, but a fifth of each batch is kept for heartbeats: late ones end leases on the peer.
type Queue struct {
	cfg     QueueConfig
	entries map[heureka.Key]*entry
	ops     fifo // entries with more than a heartbeat
	beats   fifo // entries with a heartbeat only
	free    *entry
	out     *Batch

	limit     int // entries a batch may have, less than batchSize after the peer found one too large
	failures  int // in a row
	failedAt  time.Time
	paused    time.Duration // the last pause; 0 after a success
	notBefore time.Time
	bareAt    time.Time // the next bare probe; zero: none
	there     bool      // the last bare probe has arrived, though no batch has since
	count     QueueCounts
}

// QueueCounts says what became of operations, since the queue was made.
type QueueCounts struct {
	Coalesced  uint64 // merged with a pending operation of the same instance
	Delivered  uint64 // items that the peer answered with 2xx
	Unknown    uint64 // heartbeats that the peer answered with 404, each followed by a registration
	Conflicts  uint64 // heartbeats that the peer answered with a newer record
	Rejected   uint64 // other items that the peer did not accept
	Unanswered uint64 // items whose results did not match the batch and were ignored
	Expired    uint64 // operations too old to send
	Gone       uint64 // entries whose instance had left the registry
	Overflowed uint64 // entries dropped because the queue was full
	Refused    uint64 // entries dropped because the peer refused the whole batch
	Retried    uint64 // entries queued again
}

// NewQueue returns an empty queue.
func NewQueue(cfg QueueConfig) *Queue {
	return &Queue{cfg: cfg, entries: make(map[heureka.Key]*entry), limit: batchSize}
}

// Len returns how many instances have something pending, not counting the batch that is out.
func (q *Queue) Len() int { return len(q.entries) }

// Counts returns what became of operations so far.
func (q *Queue) Counts() QueueCounts { return q.count }

// Oldest returns since when the oldest operation waits, the batch that is out included; zero if there is none.
func (q *Queue) Oldest() time.Time {
	var oldest time.Time
	earlier := func(e *entry) {
		if e != nil && (oldest.IsZero() || e.since.Before(oldest)) {
			oldest = e.since
		}
	}
	earlier(q.ops.head)
	earlier(q.beats.head)
	if q.out != nil {
		for _, e := range q.out.entries {
			earlier(e)
		}
	}
	return oldest
}

// Failing reports whether the last batch failed.
func (q *Queue) Failing() bool { return q.failures > 0 }

// Clear drops everything pending, uncounted, and every pause: for a peer that turned out not to need it.
func (q *Queue) Clear() {
	clear(q.entries)
	q.ops, q.beats, q.free = fifo{}, fifo{}, nil
	q.succeed()
}

// Add notes that a client asked for action. It reports whether the sender should ask Next again, because that may have
// become possible earlier than Next said.
func (q *Queue) Add(action wire.ReplicationAction, key heureka.Key, now time.Time) (wake bool) {
	op := opOf(action)
	e := q.entries[key]
	if e == nil {
		if e = q.insert(key, op, now); e == nil {
			return false
		}
		return q.due(e)
	}
	q.count.Coalesced++
	e.ask(op, now)
	if e.ops == opBeat || e.in == &q.ops {
		return false
	}
	// What began as a heartbeat has become an operation, and counts from now.
	e.since = now
	e.in.remove(e)
	q.ops.pushBack(e)
	return q.due(e)
}

// due reports whether e, just queued, changes when the next batch can go.
func (q *Queue) due(e *entry) bool {
	return e.in.n == 1 || e.in == &q.beats && q.beats.n == q.enough()
}

// enough is how many heartbeats need not wait for more: a batch is full, or the queue.
func (q *Queue) enough() int { return min(q.limit, q.cfg.MaxPending) }

// insert makes room for a new entry and queues it. It returns nil if the queue is full of more important things.
func (q *Queue) insert(key heureka.Key, op ops, now time.Time) *entry {
	if len(q.entries) >= q.cfg.MaxPending {
		q.count.Overflowed++
		if op == opBeat && q.beats.n == 0 {
			return nil
		}
		q.drop(q.leastImportant())
	}
	e := q.alloc()
	e.key, e.since = key, now
	e.ask(op, now)
	q.entries[key] = e
	q.listOf(e).pushBack(e)
	return e
}

// leastImportant is the oldest heartbeat: a newer one follows within its interval. Else it is the oldest operation.
func (q *Queue) leastImportant() *entry {
	if q.beats.head != nil {
		return q.beats.head
	}
	return q.ops.head
}

func (q *Queue) drop(e *entry) {
	e.in.remove(e)
	delete(q.entries, e.key)
	q.release(e)
}

func (q *Queue) listOf(e *entry) *fifo {
	if e.ops == opBeat {
		return &q.beats
	}
	return &q.ops
}

func (q *Queue) alloc() *entry {
	e := q.free
	if e == nil {
		return new(entry)
	}
	q.free = e.next
	e.next = nil
	return e
}

func (q *Queue) release(e *entry) {
	*e = entry{next: q.free}
	q.free = e
}

// Next returns the next batch, or nil and how long to wait for one unless Add says otherwise. While a batch is out there is
// no other. A peer that failed is tried with a small batch, which is empty if nothing is pending. In a long pause before that
// bare probes, which are always empty, go every one to two seconds unless it answers that it is busy: they cost next to
// nothing, and a link that works again is noticed soon.
func (q *Queue) Next(now time.Time) (*Batch, time.Duration) {
	switch wait := q.notBefore.Sub(now); {
	case q.out != nil:
		return nil, Idle
	case wait > 0 && q.bareAt.IsZero():
		return nil, wait
	case wait > 0 && q.bareAt.After(now):
		return nil, min(wait, q.bareAt.Sub(now))
	case wait > 0:
		q.out = &Batch{probe: true, bare: true}
		return q.out, 0
	case q.failures > 0:
		return q.probe(min(probeSize, q.limit)), 0
	case q.ops.n > 0 || q.beats.n >= q.enough():
		return q.take(q.limit), 0
	case q.beats.n == 0:
		return nil, Idle
	}
	if wait := q.beats.head.since.Add(q.cfg.Linger).Sub(now); wait > 0 {
		return nil, wait
	}
	return q.take(q.limit), 0
}

// Probe returns a batch of what is pending, or an empty one, without waiting for heartbeats to gather: to see whether the
// peer is there. It returns nil while a batch is out or a pause lasts.
func (q *Queue) Probe(now time.Time) *Batch {
	if q.out != nil || q.notBefore.After(now) {
		return nil
	}
	return q.probe(q.limit)
}

func (q *Queue) probe(limit int) *Batch {
	b := q.take(limit)
	b.probe = true
	return b
}

func (q *Queue) take(limit int) *Batch {
	b := &Batch{maxAge: q.cfg.MaxAge + q.paused} // nothing expires only because of a pause
	b.take(q, &q.ops, limit-min(limit/beatShare, q.beats.n))
	b.take(q, &q.beats, limit)
	q.out = b
	return b
}

// Done says how it went with b. It returns records that the peer has newer than the registry, for the caller to adopt
// (S-SYNC-6).
func (q *Queue) Done(b *Batch, r Result, now time.Time) (adopt []wire.ReplicationResult) {
	q.out = nil
	if b.bare {
		q.doneBare(r, now)
		return nil
	}
	q.count.Gone += b.gone
	q.count.Expired += b.expired
	switch r.Outcome {
	case Delivered:
		q.succeed()
		q.limit = min(q.limit*2, batchSize)
		adopt = q.readResults(b, r.Results, now)
	case Busy:
		q.pause(firstBusy, r.RetryAfter, now)
		q.retry(b)
	case Silent:
		q.pause(firstBusy, 0, now)
		q.probeSoon(now)
		q.retry(b)
	case Unreachable:
		q.pause(firstPause, 0, now)
		q.probeSoon(now)
		q.retry(b)
	case Denied:
		q.pause(firstPause, r.RetryAfter, now)
		q.retry(b)
	case TooLarge:
		q.shrink(b)
	case Unsent:
		q.discard(b)
	case Refused:
		q.pause(firstPause, r.RetryAfter, now)
		q.count.Refused += uint64(len(b.entries))
		q.discard(b)
	}
	return adopt
}

// succeed ends every pause.
func (q *Queue) succeed() {
	q.failures, q.paused, q.notBefore, q.bareAt, q.there = 0, 0, time.Time{}, time.Time{}, false
}

// doneBare says how it went with a bare probe. The first one that arrives lets what waits be tried at once, and pauses begin
// anew. If that fails they grow again, whatever the next bare probes bring: the peer is there and cannot take what it is sent.
func (q *Queue) doneBare(r Result, now time.Time) {
	q.bareAt = time.Time{}
	switch {
	case r.Outcome == Delivered && len(q.entries) == 0:
		q.succeed()
	case r.Outcome == Delivered && !q.there:
		q.notBefore, q.failures, q.there = time.Time{}, 1, true
	case r.RetryAfter > 0:
		q.pause(firstBusy, r.RetryAfter, now)
	case r.Outcome == Delivered:
		q.probeSoon(now)
	case r.Outcome == Unreachable || r.Outcome == Silent:
		q.failedAt, q.there = now, false
		q.probeSoon(now)
	}
}

// probeSoon plans the next bare probe.
func (q *Queue) probeSoon(now time.Time) {
	at := now.Add(bareWait + time.Duration(q.cfg.Rand.Int64N(int64(bareWait))))
	if at.Before(q.notBefore) {
		q.bareAt = at
	}
}

// readResults reads the result of each item (S-SYNC-5). Results that do not match the batch say nothing (W-REPL-12).
func (q *Queue) readResults(b *Batch, results []wire.ReplicationResult, now time.Time) (adopt []wire.ReplicationResult) {
	if len(results) != len(b.items) {
		q.count.Unanswered += uint64(len(b.items))
		q.discard(b)
		return nil
	}
	q.discard(b)
	for i := range results {
		if q.answer(&b.items[i], &results[i], now) {
			adopt = append(adopt, results[i])
		}
	}
	return adopt
}

// answer handles one result. A registration asked for by a 404 is sent only if the instance is still in the registry by
// then (S-DEF-31). What else the peer does not accept is not tried again: the peer has spoken.
func (q *Queue) answer(it *wire.ReplicationItem, r *wire.ReplicationResult, now time.Time) (adopt bool) {
	switch {
	case r.StatusCode/100 == 2:
		q.count.Delivered++
	case it.Action == wire.Heartbeat && r.StatusCode == 404:
		q.count.Unknown++
		q.Add(wire.Register, heureka.Key{App: it.App, ID: it.ID}, now)
	case it.Action == wire.Heartbeat && r.Instance != nil:
		q.count.Conflicts++
		return true
	default:
		q.count.Rejected++
	}
	return false
}

// retry puts the entries of b back where they came from. What has been asked for meanwhile comes after them.
func (q *Queue) retry(b *Batch) {
	q.count.Retried += uint64(len(b.entries))
	for i := len(b.entries) - 1; i >= 0; i-- {
		q.putBack(b.entries[i])
	}
	q.trim()
}

func (q *Queue) trim() {
	for len(q.entries) > q.cfg.MaxPending {
		q.count.Overflowed++
		q.drop(q.leastImportant())
	}
}

// left returns copies of all entries, those of the batch that is out included, oldest first.
func (q *Queue) left() []*entry {
	var all []*entry
	if q.out != nil {
		all = append(all, q.out.entries...)
	}
	for _, l := range []fifo{q.ops, q.beats} {
		for e := l.head; e != nil; e = e.next {
			all = append(all, e)
		}
	}
	for i, e := range all {
		all[i] = &entry{key: e.key, ops: e.ops, since: e.since, asked: e.asked, beat: e.beat}
	}
	return all
}

// inherit queues entries before those that are there.
func (q *Queue) inherit(left []*entry) {
	for _, e := range slices.Backward(left) {
		q.putBack(e)
	}
	q.trim()
}

func (q *Queue) putBack(e *entry) {
	if newer := q.entries[e.key]; newer != nil {
		e.ops = e.ops.then(newer.ops)
		e.asked, e.beat = later(e.asked, newer.asked), later(e.beat, newer.beat)
		q.count.Coalesced++
		q.drop(newer)
	}
	q.entries[e.key] = e
	q.listOf(e).pushFront(e)
}

// shrink retries a batch that was too large with half as many entries. A single one that is too large is hopeless.
func (q *Queue) shrink(b *Batch) {
	if len(b.entries) <= 1 {
		q.count.Refused += uint64(len(b.entries))
		q.discard(b)
		return
	}
	q.limit = len(b.entries) / 2
	q.retry(b)
}

func (q *Queue) discard(b *Batch) {
	for _, e := range b.entries {
		q.release(e)
	}
	b.entries = nil
}

// pause keeps the next batch back, twice as long after each failure in a row, and never for everybody alike.
func (q *Queue) pause(first, atLeast time.Duration, now time.Time) {
	d := longest
	if q.failures < 16 { // beyond which shifting could overflow
		d = min(first<<q.failures, longest)
	}
	q.failures++
	q.bareAt = time.Time{}
	d = d/2 + time.Duration(q.cfg.Rand.Int64N(int64(d/2)+1))
	q.failedAt, q.paused = now, max(d, min(atLeast, longest))
	q.notBefore = now.Add(q.paused)
}

// Contact says that the peer was heard of: it is alive, and worth a try sooner than a long pause would allow. It reports
// whether the sender should ask Next again.
func (q *Queue) Contact(now time.Time) (wake bool) {
	soon := later(q.failedAt.Add(contactWait), now)
	if q.failures == 0 || !soon.Before(q.notBefore) {
		return false
	}
	q.notBefore = soon
	return true
}

// An Outcome is how the posting of a batch ended (S-DISP-11).
type Outcome uint8

// The outcomes.
const (
	Delivered   Outcome = iota // 2xx
	Busy                       // 503 and its kin: queued again after a pause
	Silent                     // no answer in time: the same
	Unreachable                // no connection, or it broke: queued again after a shorter pause
	Refused                    // any other answer: the batch is dropped, as the reference does (S-DEF-32)
	Denied                     // 401 or 403: somebody has to mend a credential, and the batch waits for that
	TooLarge                   // 413: queued again in smaller pieces
	Unsent                     // nothing was worth sending
)

// permanent says that trying again is of no use until somebody changes something.
func (o Outcome) permanent() bool { return o == Refused || o == Denied }

// A Result is what came back for a batch.
type Result struct {
	Outcome    Outcome
	Results    []wire.ReplicationResult // of each item, with Delivered
	RetryAfter time.Duration            // what the peer asked for; 0: nothing
}
