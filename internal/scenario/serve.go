package scenario

import (
	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// What peers ask of a node: the steps of httpapi and replication.Peers around the same pure code.

func (n *node) greeting() replication.Greeting {
	d := n.store.Digest()
	phase := "starting"
	if n.open {
		phase = replication.PhaseOpen
	}
	return replication.Greeting{Node: n.id(), Digest: replication.Root(&d), Phase: phase, Clock: n.guard.Clock(n.now())}
}

func (n *node) serveBatch(from replication.Greeting, items []wire.ReplicationItem) (answer, replication.Outcome) {
	if !n.admits(from) {
		n.heard(from.Node, "", false)
		return answer{said: n.greeting(), late: true}, replication.Busy
	}
	items = n.arrived(items)
	results := make([]wire.ReplicationResult, len(items))
	p := httpapi.Performer{Registry: n, Peer: registry.FromPeer}
	for i := range items {
		var err error
		if results[i], err = p.Item(&items[i]); err != nil {
			panic(err) // there is nothing that the registry refuses here
		}
		n.s.note("performs "+string(items[i].Action), n.name, items[i].ID, results[i].StatusCode)
	}
	a := answer{said: n.greeting(), results: results}
	n.heard(from.Node, from.Digest, false)
	return a, replication.Delivered
}

// arrived returns items as they come out of a request: the incarnations stand in a header.
func (n *node) arrived(sent []wire.ReplicationItem) []wire.ReplicationItem {
	items := make([]wire.ReplicationItem, len(sent))
	for i, it := range sent {
		it.Incarnation, it.HasIncarnation = 0, false
		items[i] = it
	}
	if !n.s.opt.Bug.is(NoIncarnations) {
		wire.SetIncarnations(items, wire.Incarnations(sent))
	}
	return items
}

// admits asks the guard about a batch.
func (n *node) admits(from replication.Greeting) bool {
	if n.s.opt.Bug.is(LateBatches) {
		return true
	}
	if admitted, _ := n.guard.Admit(from, true, n.now()); admitted {
		return true
	}
	n.s.note("refuses batch", n.name, "", 0)
	return false
}

func (n *node) serveDigest(from replication.Greeting) answer {
	a := answer{said: n.greeting(), doc: replication.AnswerDigest(n.store)}
	n.heard(from.Node, from.Digest, true)
	return a
}

// heard tells the links that lead to a node what it has said.
func (n *node) heard(from, theirs string, comparing bool) {
	all := make([]*replication.Standing, len(n.peers))
	for i, p := range n.peers {
		all[i] = &p.standing
	}
	found, met := replication.Behind(from, all)
	if !met {
		theirs = ""
	}
	d := n.store.Digest()
	mine := replication.Root(&d)
	for _, i := range found {
		p := n.peers[i]
		wake, exchange := p.link.Contact(theirs, mine, comparing, n.now())
		if exchange {
			p.exchange()
		}
		if wake {
			p.pump()
		}
	}
}

// Instance implements httpapi.Registry.
func (n *node) Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error) {
	rec, ok := n.reg.Find(key)
	if !ok {
		return nil, heureka.LeaseInfo{}, heureka.ErrNotFound
	}
	return rec.Instance, rec.Lease(), nil
}
