package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/remote"
)

const (
	bucketsAtOnce = 32
	maxAnswer     = 24 << 20 // of anything a peer says, except a whole registry: what addBucket lets grow, with room
)

// compare looks at the digest that came with a batch, and reports whether to exchange now: at the first contact, or when
// the difference has lasted.
func (h *health) compare(r *reply, n news, disabled bool) bool {
	theirs := r.said.Digest
	if theirs == "" || disabled || r.err != nil {
		return false
	}
	if theirs == r.digest {
		h.equal(r.came)
		return false
	}
	return h.differ(r.came, n.first)
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

// exchanged notes the end of an exchange, and has the peer asked soon whether it is like this node now.
func (h *health) exchanged(healed int, pause time.Duration, now time.Time) {
	h.s.Exchanges++
	h.s.Healed += uint64(healed)
	h.drift.Exchanged(healed, pause, now)
	h.probeBy(now.Add(time.Second))
}

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
		if !p.mayExchange(time.Now()) {
			continue
		}
		healed, err := p.exchange(ctx)
		p.mu.Lock()
		p.health.exchanged(healed, p.set.cfg.ExchangeInterval, time.Now())
		p.mu.Unlock()
		poke(p.wake)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errOtherProtocol): // its next batch is answered in that protocol too, and compares nothing
		case err != nil:
			complain.about(log, "cannot compare registries with peer", err.Error())
		case healed > 0:
			complain.over()
			log.Info("took over what the peer knew better", "instances", healed)
		}
	}
}

// mayExchange reports whether what woke repair has not been settled by an exchange since. A node that is starting copies
// everything anyway, see Sync, and would get it twice.
func (p *peer) mayExchange(now time.Time) bool {
	if !p.has(replica) || p.set.cfg.Phase() != PhaseOpen {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.health.drift.May(now)
}

// exchange takes over what the peer knows better. What this node knows better the peer finds out in the same way, soon,
// because the request tells it that the digests differ.
func (p *peer) exchange(ctx context.Context) (healed int, err error) {
	f := p.set.fetcher(p.conn, registry.BySync)
	theirs, err := f.digest(ctx)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	mine := p.set.cfg.Store.Digest()
	buckets := p.buckets.Differing(&mine, &theirs, now)
	healed, err = f.pull(ctx, buckets)
	if err != nil {
		return healed, err
	}
	mine = p.set.cfg.Store.Digest()
	p.buckets.Remember(buckets, &mine, &theirs, now)
	return healed, nil
}

// errNotHeureka marks answers of anything else.
var errNotHeureka = errors.New("not a heureka node")

// errOtherProtocol marks answers that this node must not take for what it knows.
var errOtherProtocol = errors.New("a heureka node that speaks another protocol")

// A fetcher asks one heureka node for parts of its registry, and merges them.
type fetcher struct {
	conn  *remote.Conn
	store Store
	by    registry.By
	hello func() Greeting

	node, phase string // what the node said of itself in its last answer
	received    int    // instances
}

func (ps *Peers) fetcher(conn *remote.Conn, by registry.By) *fetcher {
	return &fetcher{conn: conn, by: by, store: ps.cfg.Store, hello: ps.greeting}
}

// ask sends one request and decodes its answer.
func (f *fetcher) ask(ctx context.Context, req remote.Request, answer any) error {
	hello := f.hello()
	req.Header = make(http.Header)
	hello.addTo(req.Header)
	reply, err := f.conn.Do(ctx, req)
	said := greetingIn(reply.Header)
	f.node, f.phase = said.Node, said.Phase
	if err != nil {
		return err
	}
	if f.node == "" {
		return fmt.Errorf("%s: %w", f.conn.URL(), errNotHeureka)
	}
	if version := reply.Header.Get(HeaderProtocol); !speaks(version) {
		return fmt.Errorf("%s: %w, %s", f.conn.URL(), errOtherProtocol, version)
	}
	if err := json.Unmarshal(reply.Body, answer); err != nil {
		return fmt.Errorf("%s%s: %w", f.conn.URL(), req.Path, err)
	}
	return nil
}

func (f *fetcher) digest(ctx context.Context) ([registry.Buckets]uint64, error) {
	var answer digestAnswer
	if err := f.ask(ctx, remote.Request{Path: digestPath}, &answer); err != nil {
		return [registry.Buckets]uint64{}, err
	}
	return decodeDigest(answer.Digest)
}

// pull merges what the node has in these buckets and this one has not. It returns how many instances changed here.
func (f *fetcher) pull(ctx context.Context, buckets []int) (changed int, err error) {
	for len(buckets) > 0 {
		n := min(len(buckets), bucketsAtOnce)
		answer, err := f.buckets(ctx, buckets[:n])
		if err != nil {
			return changed, err
		}
		if len(answer.Rest) >= n {
			return changed, fmt.Errorf("%s: none of %d buckets came", f.conn.URL(), n)
		}
		merged, err := f.merge(answer.Entries)
		changed += merged
		if err != nil {
			return changed, err
		}
		buckets = append(answer.Rest, buckets[n:]...)
	}
	return changed, nil
}

func (f *fetcher) buckets(ctx context.Context, buckets []int) (*bucketsAnswer, error) {
	ask := bucketsRequest{Protocol: Protocol}
	now := time.Now()
	for _, i := range buckets {
		b := bucketRequest{Bucket: i}
		for _, e := range f.store.Bucket(i, now) {
			b.Have = appendWords(b.Have, e.Digest())
		}
		ask.Buckets = append(ask.Buckets, b)
	}
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	answer := new(bucketsAnswer)
	return answer, f.ask(ctx, remote.Request{Method: http.MethodPost, Path: bucketsPath, Body: body}, answer)
}

func (f *fetcher) merge(docs []entryDoc) (changed int, err error) {
	now := time.Now()
	for i := range docs {
		e, err := docs[i].entry()
		if err != nil {
			return changed, fmt.Errorf("%s: %w", f.conn.URL(), err)
		}
		if !e.Tombstone {
			f.received++
		}
		e.From = registry.Origin{By: f.by, Address: f.conn.URL()}
		if f.store.Merge(e, now) {
			changed++
		}
	}
	return changed, nil
}
