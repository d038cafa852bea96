package scenario

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// A peer is the owner of a replication.Link: it posts what that says, over the network of the simulation. In the product
// two goroutines do so.
type peer struct {
	s        *sim
	from, to *node
	name     string // of the link, for the trace
	link     *replication.Link
	standing replication.Standing

	sending    bool
	timer      int // number of the timer that counts
	exchanging bool
	poked      bool // another exchange was asked for meanwhile
}

// maxAge is how long a cancel or a status change may wait for a peer.
const maxAge = 30 * time.Second

func newPeer(from, to *node) *peer {
	rng := rand.New(from.source(16 + uint64(to.index)))
	bug := from.s.opt.Bug
	return &peer{
		s: from.s, from: from, to: to, name: from.name + "-" + to.name,
		link: replication.NewLink(replication.LinkConfig{
			Queue: replication.QueueConfig{
				MaxPending: bug.pending(from.s.story.pending), MaxAge: maxAge, Linger: replication.Linger,
				Rand: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			},
			Rand: rng, ExchangeInterval: replication.ExchangeInterval,
			DisableAntiEntropy: !from.s.story.compares || bug.is(NoAntiEntropy),
		}),
	}
}

// pump sends what there is to send, and else comes back when there may be something.
func (p *peer) pump() {
	for !p.sending {
		batch, wait := p.link.Next(p.from.now(), true)
		if batch == nil {
			p.wake(wait)
			return
		}
		p.send(batch)
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

func (p *peer) send(b *replication.Batch) {
	items := b.Fill(p.from.store, p.from.now())
	if p.link.Worth(b, p.from.now()) {
		p.sending = true
		p.post(b, items)
	}
}

// An answer is what comes back for a request.
type answer struct {
	said    replication.Greeting
	doc     []byte
	results []wire.ReplicationResult // of a batch
	late    bool                     // it was refused
}

// post sends a batch, as often as the link wants that.
func (p *peer) post(b *replication.Batch, items []wire.ReplicationItem) {
	p.from.batches++
	hello := p.from.greeting()
	hello.Batch, hello.Heard = strconv.FormatUint(p.from.batches, 10), p.link.Heard()
	p.s.note("sends", p.name, "", len(items))
	sent := p.from.now()
	call(p.from, p.to,
		func() (answer, replication.Outcome) { return p.to.serveBatch(hello, items) },
		func(a answer, o replication.Outcome) {
			r := p.reply(a, o)
			r.Sent = sent
			if p.link.Again(b, r) {
				p.post(b, items)
				return
			}
			p.settle(b, r)
		})
}

var errNoAnswer = errors.New("no answer")

func (p *peer) reply(a answer, o replication.Outcome) *replication.Reply {
	digest := p.from.store.Digest()
	r := &replication.Reply{
		Result: replication.Result{Outcome: o, Results: a.results}, Late: a.late,
		Said: a.said, Digest: replication.Root(&digest), Came: p.from.now(),
	}
	if o != replication.Delivered {
		r.Err = errNoAnswer
	}
	return r
}

// settle does what the link says after a batch.
func (p *peer) settle(b *replication.Batch, r *replication.Reply) {
	p.sending = false
	p.s.note("outcome", p.name, "", int(r.Outcome))
	p.standing.Note(r.Said.Node, r.Outcome == replication.Delivered)
	r.Result = p.s.opt.Bug.result(r.Result)
	todo := p.link.Done(b, r, true)
	for _, in := range todo.Adopt {
		_, _ = p.from.store.Adopt(in, registry.FromPeer, r.Came)
	}
	if todo.Exchange {
		p.exchange()
	}
	p.pump()
}

// exchange takes over what the peer knows better.
func (p *peer) exchange() {
	if p.exchanging {
		p.poked = true
		return
	}
	if !p.from.open || !p.link.MayExchange(p.from.now()) {
		return
	}
	p.exchanging = true
	p.digest(func(_ answer, theirs *digest) {
		if theirs == nil {
			p.exchanged(nil, 0)
			return
		}
		mine := p.from.store.Digest()
		e := p.link.Compare(&mine, theirs, p.from.now())
		p.pull(e.Buckets, registry.BySync, func(healed int, ok bool) {
			if !ok {
				e = nil
			}
			p.exchanged(e, healed)
		})
	})
}

func (p *peer) exchanged(e *replication.Exchange, healed int) {
	p.exchanging = false
	p.s.note("compared", p.name, "", healed)
	mine := p.from.store.Digest()
	p.link.Exchanged(e, &mine, healed, p.from.now())
	p.pump()
	if p.poked {
		p.poked = false
		p.exchange()
	}
}

// digest asks the peer for its digest; theirs is nil if that fails.
func (p *peer) digest(done func(a answer, theirs *digest)) {
	hello := p.from.greeting()
	call(p.from, p.to,
		func() (answer, replication.Outcome) { return p.to.serveDigest(hello), replication.Delivered },
		func(a answer, o replication.Outcome) {
			theirs, err := replication.TakeDigest(a.doc)
			if o != replication.Delivered || err != nil {
				done(a, nil)
				return
			}
			done(a, &theirs)
		})
}

// pull merges what the peer has in these buckets, request by request.
func (p *peer) pull(buckets []int, by registry.By, done func(healed int, ok bool)) {
	pull := replication.NewPull(p.from.store, registry.Origin{By: by}, buckets)
	var next func()
	next = func() {
		body := pull.Request(p.from.now())
		if body == nil {
			done(pull.Changed, true)
			return
		}
		call(p.from, p.to,
			func() (answer, replication.Outcome) {
				doc := replication.AnswerBuckets(p.to.store, body, p.to.now())
				return answer{said: p.to.greeting(), doc: doc}, replication.Delivered
			},
			func(a answer, o replication.Outcome) {
				if o != replication.Delivered || pull.Take(a.doc, p.from.now()) != nil {
					done(pull.Changed, false)
					return
				}
				next()
			})
	}
	next()
}

// copy asks for the whole registry, at a start.
func (p *peer) copy(done func(*replication.Copied)) {
	c := &replication.Copied{Peer: p.to.name, Heureka: true}
	p.digest(func(a answer, theirs *digest) {
		if theirs == nil {
			c.Err = errNoAnswer
			done(c)
			return
		}
		c.Phase = a.said.Phase
		p.pull(replication.NonZero(theirs), registry.ByStart, func(_ int, ok bool) {
			if !ok {
				c.Err = errNoAnswer
			}
			c.CheckPhase()
			done(c)
		})
	})
}
