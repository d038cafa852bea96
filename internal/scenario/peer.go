package scenario

import (
	"context"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// A peer is one URL of a node: what two goroutines do in the product happens here event by event.
type peer struct {
	*replication.DrivenPeer
	n         *node
	name      string // of the link, for the trace
	sending   bool
	timer     int // number of the timer that counts
	comparing bool
	again     bool // another comparison was asked for meanwhile
}

// A finder finds the URLs of all nodes.
type finder struct{ n *node }

// Resolve implements replication.PeerFinder.
func (f finder) Resolve(context.Context) ([]replication.Target, error) {
	all := f.n.s.targets()
	if len(all) == 0 {
		return nil, noSuchName("eureka")
	}
	return all, nil
}

// lookUp finds the peers, and does so again later.
func (n *node) lookUp() {
	n.looks++
	mine := n.looks
	again := n.ring.Resolve(n.ctx)
	n.looked = n.s.now
	n.s.after(again, n.inThisLife(func() {
		if n.looks == mine {
			n.lookUp()
		}
	}))
	n.meet()
}

// meet begins to send to peers that are new, and leaves those that are gone alone.
func (n *node) meet() {
	var list []*peer
	for _, d := range n.ring.List() {
		if i := slices.IndexFunc(n.peers, func(p *peer) bool { return p.DrivenPeer == d }); i >= 0 {
			list = append(list, n.peers[i])
			continue
		}
		p := &peer{DrivenPeer: d, n: n, name: n.name + "-" + strings.TrimSuffix(strings.TrimPrefix(d.URL(), "http://"), ":8761/eureka/")}
		list = append(list, p)
		p.pump()
	}
	n.peers = list
}

// attend does what parts of the product that have been called want to be done soon.
func (n *node) attend() {
	if !n.runs() {
		return
	}
	if pause, wanted := n.ring.Looks(); wanted && !n.looking && !n.s.opt.Bug.is(NobodyLooks) {
		n.looking = true
		n.s.after(max(0, n.looked+pause-n.s.now), n.inThisLife(func() {
			n.looking = false
			n.lookUp()
		}))
	}
	for _, p := range n.peers {
		if p.Woken() {
			p.pump()
		}
		if p.Differs() {
			p.compare()
		}
	}
}

// pump sends what there is to send, and else comes back when there may be something.
func (p *peer) pump() {
	for !p.sending && !p.Gone() {
		batch, wait := p.Next(p.n.now())
		if batch == nil {
			p.wake(wait)
			return
		}
		p.sending = true
		p.n.flow(func() { p.Send(batch) }, func() {
			p.sending = false
			p.pump()
		})
	}
}

func (p *peer) wake(d time.Duration) {
	p.timer++
	mine := p.timer
	if d == replication.Idle {
		return
	}
	p.n.s.after(max(d, 0), p.n.inThisLife(func() {
		if p.timer == mine {
			p.pump()
		}
	}))
}

// compare takes over what the peer knows better.
func (p *peer) compare() {
	if p.comparing {
		p.again = true
		return
	}
	p.comparing = true
	healed := 0
	p.n.flow(func() { healed, _ = p.Compare() }, func() { // one that fails is tried again
		p.comparing = false
		p.n.s.note("compared", p.name, "", healed)
		p.pump()
		if p.again {
			p.again = false
			p.compare()
		}
	})
}
