package replication

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/remote"
)

const (
	maxRegistry  = 512 << 20       // of a whole registry, decompressed
	syncPatience = 2 * time.Minute // with one peer that keeps sending
)

// Sync copies the registry of each peer, those of the own zone first, and says after each what came of it: an iteration is
// one round. Peers are asked in turn; the next one's turn comes after HedgeAfter even if the last has not finished. What a
// heureka node has comes with overrides, ages and cancellations, and is merged as in anti-entropy. Of another server's
// records each is taken that is newer than what is there (S-DEF-21). A node that takes clients from the first complete
// answer on loses nothing by going on with the rest meanwhile.
//
// It waits until Run has resolved the peers. Whatever a peer answers, it costs bounded time and memory.
func (ps *Peers) Sync(ctx context.Context) iter.Seq[Copied] {
	return func(yield func(Copied) bool) {
		select {
		case <-ctx.Done():
			return
		case <-ps.resolved:
		}
		ctx, cancel := context.WithCancel(ctx)
		var asking sync.WaitGroup
		defer asking.Wait()
		defer cancel()
		peers := slices.DeleteFunc(slices.Clone(*ps.list.Load()), func(p *peer) bool { return p.has(ThisNode) })
		answers := make(chan *Copied, len(peers))
		turn := time.NewTimer(0)
		defer turn.Stop()
		for asked, answered := 0, 0; answered < len(peers); {
			wait := time.Duration(0)
			select {
			case <-ctx.Done():
				return
			case <-turn.C:
				p := peers[asked]
				asking.Go(func() { answers <- ps.copyFrom(ctx, p) })
				asked++
				wait = HedgeAfter
			case c := <-answers:
				if ctx.Err() != nil || c != nil && !yield(*c) {
					return
				}
				answered++
			}
			if asked < len(peers) {
				turn.Reset(wait)
			}
		}
	}
}

// copyFrom copies the registry of one peer. It returns nil if that turned out to be this node.
func (ps *Peers) copyFrom(ctx context.Context, p *peer) *Copied {
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
		c.Heureka, c.Phase = true, f.phase
		c.Changed, c.Err = f.pull(ctx, NonZero(&theirs))
		c.Instances = f.received
		if c.Err != nil && ctx.Err() == nil { // there is another way
			cause := c.Err
			c.Err, c.Instances = nil, 0
			ps.copyApps(ctx, p.conn, c)
			if c.Err != nil && c.Phase == PhaseOpen { // though it may refuse as one that starts does
				c.Err = fmt.Errorf("%w: %v", ErrUncopied, cause)
			}
		}
		c.CheckPhase()
	case answered(err):
		ps.copyApps(ctx, p.conn, c)
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

// copyApps takes over the records that any server lists.
func (ps *Peers) copyApps(ctx context.Context, conn *remote.Conn, c *Copied) {
	doc, err := conn.Apps(ctx, remote.Query{})
	if err != nil {
		c.Err = err
		if status, ok := errors.AsType[*heureka.StatusError](err); ok &&
			(status.Code == http.StatusForbidden || status.Code == http.StatusServiceUnavailable) { // W-GATE-1
			c.Err = errors.Join(heureka.ErrNotReady, err)
		}
		return
	}
	now, refused := ps.cfg.Now(), 0
	for _, app := range doc.Apps.Apps {
		for _, in := range app.Instances {
			c.Instances++
			changed, failure := ps.takeOver(in, c.Peer, now)
			if changed {
				c.Changed++
			}
			if failure != nil {
				refused, err = refused+1, failure
			}
		}
	}
	if 2*refused > c.Instances { // a bad record costs that record, most records are the registry
		c.Err = fmt.Errorf("%w: %d of %d instances, %v", ErrUncopied, refused, c.Instances, err)
	}
}

// takeOver registers a record unless there is one that is as new, or was.
func (ps *Peers) takeOver(in *heureka.Instance, peer string, now time.Time) (changed bool, err error) {
	if mine, ok := ps.cfg.Store.Find(in.Key()); ok && mine.Instance.LastDirtyMS >= in.LastDirtyMS {
		return false, nil
	}
	ch, err := ps.cfg.Store.Register(in, registry.Origin{By: registry.ByStart, Address: peer}, now)
	return err == nil && ch.Seq != 0, err
}
