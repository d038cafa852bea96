package replication

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/remote"
)

// maxAnswer bounds anything a peer says, except a whole registry: what an answer with buckets may grow to, with room.
const maxAnswer = 24 << 20

// repair exchanges digests with the peer whenever somebody has noticed that they differ, until ctx ends.
func (p *peer) repair(ctx context.Context) {
	complain := new(complaint)
	log := p.set.log.With("peer", p.conn.URL())
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.differs:
		}
		if !p.mayExchange(p.set.cfg.Now()) {
			continue
		}
		healed, err := p.exchange(ctx)
		poke(p.wake)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errOtherProtocol): // its next batch is answered in that protocol too, and compares nothing
		case err != nil:
			complain.about(log, "cannot compare registries with peer", err.Error())
		case healed > 0:
			complain.over()
			log.Info("merged newer entries from peer", "instances", healed)
		}
	}
}

// mayExchange reports whether what woke repair has not been settled by an exchange since. A node that is starting copies
// everything anyway, see Sync, and would get it twice.
func (p *peer) mayExchange(now time.Time) bool {
	if !p.has(Replica) || p.set.cfg.Phase() != PhaseOpen {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.MayExchange(now)
}

// exchange takes over what the peer knows better. What this node knows better the peer finds out in the same way, soon,
// because the request tells it that the digests differ.
func (p *peer) exchange(ctx context.Context) (healed int, err error) {
	ctx, cancel := within(ctx, syncPatience)
	defer cancel()
	store := p.set.cfg.Store
	f := p.fetcher(registry.BySync)
	e, err := p.compare(ctx, f)
	if err == nil && f.phase == PhaseSyncing {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.link.Postpone(p.set.cfg.Now())
		return 0, nil
	}
	if err == nil {
		healed, err = f.pull(ctx, e.Buckets)
	}
	if err != nil {
		e = nil
	}
	mine := store.Digest()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link.Exchanged(e, &mine, healed, p.set.cfg.Now())
	return healed, err
}

func (p *peer) compare(ctx context.Context, f *fetcher) (*Exchange, error) {
	theirs, err := f.digest(ctx)
	if err != nil {
		return nil, err
	}
	mine := p.set.cfg.Store.Digest()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.link.Compare(&mine, &theirs, p.set.cfg.Now()), nil
}

// errNotHeureka marks answers of anything else.
var errNotHeureka = errors.New("not a heureka node")

// errOtherProtocol marks answers that this node must not take for what it knows.
var errOtherProtocol = errors.New("a heureka node with another protocol version")

// A fetcher asks one heureka node for parts of its registry, and merges them.
type fetcher struct {
	peer  *peer
	conn  *remote.Conn
	store Store
	by    registry.By

	node, phase string        // what the node said of itself in its last answer
	whole       time.Duration // likewise, with the digest; see Config.Whole
	received    int           // instances
	refused     int           // of these
}

func (p *peer) fetcher(by registry.By) *fetcher {
	return &fetcher{peer: p, conn: p.conn, by: by, store: p.set.cfg.Store}
}

// ask sends one request and returns the body of its answer.
func (f *fetcher) ask(ctx context.Context, req remote.Request) ([]byte, error) {
	reply, err := f.do(ctx, req)
	if err != nil {
		return nil, err
	}
	return reply.Body, nil
}

// do sends one request and returns its answer.
func (f *fetcher) do(ctx context.Context, req remote.Request) (*remote.Reply, error) {
	hello := f.peer.set.greeting()
	req.Header = make(http.Header)
	hello.addTo(req.Header)
	f.peer.introduce(req.Header)
	reply, err := f.conn.Do(ctx, req)
	f.peer.introduced(reply.Header)
	said := greetingIn(reply.Header)
	f.node, f.phase = said.Node, said.Phase
	if err != nil {
		return nil, err
	}
	if f.node == "" {
		return nil, fmt.Errorf("%s: %w", f.conn.URL(), errNotHeureka)
	}
	if version := reply.Header.Get(HeaderProtocol); !speaks(version) {
		return nil, fmt.Errorf("%s: %w, %s", f.conn.URL(), errOtherProtocol, version)
	}
	return reply, nil
}

func (f *fetcher) digest(ctx context.Context) (d [registry.Buckets]uint64, err error) {
	doc, err := f.ask(ctx, remote.Request{Path: digestPath})
	if err != nil {
		return d, err
	}
	if d, f.whole, err = TakeDigest(doc); err != nil {
		err = fmt.Errorf("%s%s: %w", f.conn.URL(), digestPath, err)
	}
	return d, err
}

// pull merges what the node has in these buckets and this one has not. It returns how many instances changed here. Many buckets
// are shared by two pulls that take turns to ask: while one merges an answer, the next one is under way.
func (f *fetcher) pull(ctx context.Context, buckets []int) (changed int, err error) {
	parts := [][]int{buckets}
	if half := len(buckets) / 2; half >= bucketsAtOnce {
		parts = [][]int{buckets[:half], buckets[half:]}
	}
	origin := registry.Origin{By: f.by, Address: f.conn.URL()}
	pulls, turn := make([]*Pull, len(parts)), make(chan struct{}, 1)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var pulling sync.WaitGroup
	var failed atomic.Bool
	for i, part := range parts {
		p := NewPull(f.store, origin, part)
		p.gate, pulls[i] = &f.peer.gate, p
		pulling.Go(func() {
			if err := f.carryOut(ctx, p, turn); err != nil {
				failed.Store(true)
				cancel(err)
			}
		})
	}
	pulling.Wait()
	for _, p := range pulls {
		changed += p.Changed
		f.received, f.refused = f.received+p.Received, f.refused+p.Refused
		f.peer.refusing(p.no)
	}
	if failed.Load() {
		err = context.Cause(ctx)
	}
	return changed, err
}

// carryOut asks for what a pull wants when it has the turn to.
func (f *fetcher) carryOut(ctx context.Context, p *Pull, turn chan struct{}) error {
	now := f.peer.set.cfg.Now
	for body := p.Request(now()); body != nil; body = p.Request(now()) {
		turn <- struct{}{}
		reply, err := f.do(ctx, remote.Request{Method: http.MethodPost, Path: bucketsPath, Body: body, Pooled: true})
		<-turn
		if err != nil {
			return err
		}
		err = p.Take(reply.Body, now())
		reply.Release()
		if err != nil {
			return fmt.Errorf("%s%s: %w", f.conn.URL(), bucketsPath, err)
		}
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("%s: %w", f.conn.URL(), err)
	}
	return nil
}
