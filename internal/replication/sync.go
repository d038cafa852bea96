package replication

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

const (
	maxRegistry  = 4 << 30         // of a whole registry, decompressed; it is never held as a whole
	syncPatience = 2 * time.Minute // with one peer that keeps sending
	leaveAfter   = 8 * time.Second // more than a silent peer is given, usually
)

// A Copier copies the registries of the other nodes when this one starts. It is for one goroutine.
type Copier struct {
	set     *Peers
	ask     func(*peer)
	answers chan copyAnswer
	asked   map[*peer]bool // and have not answered, perhaps since an earlier round
	sending atomic.Int64   // see Sending

	// Close ends what is under way.
	Close func()
}

type copyAnswer struct {
	from   *peer
	copied *Copied // nil from this node itself
}

// Copier returns one that works until ctx ends, at the latest.
func (ps *Peers) Copier(ctx context.Context) *Copier {
	ctx, cancel := context.WithCancel(ctx)
	c := &Copier{set: ps, answers: make(chan copyAnswer), asked: make(map[*peer]bool)}
	var asking sync.WaitGroup
	c.ask = func(p *peer) {
		asking.Go(func() {
			select {
			case c.answers <- copyAnswer{p, ps.copyFrom(ctx, p, &c.sending)}:
			case <-ctx.Done():
			}
		})
	}
	c.Close = func() { cancel(); asking.Wait() }
	return c
}

// Round copies the registry of each peer, those of the own zone first, and says after each what came of it. Peers are asked in
// turn; the next one's turn comes after HedgeAfter even if the last has not finished. While nobody has given a whole registry,
// those that are still sending a while after the last turn are left behind if there are others to be asked again; the next
// round does not ask them anew. What a heureka node has comes with overrides, ages and cancellations, and is merged as in
// anti-entropy. Of another server's records each is taken that is newer than what is there (S-DEF-21). A node that takes
// clients from the first complete answer on loses nothing by going on with the rest meanwhile.
//
// It waits until Run has resolved the peers. Whatever a peer answers, it costs bounded time and memory.
func (c *Copier) Round(ctx context.Context) iter.Seq[Copied] {
	return func(yield func(Copied) bool) {
		select {
		case <-ctx.Done():
			return
		case <-c.set.resolved:
		}
		peers := slices.DeleteFunc(slices.Clone(*c.set.list.Load()), func(p *peer) bool { return p.has(ThisNode) })
		turn := time.NewTimer(0)
		defer turn.Stop()
		for next, left := 0, slices.Clone(peers); len(left) > 0; {
			select {
			case <-ctx.Done():
				return
			case <-turn.C:
				var wait time.Duration
				if next < len(peers) {
					if p := peers[next]; slices.Contains(left, p) { // or it has answered what an earlier round asked
						wait = c.begin(p)
					}
					next++
				} else if len(left) < len(peers) {
					c.leaveBehind(left, yield)
					return
				}
				if next == len(peers) {
					wait = leaveAfter
				}
				turn.Reset(wait)
			case a := <-c.answers:
				delete(c.asked, a.from)
				i := slices.Index(left, a.from)
				if i < 0 {
					continue // it is no peer any more
				}
				left = slices.Delete(left, i, i+1)
				if ctx.Err() != nil || a.copied != nil && !yield(*a.copied) {
					return
				}
				if next < len(peers) {
					turn.Reset(0)
				} else if a.copied != nil && a.copied.Complete() {
					turn.Stop() // nobody waits for the others
				}
			}
		}
	}
}

// begin asks a peer, unless that is under way, and returns when it is the next one's turn.
func (c *Copier) begin(p *peer) time.Duration {
	if c.asked[p] {
		return 0
	}
	c.asked[p] = true
	c.ask(p)
	return HedgeAfter
}

// leaveBehind says of peers that they have not finished.
func (c *Copier) leaveBehind(left []*peer, yield func(Copied) bool) {
	for _, p := range left {
		if !yield(Copied{Peer: p.conn.URL(), Err: errSending}) {
			return
		}
	}
}

// errSending says why there is no answer of a peer yet.
var errSending = errors.New("its registry has not arrived as a whole yet")

// Sending reports whether a peer has answered that has a whole registry, and gives it.
func (c *Copier) Sending() bool { return c.sending.Load() > 0 }

// copyFrom copies the registry of one peer. It returns nil if that turned out to be this node. It counts the peers that are sending.
func (ps *Peers) copyFrom(ctx context.Context, p *peer, sending *atomic.Int64) *Copied {
	ctx, cancel := within(ctx, syncPatience)
	defer cancel()
	began := ps.cfg.Now()
	c := &Copied{Peer: p.conn.URL()}
	f := p.fetcher(registry.ByStart)
	theirs, err := f.digest(ctx)
	switch {
	case f.node == ps.nodeID:
		return nil
	case err == nil:
		c.Heureka, c.Phase, c.Whole = true, f.phase, f.whole
		if c.Phase == PhaseOpen {
			sending.Add(1)
			defer sending.Add(-1)
		}
		c.Changed, c.Err = f.pull(ctx, NonZero(&theirs))
		c.Instances = f.received
		if c.Err == nil && 2*f.refused > f.received {
			c.Err = fmt.Errorf("%w: %d of %d instances are beyond this node's limits", ErrUncopied, f.refused, f.received)
		}
		if c.Err != nil && !errors.Is(c.Err, ErrUncopied) && ctx.Err() == nil { // there is another way
			cause := c.Err
			c.Err, c.Instances = nil, 0
			ps.copyApps(ctx, p, c)
			if c.Err != nil && c.Phase == PhaseOpen { // though it may refuse as one that starts does
				c.Err = fmt.Errorf("%w: %v", ErrUncopied, cause)
			}
		}
		c.CheckPhase()
	case answered(err):
		if young := ps.copyApps(ctx, p, c); young && c.Err == nil && f.node == "" {
			c.Err = errYoung
		}
	default:
		c.Err = err
	}
	c.Took = ps.cfg.Now().Sub(began)
	return c
}

// answered reports whether err is an answer, if not one of a heureka node.
func answered(err error) bool {
	_, refused := errors.AsType[*heureka.StatusError](err)
	return refused || errors.Is(err, errNotHeureka) || errors.Is(err, errOtherProtocol)
}

// copyApps takes over the records that any server lists, as they arrive. It reports whether they are young.
func (ps *Peers) copyApps(ctx context.Context, p *peer, c *Copied) bool {
	seen := span{oldest: math.MaxInt64, ring: math.MaxInt64}
	refused, refusal := 0, error(nil)
	header, err := p.conn.EachInstance(ctx, func(in *heureka.Instance) {
		seen.add(in, ps.cfg.App)
		c.Instances++
		changed, err := ps.takeOver(in, p, ps.cfg.Now())
		if changed {
			c.Changed++
		}
		if err != nil {
			refused, refusal = refused+1, err
		}
	})
	p.refusing(refusal)
	if err != nil {
		c.Err = err
		if status, ok := errors.AsType[*heureka.StatusError](err); ok &&
			(status.Code == http.StatusForbidden || status.Code == http.StatusServiceUnavailable) { // W-GATE-1
			c.Err = errors.Join(heureka.ErrNotReady, err)
		}
		return false
	}
	if 2*refused > c.Instances { // a bad record costs that record, most records are the registry
		c.Err = fmt.Errorf("%w: %d of %d instances, %v", ErrUncopied, refused, c.Instances, refusal)
	}
	if header.Get(wire.HeaderVersion) != "" { // perhaps of a node without peers: it has opened when it answers
		return false
	}
	now := ps.cfg.Now()
	c.Whole = now.Sub(seen.ringBegan(now))
	return seen.young()
}

// A span is what the instances that another server than heureka lists tell of its age, by its clock. Such servers do not say since
// when they have their registry, and when they start they register anew whatever they copy.
type span struct {
	oldest, newest int64
	ring           int64 // when the first of the ring's own nodes registered
}

// add takes in one more instance; those of the application app are the ring's nodes.
func (s *span) add(in *heureka.Instance, app string) {
	l := &in.Lease
	s.oldest = min(s.oldest, l.RegistrationMS)
	s.newest = max(s.newest, l.RegistrationMS, l.LastRenewalMS-l.DurationSecs*1000) // W-FLD-9
	if app != "" && in.App == app && l.RegistrationMS > 0 {
		s.ring = min(s.ring, l.RegistrationMS)
	}
}

// ringBegan returns when the first of the ring's nodes registered with the server, which has been up since then; now if it lists
// none.
func (s *span) ringBegan(now time.Time) time.Time {
	if began := time.UnixMilli(s.ring); began.Before(now) {
		return began
	}
	return now
}

// errYoung is the error of a server that may have started a moment ago.
var errYoung = fmt.Errorf("%w: it is not heureka, and nothing in its registry is older than %s", heureka.ErrNotReady, QuietToOpen)

// young reports whether a registry lists nobody, or only what has come within QuietToOpen. Other servers than heureka do not say
// that they have just started, and answer at once with the few that they have heard of.
func (s *span) young() bool {
	return s.oldest > 0 && s.newest-s.oldest < QuietToOpen.Milliseconds()
}

// takeOver registers a record unless there is one that is as new, or was.
func (ps *Peers) takeOver(in *heureka.Instance, p *peer, now time.Time) (changed bool, err error) {
	if mine, ok := ps.cfg.Store.Find(in.Key()); ok && mine.LastDirtyMS() >= in.LastDirtyMS {
		return false, nil
	}
	origin := registry.Origin{By: registry.ByStart, Address: p.conn.URL()}
	if err := p.gate.check(in, origin); err != nil {
		return false, err
	}
	ch, err := ps.cfg.Store.Register(in, origin, now)
	return err == nil && ch.Seq != 0, err
}
