package replication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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

// bareTime is all that a bare probe may take: one that got lost must not hold up the next.
const bareTime = 2 * time.Second

// A peer is one URL with its link, and the two goroutines that belong to it: run sends, repair exchanges digests.
type peer struct {
	set      *Peers
	target   Target
	conn     *remote.Conn
	host     string        // of the URL, in lower case
	wake     chan struct{} // the link may have something earlier than run waits for
	differs  chan struct{} // wakes repair
	role     atomic.Int32
	standing Standing // guarded by set.mu

	ahead uint64 // of the set's counter, what this peer counts as the numbers of batches; belongs to run

	gate gate // of what is taken over

	mu      sync.Mutex
	link    *Link
	heir    *peer // has this one's place, and its queue
	tickets tickets
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
		set: ps, target: t, conn: conn, gate: gate{admit: ps.cfg.Admit},
		wake: make(chan struct{}, 1), differs: make(chan struct{}, 1),
		link: NewLink(LinkConfig{
			Queue: QueueConfig{
				MaxPending: ps.cfg.MaxPending, MaxAge: ps.cfg.MaxAge, Linger: ps.cfg.Linger,
				Rand: rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64())),
			},
			Rand: rng, ExchangeInterval: ps.cfg.ExchangeInterval, DisableAntiEntropy: ps.cfg.DisableAntiEntropy,
		}),
	}
	if u, err := url.Parse(t.URL); err == nil {
		p.host = strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	}
	p.standing.certain, p.standing.likely = ps.cfg.isMine(t)
	return p, nil
}

func (p *peer) has(r Role) bool { return Role(p.role.Load()) == r }

// announce tells the sender of a new role, and whoever reads that the peer was added.
func (p *peer) announce() {
	poke(p.wake)
	p.set.log.Info(roleNews[Role(p.role.Load())], "peer", p.conn.URL())
}

var roleNews = [...]string{
	Replica:   "peer is a node of its own, replicating to it",
	ThisNode:  "peer is this node itself, nothing is sent to it",
	Duplicate: "duplicate peer URL, not used",
}

// add queues an operation.
func (p *peer) add(action wire.ReplicationAction, key heureka.Key, now time.Time) {
	if !p.has(Replica) {
		return
	}
	p.mu.Lock()
	heir, wake := p.heir, p.heir == nil && p.link.Add(action, key, now)
	p.mu.Unlock()
	switch {
	case heir != nil:
		heir.add(action, key, now)
	case wake:
		poke(p.wake)
	}
}

// leaveTo hands what is queued to the peer that has its place, as when the URL has another password; that one gets what is still
// added as well.
func (p *peer) leaveTo(heir *peer) {
	p.mu.Lock()
	p.heir = heir
	left := p.link.q.left()
	p.mu.Unlock()
	heir.mu.Lock()
	heir.link.q.inherit(left)
	heir.mu.Unlock()
	poke(heir.wake)
}

// busy reports whether something is queued or out, for a peer that answers.
func (p *peer) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.has(Replica) && p.link.busy()
}

// contact says that the node behind p has just spoken to this one, see Link.Contact.
func (p *peer) contact(theirs, mine string, comparing bool, now time.Time) {
	p.mu.Lock()
	wake, exchange := p.link.Contact(theirs, mine, comparing, now)
	p.mu.Unlock()
	if wake {
		poke(p.wake)
	}
	if exchange {
		poke(p.differs)
	}
}

// run sends batches, one at a time, until ctx ends. Its first one, empty if need be, finds out who is there.
func (p *peer) run(ctx context.Context) {
	for ctx.Err() == nil {
		batch, wait := p.next(p.set.cfg.Now())
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

func (p *peer) next(now time.Time) (*Batch, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.Next(now, p.has(Replica))
}

func (p *peer) send(ctx context.Context, b *Batch) {
	items := b.Fill(p.set.cfg.Store, p.set.cfg.Now())
	if !p.worth(b) {
		return
	}
	r := p.post(ctx, b, items)
	if ctx.Err() != nil {
		return
	}
	p.receive(b, r)
}

func (p *peer) worth(b *Batch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.Worth(b, p.set.cfg.Now())
}

// post sends items (S-BATCH-1), again if the peer asks for proof that they are not stale.
func (p *peer) post(ctx context.Context, b *Batch, items []wire.ReplicationItem) *Reply {
	limit := patience * p.set.cfg.ReadTimeout
	if b.bare {
		limit = min(limit, bareTime)
	}
	ctx, cancel := within(ctx, limit)
	defer cancel()
	body := wire.AppendBatch(nil, items)
	if p.set.cfg.Compress {
		body = compressed(body)
	}
	for {
		if r := p.postOnce(ctx, body, b.beside); !p.again(b, r) {
			return r
		}
	}
}

func (p *peer) again(b *Batch, r *Reply) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.Again(b, r)
}

func (p *peer) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.Heard()
}

func (p *peer) postOnce(ctx context.Context, body []byte, beside map[string]string) *Reply {
	req := remote.Request{
		Method: http.MethodPost, Path: batchPath + "/",
		Header: make(http.Header), Body: body, Limit: maxBatchAnswer,
	}
	hello := p.set.greeting()
	number := p.set.batches.Add(1) + p.ahead
	hello.Batch, hello.Heard = strconv.FormatUint(number, 10), p.heard()
	hello.addTo(req.Header)
	p.introduce(req.Header)
	for name, value := range beside {
		req.Header.Set(name, value)
	}
	if p.set.cfg.Compress {
		req.Header.Set("Content-Encoding", "gzip")
	}
	r := &Reply{Sent: p.set.cfg.Now()}
	answer, err := p.conn.Do(ctx, req)
	p.introduced(answer.Header)
	r.Came, r.Said, r.Date, r.Digest = p.set.cfg.Now(), greetingIn(answer.Header), answer.Date(), p.set.digest()
	if err == nil {
		if r.Results, err = wire.DecodeBatchResult(answer.Body, batchSize); err != nil {
			err = fmt.Errorf("replicate to %s: unreadable answer of type %q, %w", p.conn.URL(), answer.Header.Get("Content-Type"), errUnreadable)
		}
		wire.SetOwnersOfResults(r.Results, answer.Header.Get(wire.HeaderOwners))
	}
	status, refused := errors.AsType[*heureka.StatusError](err)
	r.Err, r.Outcome, r.RetryAfter = err, outcomeOf(err), remote.RetryAfter(err)
	if r.Late = refused && status.Code == http.StatusTooEarly; r.Late {
		p.goOn(number, answer.Header)
	}
	return r
}

// goOn makes the next batch to this peer follow the last one that it has seen under this node's name, if it cannot take what
// it got: a stranger may have sent that one, or the peer may have forgotten. What one peer says changes nothing for others.
func (p *peer) goOn(sent uint64, answer http.Header) {
	last, err := strconv.ParseUint(answer.Get(HeaderLast), 10, 64)
	if err == nil && speaks(answer.Get(HeaderProtocol)) && !follows(sent, last) {
		p.ahead += last - sent // wraps around where it goes back
	}
}

// receive tells the link and the set what came back.
func (p *peer) receive(b *Batch, r *Reply) {
	p.mu.Lock()
	todo := p.link.Done(b, r, p.has(Replica))
	p.mu.Unlock()
	for i := range todo.Adopt {
		p.adopt(&todo.Adopt[i], r.Came)
	}
	p.report(todo.News)
	if todo.News.changed {
		p.set.identify(p, todo.News.nodeID, r.Outcome == Delivered)
	}
	if todo.Exchange {
		poke(p.differs)
	}
	if todo.News.missing {
		p.set.lookSoon(lookPause) // it may have moved
	}
	poke(p.set.sent)
}

// adopt takes over a record that the peer has newer. One that is refused is the peer's own affair.
func (p *peer) adopt(newer *wire.ReplicationResult, now time.Time) {
	origin := registry.Origin{By: registry.ByPeer, Address: p.conn.URL(), Owner: newer.Owner}
	if err := p.gate.check(newer.Instance, origin); err != nil {
		p.refusing(err)
		return
	}
	_, _ = p.set.cfg.Store.Adopt(newer.Instance, origin, now)
}

// recheck asks who is behind a URL that is not replicated to: it may lead elsewhere by now.
func (p *peer) recheck() {
	if p.has(Replica) {
		return
	}
	p.mu.Lock()
	p.link.health.probeBy(p.set.cfg.Now())
	p.mu.Unlock()
	poke(p.wake)
}

// digest returns the hash of the whole registry; "" without anti-entropy.
func (ps *Peers) digest() string {
	if ps.cfg.DisableAntiEntropy {
		return ""
	}
	d := ps.cfg.Store.Digest()
	return Root(&d)
}

// greeting returns what this node says of itself.
func (ps *Peers) greeting() Greeting {
	return Greeting{Node: ps.nodeID, Digest: ps.digest(), Phase: ps.cfg.Phase(), Program: ps.cfg.Program}
}

func compressed(b []byte) []byte {
	var out bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // the level exists
	_, _ = zw.Write(b)                                 // a buffer does not fail
	_ = zw.Close()
	return out.Bytes()
}
