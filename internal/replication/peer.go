package replication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/gzip"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// maxBatchAnswer leaves room for a record with each of batchSize results.
const maxBatchAnswer = 8 << 20

// patience is how many read time-outs a batch may take as a whole: a peer that sends something now and then is not silent.
const patience = 4

// A peer is one URL with its queue, and the two goroutines that belong to it: run sends, repair exchanges digests.
type peer struct {
	set      *Peers
	target   Target
	conn     *remote.Conn
	rng      *rand.Rand    // used by run only
	heard    string        // newest Greeting.Clock of the node behind the URL; used by run only
	wake     chan struct{} // the queue may have something earlier than run waits for
	differs  chan struct{} // wakes repair
	role     atomic.Int32
	standing standing  // guarded by set.mu
	buckets  Fruitless // used by repair only

	mu     sync.Mutex
	q      *Queue
	health health
}

func newPeer(ps *Peers, t Target, rng *rand.Rand) (*peer, error) {
	conn, err := remote.New(remote.Config{
		URL: t.URL, Transport: ps.cfg.Transport, ReadTimeout: ps.cfg.ReadTimeout,
		ClientName: "DefaultServer", ClientVersion: "1.0", ClientID: ps.cfg.ClientID, // S-BATCH-1
		MaxRegistryBytes: maxRegistry, MaxBytes: maxAnswer,
	})
	if err != nil {
		return nil, err
	}
	p := &peer{
		buckets: make(Fruitless),
		set:     ps, target: t, conn: conn, rng: rng,
		wake: make(chan struct{}, 1), differs: make(chan struct{}, 1),
		q: NewQueue(QueueConfig{
			MaxPending: ps.cfg.MaxPending, MaxAge: ps.cfg.MaxAge, Linger: ps.cfg.Linger,
			Rand: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
		}),
	}
	p.standing.certain, p.standing.likely = ps.cfg.isMine(t)
	return p, nil
}

func (p *peer) has(r role) bool { return role(p.role.Load()) == r }

// announce tells the sender of a new role, and whoever reads that the peer was added.
func (p *peer) announce() {
	poke(p.wake)
	p.set.log.Info(roleNews[role(p.role.Load())], "peer", p.conn.URL())
}

var roleNews = [...]string{
	replica:   "peer is a node of its own, replicating to it",
	thisNode:  "peer is this node itself, nothing is sent to it",
	duplicate: "peer is a node that is replicated to under another URL, nothing is sent to this one",
}

// add queues an operation.
func (p *peer) add(action wire.ReplicationAction, key heureka.Key, now time.Time) {
	if !p.has(replica) {
		return
	}
	p.mu.Lock()
	wake := p.q.Add(action, key, now)
	p.mu.Unlock()
	if wake {
		poke(p.wake)
	}
}

// busy reports whether something is queued or out, for a peer that answers.
func (p *peer) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has(replica) && !p.q.Failing() && !p.q.Oldest().IsZero()
}

// contact says that the node behind p has just spoken to this one.
func (p *peer) contact(now time.Time) {
	p.mu.Lock()
	wake := p.q.Contact(now)
	p.mu.Unlock()
	if wake {
		poke(p.wake)
	}
}

// run sends batches, one at a time, until ctx ends. Its first one, empty if need be, finds out who is there.
func (p *peer) run(ctx context.Context) {
	for ctx.Err() == nil {
		batch, wait := p.next(time.Now())
		if batch != nil {
			p.send(ctx, batch)
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-p.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next returns what to send now, or for how long there is nothing.
func (p *peer) next(now time.Time) (*Batch, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	wait := Idle
	if p.has(replica) {
		var batch *Batch
		if batch, wait = p.q.Next(now); batch != nil {
			return batch, 0
		}
	} else {
		p.q.Clear()
	}
	if until := p.health.probeAt.Sub(now); until > 0 {
		return nil, min(wait, until)
	}
	batch := p.q.Probe(now)
	return batch, wait
}

// reply is what came back for a batch, if anything.
type reply struct {
	err        error
	results    []wire.ReplicationResult
	said       Greeting
	date       time.Time // the peer's clock
	sent, came time.Time
	digest     string // this node's, when the answer had come
}

func (p *peer) send(ctx context.Context, b *Batch) {
	items := b.Fill(p.set.cfg.Store, time.Now())
	if len(items) == 0 && !b.probe {
		p.mu.Lock()
		p.q.Done(b, Result{Outcome: Unsent}, time.Now())
		p.mu.Unlock()
		return
	}
	r := p.post(ctx, items)
	if ctx.Err() != nil {
		return
	}
	p.settle(b, r)
}

// post sends items (S-BATCH-1), again if the peer wants to see that they are not from the past.
func (p *peer) post(ctx context.Context, items []wire.ReplicationItem) *reply {
	ctx, cancel := within(ctx, patience*p.set.cfg.ReadTimeout)
	defer cancel()
	body := wire.AppendBatch(nil, items)
	if p.set.cfg.Compress {
		body = compressed(body)
	}
	incarnations := wire.Incarnations(items)
	r := p.postOnce(ctx, body, incarnations)
	switch status, ok := errors.AsType[*heureka.StatusError](r.err); {
	case !ok || status.Code != http.StatusTooEarly:
	case len(items) == 0:
		r.err = nil // an answer is all that was asked for
	default:
		r = p.postOnce(ctx, body, incarnations)
	}
	return r
}

func (p *peer) postOnce(ctx context.Context, body []byte, incarnations string) *reply {
	req := remote.Request{
		Method: http.MethodPost, Path: batchPath + "/",
		Header: make(http.Header), Body: body, Limit: maxBatchAnswer,
	}
	hello := p.set.greeting()
	hello.Batch, hello.Heard = strconv.FormatUint(p.set.batches.Add(1), 10), p.heard
	hello.addTo(req.Header)
	if incarnations != "" {
		req.Header.Set(wire.HeaderIncarnations, incarnations)
	}
	if p.set.cfg.Compress {
		req.Header.Set("Content-Encoding", "gzip")
	}
	r := &reply{sent: time.Now()}
	answer, err := p.conn.Do(ctx, req)
	r.came, r.err, r.said, r.date = time.Now(), err, greetingIn(answer.Header), answer.Date()
	r.digest = p.set.digest()
	if r.said.Clock != "" {
		p.heard = r.said.Clock
	}
	if err == nil {
		if r.results, err = wire.DecodeBatchResult(answer.Body, batchSize); err != nil {
			r.err = fmt.Errorf("replicate to %s: unreadable answer of type %q, %w", p.conn.URL(), answer.Header.Get("Content-Type"), errUnreadable)
		}
	}
	return r
}

// settle tells the queue, the health and the set what came back.
func (p *peer) settle(b *Batch, r *reply) {
	result := Result{Outcome: outcomeOf(r.err), Results: r.results, RetryAfter: retryAfter(r.err)}
	p.mu.Lock()
	adopt := p.q.Done(b, result, r.came)
	news := p.health.note(r, result.Outcome, p.pause())
	differs := p.health.compare(r, news, p.set.cfg.DisableAntiEntropy)
	p.mu.Unlock()
	for _, in := range adopt {
		_, _ = p.set.cfg.Store.Adopt(in, registry.Origin{By: registry.ByPeer, Address: p.conn.URL()}, r.came) // a record that the registry refuses is the peer's own affair
	}
	p.report(news)
	if news.changed {
		p.set.identify(p, news.nodeID, result.Outcome == Delivered)
	}
	if differs {
		poke(p.differs)
	}
	poke(p.set.sent)
}

// pause returns how long nothing need be sent for before p is asked whether it is still there.
func (p *peer) pause() time.Duration {
	if p.has(replica) {
		return jitter(p.rng, ProbeInterval)
	}
	return jitter(p.rng, recheckInterval)
}

// greeting returns what this node says of itself.
func (ps *Peers) greeting() Greeting {
	return Greeting{Node: ps.nodeID, Digest: ps.digest(), Phase: ps.cfg.Phase()}
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level exists
	_, _ = zw.Write(b)                                 // a buffer does not fail
	_ = zw.Close()
	return out.Bytes()
}
