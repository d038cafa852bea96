package replication

import (
	"context"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// Driven are Peers without goroutines: somebody else does one thing at a time of what those do, as a simulation. Whatever
// sends a request returns when its answer has come, and nothing is locked meanwhile.
type Driven struct {
	*Peers
	m   members
	all map[*peer]*DrivenPeer
}

// NewDriven returns a set that does nothing by itself.
func NewDriven(cfg Config) (*Driven, error) {
	ps, err := New(cfg)
	if err != nil {
		return nil, err
	}
	d := &Driven{Peers: ps, all: make(map[*peer]*DrivenPeer)}
	d.m = members{ps: ps, stops: make(map[*peer]context.CancelFunc), begin: func(ctx context.Context, p *peer) {
		d.all[p] = &DrivenPeer{peer: p, ctx: ctx}
	}}
	return d, nil
}

// Resolve finds the peers. It returns when to do so again.
func (d *Driven) Resolve(ctx context.Context) time.Duration { return jitter(d.rng, d.m.update(ctx)) }

// Looks reports whether somebody wants the peers to be resolved earlier, so long after the last time.
func (d *Driven) Looks() (pause time.Duration, wanted bool) {
	select {
	case pause = <-d.look:
		return pause, true
	default:
		return 0, false
	}
}

// List returns the peers, in order of resolution.
func (d *Driven) List() []*DrivenPeer {
	return d.driven(*d.list.Load())
}

func (d *Driven) driven(list []*peer) []*DrivenPeer {
	all := make([]*DrivenPeer, len(list))
	for i, p := range list {
		all[i] = d.all[p]
	}
	return all
}

// WhoHears returns the peers to ask before an eviction.
func (d *Driven) WhoHears() []*DrivenPeer { return d.driven(d.whoHears()) }

// A DrivenPeer is one URL.
type DrivenPeer struct {
	*peer
	ctx context.Context
}

// URL returns it, without credentials.
func (p *DrivenPeer) URL() string { return p.conn.URL() }

// Gone reports whether the URL is none of a peer any more.
func (p *DrivenPeer) Gone() bool { return p.ctx.Err() != nil }

// Woken reports whether there may be something to send earlier than Next said last.
func (p *DrivenPeer) Woken() bool { return drained(p.wake) }

// Differs reports whether somebody wants registries to be compared.
func (p *DrivenPeer) Differs() bool { return drained(p.differs) }

func drained(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Pending returns how many instances have something queued.
func (p *DrivenPeer) Pending() int { return p.link.Pending() }

// Next returns what to send now, or for how long there is nothing.
func (p *DrivenPeer) Next(now time.Time) (*Batch, time.Duration) { return p.next(now) }

// Send sends it.
func (p *DrivenPeer) Send(b *Batch) { p.send(p.ctx, b) }

// Compare compares registries, if it is time, and takes over what the peer knows better.
func (p *DrivenPeer) Compare() (healed int, err error) {
	if !p.mayExchange(p.set.cfg.Now()) {
		return 0, nil
	}
	return p.exchange(p.ctx)
}

// IsThisNode reports whether the URL leads to the node itself.
func (p *DrivenPeer) IsThisNode() bool { return p.has(ThisNode) }

// Copy copies the peer's registry, at a start. It returns nil if it turns out to be this node.
func (p *DrivenPeer) Copy() *Copied { return p.set.copyFrom(p.ctx, p.peer, new(atomic.Int64)) }

// AskHeard asks the peer whom it has heard.
func (p *DrivenPeer) AskHeard(keys []heureka.Key) (kept int) { return p.askHeard(p.ctx, keys) }
