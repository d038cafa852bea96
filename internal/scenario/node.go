package scenario

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

const evictionInterval = time.Minute

// digest is what nodes compare.
type digest = [registry.Buckets]uint64

// A node is a server without HTTP, goroutines and clock: what packages server, httpapi and replication do with them
// happens here in the same steps.
type node struct {
	s      *sim
	index  int
	name   string
	offset time.Duration // of its wall clock

	up   bool
	life int // counts starts
	open bool
	join replication.Join
	came *replication.Arrivals
	replication.Writes
	reg     *registry.Registry
	store   replication.Store
	peers   []*peer
	guard   *replication.Guard
	batches uint64
	evicted int // since the last tick began, as reported change by change
}

func (s *sim) newNode(i int) *node {
	n := &node{s: s, index: i, name: string(rune('a' + i))}
	if s.story.skew > 0 {
		n.offset = s.upTo(2*s.story.skew) - s.story.skew
	}
	return n
}

func (n *node) now() time.Time { return epoch.Add(n.s.now + n.offset) }

// id is the name of this life of the node.
func (n *node) id() string { return fmt.Sprint(n.name, n.life) }

// start starts the node with an empty registry.
func (n *node) start() {
	if n.up {
		return
	}
	n.life++
	n.up, n.open, n.came = true, false, new(replication.Arrivals)
	n.join = replication.Join{Began: n.now(), Limit: 5 * time.Minute, Interval: 30 * time.Second, Lease: 90 * time.Second}
	n.guard, n.batches = replication.NewGuard(n.id(), n.now()), 0
	cfg := registry.Config{Rand: n.source(1), OnChange: n.changed}
	n.s.opt.Bug.configure(&cfg)
	var err error
	if n.reg, err = registry.New(registrytest.Config(cfg)); err != nil {
		panic(err) // a mistake in this package
	}
	n.Writes = replication.Writes{Registry: n.reg, Now: n.now, Queue: n.queue}
	n.store = n.s.opt.Bug.store(ordered{n.reg})
	n.peers = nil
	for _, other := range n.s.nodes {
		if other != n {
			n.peers = append(n.peers, newPeer(n, other))
		}
	}
	n.s.note("starts", n.name, "", n.life)
	n.s.net.update()
	for _, p := range n.peers {
		p.pump()
	}
	n.copyFrom(new(round))
}

// kill ends the process; nobody hears of it.
func (n *node) kill() {
	n.up = false
	n.s.note("is killed", n.name, "", n.life)
	n.s.net.down(n.index)
	n.s.net.update()
	n.s.judge.forget(n)
}

// source returns a source of randomness of this life.
func (n *node) source(use uint64) rand.Source {
	return rand.NewPCG(n.s.opt.Seed, uint64(n.index)<<32|uint64(n.life)<<8|use)
}

// inThisLife wraps do so that it happens only if the node has not been killed meanwhile.
func (n *node) inThisLife(do func()) func() {
	life := n.life
	return func() {
		if n.up && n.life == life {
			do()
		}
	}
}

func (n *node) changed(ch registry.Change) {
	switch {
	case ch.Kind == registry.Evicted:
		n.evicted++
	case ch.Previous == nil && !ch.Removed():
		n.came.Add(n.now(), ch.Record.Instance.Lease.RenewalIntervalSecs)
	}
	n.s.note(kindNames[ch.Kind]+originNames[ch.Origin.By], n.name, ch.Key.ID, int(ch.Record.Instance.Status))
}

var (
	kindNames   = map[registry.ChangeKind]string{registry.Registered: "registered", registry.StatusChanged: "status", registry.Cancelled: "cancelled", registry.Evicted: "evicted"}
	originNames = map[registry.By]string{registry.ByClient: " by client", registry.ByPeer: " by peer", registry.BySync: " by comparing", registry.ByNode: ""}
)

// A round asks the peers for their registries in turn, as replication.Peers.Sync does.
type round struct {
	replication.Round
	asked, answered int
}

// copyFrom asks the next peer, which has some time alone, and again until the node may open.
func (n *node) copyFrom(r *round) {
	if r.asked == len(n.peers) {
		return
	}
	p := n.peers[r.asked]
	r.asked++
	mine := r.asked
	p.copy(func(c *replication.Copied) {
		if r.Note(c) {
			n.openForTraffic()
		}
		if r.answered++; r.answered == len(n.peers) {
			n.decide(r)
		}
		n.copyFrom(r)
	})
	n.s.after(replication.HedgeAfter, n.inThisLife(func() {
		if r.asked == mine {
			n.copyFrom(r)
		}
	}))
}

func (n *node) decide(r *round) {
	if _, open := n.join.Open(&r.Round, n.came, n.now()); open {
		n.openForTraffic()
		n.s.after(evictionInterval, n.inThisLife(n.tick))
		return
	}
	n.s.after(n.join.Pause(time.Minute, n.now()), n.inThisLife(func() { n.copyFrom(new(round)) }))
}

func (n *node) openForTraffic() {
	if !n.open {
		n.open = true
		n.reg.OpenForTraffic(0, n.now())
		n.s.note("opens", n.name, "", n.reg.Len())
	}
}

// tick evicts.
func (n *node) tick() {
	before := n.s.judge.beforeTick(n)
	n.evicted = 0
	ev := n.s.opt.Bug.evict(n.reg, n.now())
	n.s.note("tick", n.name, "", ev.Evicted)
	n.s.judge.afterTick(n, before, ev)
	n.s.after(evictionInterval, n.inThisLife(n.tick))
}

// queue queues an operation for every peer.
func (n *node) queue(a wire.ReplicationAction, key heureka.Key, now time.Time) {
	for _, p := range n.peers {
		if p.link.Add(a, key, now) {
			p.pump()
		}
	}
}

// ordered is a registry whose buckets come in a fixed order, so that simulations repeat.
type ordered struct{ *registry.Registry }

// Bucket implements replication.Store.
func (o ordered) Bucket(i int, now time.Time) []registry.Entry {
	entries := o.Registry.Bucket(i, now)
	slices.SortFunc(entries, func(a, b registry.Entry) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return entries
}
