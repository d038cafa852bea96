package scenario

import (
	"math/rand/v2"
	"strconv"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

const exchangeInterval = 30 * time.Second

// A peer is what one node does about another: replication.peer without its goroutines.
type peer struct {
	s        *sim
	from, to *node
	name     string // of the link, for the trace
	rng      *rand.Rand
	q        *replication.Queue
	drift    replication.Drift
	known    replication.Fruitless

	sending    bool
	timer      int // number of the timer that counts
	probeAt    time.Time
	ok         bool   // the last batch arrived
	met        string // who answered last
	clock      string // from the newest answer to a batch
	exchanging bool
	poked      bool // another exchange was asked for meanwhile
}

func newPeer(from, to *node) *peer {
	rng := rand.New(from.source(16 + uint64(to.index)))
	return &peer{
		s: from.s, from: from, to: to, name: from.name + "-" + to.name, rng: rng, known: replication.Fruitless{},
		q: replication.NewQueue(replication.QueueConfig{
			MaxPending: from.s.opt.Bug.pending(from.s.story.pending), Rand: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
		}),
	}
}

// pump sends what there is to send, and else comes back when there may be something.
func (p *peer) pump() {
	for !p.sending {
		probe := p.q.Failing()
		batch, wait := p.q.Next(p.from.now())
		if batch == nil {
			until := p.probeAt.Sub(p.from.now())
			if until > 0 {
				p.wake(min(wait, until))
				return
			}
			if batch = p.q.Probe(p.from.now()); batch == nil {
				p.wake(wait)
				return
			}
			probe = true
		}
		p.send(batch, probe)
	}
}

func (p *peer) wake(d time.Duration) {
	p.timer++
	mine := p.timer
	if d == replication.Idle {
		return
	}
	p.s.after(max(d, 0), p.from.inThisLife(func() {
		if p.timer == mine {
			p.pump()
		}
	}))
}

// answer is what comes back for a batch, with what the node says of itself.
type answer struct {
	results []wire.ReplicationResult
	node    string
	open    bool
	digest  digest
	clock   string
	again   bool // it was refused, to be sent again
}

func (p *peer) send(b *replication.Batch, probe bool) {
	items := b.Fill(p.from.store, p.from.now())
	if len(items) == 0 && !probe {
		p.q.Done(b, replication.Result{Outcome: replication.Unsent}, p.from.now())
		return
	}
	p.sending = true
	p.post(items, func(a answer, o replication.Outcome) {
		switch {
		case !a.again:
			p.settle(b, a, o)
		case len(items) == 0:
			p.settle(b, a, replication.Delivered)
		default:
			p.post(items, func(a answer, o replication.Outcome) { p.settle(b, a, o) })
		}
	})
}

// post is replication.peer.postOnce.
func (p *peer) post(items []wire.ReplicationItem, done func(answer, replication.Outcome)) {
	p.from.batches++
	number, id, heard, theirs := p.from.batches, p.from.id(), p.clock, p.from.store.Digest()
	p.s.note("sends", p.name, "", len(items))
	call(p.from, p.to,
		func() (answer, replication.Outcome) { return p.to.serveBatch(id, number, heard, items, &theirs) },
		func(a answer, o replication.Outcome) {
			if a.clock != "" {
				p.clock = a.clock
			}
			done(a, o)
		})
}

// serveBatch is what the receiver does.
func (n *node) serveBatch(from string, number uint64, heard string, items []wire.ReplicationItem, theirs *digest) (answer, replication.Outcome) {
	if !n.admits(from, number, heard) {
		a := n.greeting()
		a.again = true
		n.heard(from, nil, &a.digest, false)
		return a, replication.Busy
	}
	results := make([]wire.ReplicationResult, len(items))
	for i := range items {
		results[i] = n.item(&items[i])
	}
	a := n.greeting()
	a.results = results
	n.heard(from, theirs, &a.digest, false)
	return a, replication.Delivered
}

// admits asks the guard about a batch.
func (n *node) admits(from string, number uint64, heard string) bool {
	if n.s.opt.Bug.is(LateBatches) || n.guard.Admit(from, strconv.FormatUint(number, 10), heard, n.now()) {
		return true
	}
	n.s.note("refuses batch", n.name, "", 0)
	return false
}

func (n *node) greeting() answer {
	return answer{node: n.id(), open: n.open, digest: n.store.Digest(), clock: n.guard.Clock(n.now())}
}

// settle is the sender's part again.
func (p *peer) settle(b *replication.Batch, a answer, o replication.Outcome) {
	now := p.from.now()
	p.sending = false
	p.s.note("outcome", p.name, "", int(o))
	adopt := p.q.Done(b, p.s.opt.Bug.result(replication.Result{Outcome: o, Results: a.results}), now)
	p.probeAt = now.Add(p.jitter(replication.ProbeInterval))
	first := o == replication.Delivered && (!p.ok || a.node != p.met)
	if p.ok = o == replication.Delivered; p.ok {
		p.met = a.node
	}
	mine := p.from.store.Digest()
	exchange := p.ok && p.compare(&a.digest, &mine, first)
	for _, in := range adopt {
		_, _ = p.from.store.Adopt(in, registry.FromPeer, now)
	}
	if exchange {
		p.exchange()
	}
	p.pump()
}

func (p *peer) jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(p.rng.Int64N(int64(d/2)+1))
}

func (p *peer) compares() bool { return p.s.story.compares && !p.s.opt.Bug.is(NoAntiEntropy) }

// compare looks at two digests and reports whether to exchange.
func (p *peer) compare(theirs, mine *digest, first bool) bool {
	if !p.compares() {
		return false
	}
	if *theirs == *mine {
		p.drift.Equal()
		return false
	}
	exchange, look := p.drift.Differ(p.from.now(), first)
	if !exchange {
		p.probeBy(look)
	}
	return exchange
}

func (p *peer) probeBy(t time.Time) {
	if t.Before(p.probeAt) {
		p.probeAt = t
	}
}

// heard is replication.Peers.heard. Theirs is nil if nothing was said of it.
func (n *node) heard(from string, theirs, mine *digest, comparing bool) {
	for _, p := range n.peers {
		if p.met == from {
			p.hear(theirs, mine, comparing)
			return
		}
	}
	for _, p := range n.peers {
		if !p.ok && p.q.Contact(n.now()) {
			p.pump()
		}
	}
}

func (p *peer) hear(theirs, mine *digest, comparing bool) {
	wake := p.q.Contact(p.from.now())
	exchange := false
	switch {
	case theirs == nil:
	case comparing && *theirs != *mine && p.compares():
		exchange = p.drift.May(p.from.now())
	default:
		exchange = p.compare(theirs, mine, false)
	}
	if exchange {
		p.exchange()
	}
	if wake {
		p.pump()
	}
}

// exchange is replication.peer.repair: it takes over what the peer knows better.
func (p *peer) exchange() {
	if p.exchanging {
		p.poked = true
		return
	}
	if !p.from.open || !p.drift.May(p.from.now()) {
		return
	}
	p.exchanging = true
	p.digest(func(a answer, o replication.Outcome) {
		if o != replication.Delivered {
			p.exchanged(0)
			return
		}
		now, mine := p.from.now(), p.from.store.Digest()
		buckets := p.known.Differing(&mine, &a.digest, now)
		p.fetch(buckets, func(healed int, ok bool) {
			if ok {
				mine := p.from.store.Digest()
				p.known.Remember(buckets, &mine, &a.digest, now)
			}
			p.exchanged(healed)
		})
	})
}

func (p *peer) exchanged(healed int) {
	p.exchanging = false
	p.s.note("compared", p.name, "", healed)
	p.drift.Exchanged(healed, exchangeInterval, p.from.now())
	p.probeBy(p.from.now().Add(time.Second))
	p.pump()
	if p.poked {
		p.poked = false
		p.exchange()
	}
}

// digest asks the peer for its digest.
func (p *peer) digest(done func(answer, replication.Outcome)) {
	id, theirs := p.from.id(), p.from.store.Digest()
	call(p.from, p.to, func() (answer, replication.Outcome) {
		a := p.to.greeting()
		p.to.heard(id, &theirs, &a.digest, true)
		return a, replication.Delivered
	}, done)
}

// fetch merges what the peer has in these buckets.
func (p *peer) fetch(buckets []int, done func(healed int, ok bool)) {
	if len(buckets) == 0 {
		done(0, true)
		return
	}
	have := map[uint64]bool{}
	for _, i := range buckets {
		for _, e := range p.from.store.Bucket(i, p.from.now()) {
			have[e.Digest()] = true
		}
	}
	call(p.from, p.to,
		func() ([]registry.Entry, replication.Outcome) {
			return p.to.lacking(buckets, have), replication.Delivered
		},
		func(entries []registry.Entry, o replication.Outcome) {
			healed := 0
			for _, e := range entries {
				if p.from.store.Merge(e, p.from.now()) {
					healed++
				}
			}
			done(healed, o == replication.Delivered)
		})
}

// lacking returns the entries of these buckets that the asker does not have, as they are on the wire.
func (n *node) lacking(buckets []int, have map[uint64]bool) []registry.Entry {
	var out []registry.Entry
	for _, i := range buckets {
		for _, e := range n.store.Bucket(i, n.now()) {
			if !have[e.Digest()] {
				e.Age = e.Age.Truncate(time.Millisecond)
				out = append(out, e)
			}
		}
	}
	return out
}

// pull is replication.Peers.copyFrom: the whole registry of a peer.
func (p *peer) pull(done func(answered, complete bool)) {
	p.digest(func(a answer, o replication.Outcome) {
		if o != replication.Delivered {
			done(false, false)
			return
		}
		var buckets []int
		for i, w := range a.digest {
			if w != 0 {
				buckets = append(buckets, i)
			}
		}
		p.fetch(buckets, func(_ int, ok bool) { done(ok, ok && a.open) })
	})
}
