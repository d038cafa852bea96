package replication

import (
	"math/rand/v2"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// A LinkConfig sets up a Link. Queue.Rand and Rand are required.
type LinkConfig struct {
	Queue              QueueConfig
	Rand               *rand.Rand    // for the jitter of probes
	ExchangeInterval   time.Duration // least time between two exchanges that brought nothing
	DisableAntiEntropy bool
}

// A Link is all that a node decides about one URL of a peer: what to send and when, whether the peer is there, when to compare
// registries. It does no I/O and is not safe for concurrent use. Its owner asks Next, fills the batch and posts it, shows
// Again what came back, and tells Done; it tells Heard what the peer says of its own accord. When one of them says so, the
// owner asks the peer for its digest, pulls what differs, and tells Exchanged.
type Link struct {
	cfg     LinkConfig
	q       *Queue
	health  health
	buckets Fruitless
	clock   string // newest Greeting.Clock of the peer
}

// NewLink returns a link that nothing is known of.
func NewLink(cfg LinkConfig) *Link {
	return &Link{cfg: cfg, q: NewQueue(cfg.Queue), buckets: make(Fruitless)}
}

// Status returns what is known of the peer, but where it is and what it is used for.
func (l *Link) Status(now time.Time) Status {
	s := l.health.s
	if s.State == "" {
		s.State = StateUnknown
	}
	s.Pending, s.Counts = l.q.Len(), l.q.Counts()
	if oldest := l.q.Oldest(); !oldest.IsZero() {
		s.Lag = now.Sub(oldest)
	}
	return s
}

// Pending returns how many instances have something queued.
func (l *Link) Pending() int { return l.q.Len() }

// Add queues an operation of a client. It reports whether to ask Next again.
func (l *Link) Add(action wire.ReplicationAction, key heureka.Key, now time.Time) (wake bool) {
	return l.q.Add(action, key, now)
}

// busy reports whether something is queued or out, for a peer that answers.
func (l *Link) busy() bool { return !l.q.Failing() && !l.q.Oldest().IsZero() }

// Next returns what to send now, or for how long there is nothing unless somebody says otherwise. Nothing is queued for a URL
// that is not replicated to; it is only asked from time to time who is there. The first batch, empty if need be, finds that out.
func (l *Link) Next(now time.Time, replicated bool) (*Batch, time.Duration) {
	wait := Idle
	if replicated {
		var batch *Batch
		if batch, wait = l.q.Next(now); batch != nil {
			return batch, 0
		}
	} else {
		l.q.Clear()
	}
	if until := l.health.probeAt.Sub(now); until > 0 {
		return nil, min(wait, until)
	}
	return l.q.Probe(now), wait
}

// Worth reports whether a batch that has been filled is worth sending; else it is done with. What would have more in its headers than
// a Java server takes goes in smaller pieces.
func (l *Link) Worth(b *Batch, now time.Time) bool {
	var size int
	b.beside, size = wire.Beside(b.items)
	switch {
	case size > wire.MaxBeside && len(b.items) > 1:
		l.q.Done(b, Result{Outcome: TooLarge}, now)
		return false
	case len(b.items) > 0 || b.probe:
		return true
	}
	l.q.Done(b, Result{Outcome: Unsent}, now)
	return false
}

// Heard returns the newest clock that the peer has shown, for the next batch.
func (l *Link) Heard() string { return l.clock }

// A Reply is what came back for a batch, if anything.
type Reply struct {
	Result
	Late       bool  // refused because it may be stale, see Guard
	Err        error // nil with Delivered
	Said       Greeting
	Digest     string    // of this node, when the answer had come
	Date       time.Time // the peer's clock; zero: unknown
	Sent, Came time.Time
}

// Again reports whether to post the batch once more, because the peer asks for proof that it is not stale. To an empty
// one any answer is what was asked for.
func (l *Link) Again(b *Batch, r *Reply) bool {
	if r.Said.Clock != "" {
		l.clock = r.Said.Clock
	}
	switch {
	case !r.Late:
		return false
	case len(b.items) == 0:
		r.Outcome, r.Err = Delivered, nil
		return false
	}
	again := !b.again
	b.again = true
	return again
}

// Ready is what there is to do after a batch.
type Ready struct {
	Adopt    []wire.ReplicationResult // records that the peer has newer than the registry
	Exchange bool
	News     News
}

// Done says how it went with b.
func (l *Link) Done(b *Batch, r *Reply, replicated bool) Ready {
	adopt := l.q.Done(b, r.Result, r.Came)
	if b.bare && l.q.Failing() {
		return Ready{} // a batch with something in it will tell
	}
	pause := recheckInterval
	if replicated {
		pause = ProbeInterval
	}
	news := l.health.record(r, jitter(l.cfg.Rand, pause))
	return Ready{Adopt: adopt, News: news, Exchange: l.compare(r, news)}
}

// compare looks at the digest that came with an answer, and reports whether to exchange now: at the first contact, or when
// the difference has lasted.
func (l *Link) compare(r *Reply, n News) bool {
	if r.Said.Digest == "" || l.cfg.DisableAntiEntropy || r.Err != nil && !r.Late {
		return false
	}
	if r.Said.Digest == r.Digest {
		l.health.equal(r.Came)
		return false
	}
	return l.health.differ(r.Came, n.first)
}

// Contact notes that the node behind the link has spoken to this one, with its digest and this node's; "" says nothing. One
// that is comparing has seen a difference that lasts. It reports whether to ask Next again, and whether to exchange.
func (l *Link) Contact(theirs, mine string, comparing bool, now time.Time) (wake, exchange bool) {
	wake = l.q.Contact(now)
	switch {
	case theirs == "" || mine == "" || l.cfg.DisableAntiEntropy:
	case theirs == mine:
		l.health.equal(now)
	case comparing:
		exchange = l.health.drift.May(now)
	default:
		exchange = l.health.differ(now, false)
	}
	return wake, exchange
}

// MayExchange reports whether what asked for an exchange has not been settled by another one since.
func (l *Link) MayExchange(now time.Time) bool { return l.health.drift.May(now) }

// Postpone puts an exchange off, because the peer is copying registries: until it is done, it differs from this node in nearly
// everything. What its clients tell it meanwhile it replicates as ever.
func (l *Link) Postpone(now time.Time) { l.health.postpone(now) }

// An Exchange is a comparison in detail that is under way.
type Exchange struct {
	Theirs  [registry.Buckets]uint64
	Buckets []int // to pull
	began   time.Time
}

// Compare begins an exchange when both digests are known.
func (l *Link) Compare(mine, theirs *[registry.Buckets]uint64, now time.Time) *Exchange {
	return &Exchange{Theirs: *theirs, Buckets: l.buckets.Differing(mine, theirs, now), began: now}
}

// Exchanged notes the end of an exchange: that of e if all has been pulled, else e is nil; mine is the digest after it. The
// peer is asked soon whether it is like this node now.
func (l *Link) Exchanged(e *Exchange, mine *[registry.Buckets]uint64, healed int, now time.Time) {
	if e != nil {
		l.buckets.Remember(e.Buckets, mine, &e.Theirs, e.began)
	}
	l.health.exchanged(healed, l.cfg.ExchangeInterval, now)
}
