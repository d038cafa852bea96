package scenario

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/respcache/respcachetest"
	"heureka.internal/heureka/internal/wire"
)

const (
	evictionInterval = time.Minute
	leaseTime        = 90 * time.Second
	joinLimit        = 5 * time.Minute // of the wait for a peer's registry
)

// digest is what nodes compare.
type digest = [registry.Buckets]uint64

// A node is a server without goroutines and clock, and with a network that the simulation plays: registry, replication, API
// and cached answers are the product's.
type node struct {
	s               *sim
	index           int
	name            string
	clock           clock
	addr, published string // its address, and where names lead
	knownFrom       time.Duration
	thaws           time.Duration // when it goes on if it stands still
	thawed          bool          // it has stood still since the last tick
	guarded         time.Duration // when it was protected last

	up    bool
	life  int // counts starts
	began time.Duration
	open  bool
	join  replication.Join
	came  *replication.Arrivals
	reg   *registry.Registry
	store replication.Store
	cache *respcache.Cache
	api   *httpapi.API
	replication.Writes

	ring    *replication.Driven
	peers   []*peer
	ctx     context.Context
	end     context.CancelFunc // of it
	flows   map[*flow]bool
	running *flow
	looked  time.Duration // when the peers were looked up last
	looks   int           // counts that
	looking bool          // they are soon, again

	evicted int // since the last tick began, as reported change by change
}

func (s *sim) newNode(i int) *node {
	n := &node{s: s, index: i, name: string(rune('a' + i))}
	n.addr = n.name
	if s.story.finding != fixed {
		s.addresses++
		n.addr = fmt.Sprintf("10.0.0.%d", s.addresses)
	}
	n.published = n.addr
	if s.story.skew > 0 {
		n.clock.offset = s.upTo(2*s.story.skew) - s.story.skew
	}
	return n
}

func (n *node) now() time.Time { return n.clock.read(n.s.now) }

// start starts the node with an empty registry.
func (n *node) start() {
	if n.up {
		return
	}
	n.life++
	n.up, n.open, n.began, n.came = true, false, n.s.now, new(replication.Arrivals)
	n.thaws, n.thawed, n.guarded = 0, false, 0
	if n.life > 1 {
		n.move()
	}
	n.flows, n.peers, n.looking = map[*flow]bool{}, nil, false
	n.join = replication.Join{Began: n.now(), Limit: joinLimit, Interval: n.s.story.expected, Lease: leaseTime}
	if err := n.build(); err != nil {
		panic(err) // a mistake in this package
	}
	n.s.note("starts", n.name, "", n.life)
	n.s.net.update()
	n.ctx, n.end = context.WithCancel(context.Background())
	n.lookUp()
	n.copyAll()
}

// build puts the product's parts together, as package server does.
func (n *node) build() (err error) {
	n.cache = respcachetest.New(respcache.Config{})
	cfg := registry.Config{Rand: n.source(1), OnChange: n.changed}
	n.s.opt.Bug.configure(&cfg)
	if n.reg, err = registry.New(registrytest.Config(cfg)); err != nil {
		return err
	}
	n.Writes = replication.Writes{Registry: n.reg, Now: n.now, Queue: n.queue}
	n.store = n.s.opt.Bug.store(ordered{n.reg})
	if n.ring, err = replication.NewDriven(n.replication()); err != nil {
		return err
	}
	n.api, err = httpapi.New(httpapi.Config{
		Ring: n.s.opt.Bug.ring(n.ring), NotReadyStatus: http.StatusServiceUnavailable,
		MaxBodyBytes: -1, MaxBatchBytes: 1 << 30, MaxHeldBytes: -1,
		RegistrationRefused: func(*http.Request, string, string) {},
		ErrorLog:            func(_ *http.Request, err any) { panic(err) }, // there is nothing that the registry refuses here
	}, n)
	return err
}

// maxAge is how long a cancel or a status change may wait for a peer.
const maxAge = 30 * time.Second

func (n *node) replication() replication.Config {
	bug := n.s.opt.Bug
	return replication.Config{
		Store: n.store, Resolver: finder{n}, Transport: n, Logger: slog.New(slog.DiscardHandler), Rand: n.source(2),
		Hosts: []string{n.host() + ":8761"}, Phase: n.phase, Now: n.now,
		UpdateInterval: n.s.story.lookUps, ReadTimeout: time.Hour, // the network ends what takes too long
		MaxPending: bug.pending(n.s.story.pending), MaxAge: maxAge, Linger: replication.Linger,
		DisableAntiEntropy: !n.s.story.compares || bug.is(NoAntiEntropy), ExchangeInterval: replication.ExchangeInterval,
	}
}

// host is what URLs have that lead to the node.
func (n *node) host() string {
	if n.s.story.finding == headless {
		return n.addr
	}
	return n.name
}

func (n *node) phase() string {
	if n.open {
		return replication.PhaseOpen
	}
	return replication.PhaseSyncing
}

// kill ends the process; nobody hears of it.
func (n *node) kill() {
	if !n.up {
		return
	}
	n.up = false
	n.s.note("is killed", n.name, "", n.life)
	n.end()
	n.endFlows()
	n.leave()
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
		n.whenItRuns(func() {
			if n.up && n.life == life {
				do()
			}
		})
	}
}

func (n *node) changed(ch registry.Change) {
	n.cache.Apply(ch)
	switch {
	case ch.Kind == registry.Evicted:
		n.evicted++
		n.s.judge.gone(n, ch.Key)
	case ch.Previous.IsZero() && !ch.Removed():
		n.came.Add(n.now(), ch.Record.RenewalIntervalSecs())
	}
	if !ch.Removed() {
		n.s.judge.unmixed(n, ch.Record.Instance())
	}
	n.s.note(kindNames[ch.Kind]+originNames[ch.Origin.By], n.name, ch.Key.ID, int(ch.Record.Status()))
}

var (
	kindNames   = map[registry.ChangeKind]string{registry.Registered: "registered", registry.StatusChanged: "status", registry.Cancelled: "cancelled", registry.Evicted: "evicted"}
	originNames = map[registry.By]string{registry.ByClient: " by client", registry.ByPeer: " by peer", registry.BySync: " by comparing", registry.ByNode: ""}
)

// A round asks the peers for their registries in turn, as replication.Peers.Sync does.
type round struct {
	replication.Round
	peers           []*peer
	asked, answered int
}

// copyAll begins a round.
func (n *node) copyAll() {
	r := new(round)
	for _, p := range n.peers {
		if !p.IsThisNode() {
			r.peers = append(r.peers, p)
		}
	}
	if len(r.peers) == 0 {
		n.decide(r)
		return
	}
	n.copyFrom(r)
}

// copyFrom asks the next peer, which has some time alone, and again until the node may open.
func (n *node) copyFrom(r *round) {
	if r.asked == len(r.peers) {
		return
	}
	p := r.peers[r.asked]
	r.asked++
	mine := r.asked
	var c *replication.Copied
	n.flow(func() { c = p.Copy() }, func() {
		if c != nil && r.Note(c) {
			n.openForTraffic()
		}
		if r.answered++; r.answered == len(r.peers) {
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
	r.Looked(n.ring.Unfound())
	if _, open := n.join.Open(&r.Round, n.came, n.now()); open || n.s.opt.Bug.opens(&r.Round) {
		n.openForTraffic()
		n.s.after(evictionInterval, n.inThisLife(n.tick))
		n.s.after(advanceInterval, n.inThisLife(n.advance))
		return
	}
	if r.Unfound {
		n.lookUp()
	}
	n.s.after(n.join.Pause(time.Minute, n.now()), n.inThisLife(n.copyAll))
}

func (n *node) openForTraffic() {
	if !n.open {
		n.open = true
		n.reg.OpenForTraffic(0, n.now())
		n.s.note("opens", n.name, "", n.reg.Len())
		n.s.judge.opened(n)
	}
}

// queue queues an operation for every peer.
func (n *node) queue(a wire.ReplicationAction, key heureka.Key, now time.Time) {
	n.ring.Add(a, key, now)
}

// Renew implements httpapi.Backend.
func (n *node) Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error {
	n.s.note("heartbeat"+originNames[origin.By], n.name, key.ID, 0)
	return n.Writes.Renew(key, renewal, origin)
}

// Command implements httpapi.Backend.
func (n *node) Command(c *registry.Command, origin registry.Origin) (changed bool, err error) {
	if n.s.opt.Bug.is(LastArrived) {
		c.Stamp = nil
	}
	return n.Writes.Command(c, origin)
}

// Instance implements httpapi.Backend.
func (n *node) Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error) {
	rec, ok := n.reg.Find(key)
	if !ok {
		return nil, heureka.LeaseInfo{}, heureka.ErrNotFound
	}
	in, lease := rec.Shown()
	return in, lease, nil
}

// InstanceByID implements httpapi.Backend: nobody asks.
func (n *node) InstanceByID(string) (*heureka.Instance, heureka.LeaseInfo, error) {
	return nil, heureka.LeaseInfo{}, heureka.ErrNotFound
}

// Answer implements httpapi.Backend.
func (n *node) Answer(q respcache.Query) (*respcache.Answer, error) {
	if !n.open {
		return nil, heureka.ErrNotReady
	}
	return n.cache.Get(q, n.now())
}

// StatusInfo, OwnStatus and Overrides implement httpapi.Backend: nobody asks.
func (n *node) StatusInfo() httpapi.StatusInfo            { return httpapi.StatusInfo{} }
func (n *node) OwnStatus() heureka.Status                 { return heureka.StatusUp }
func (n *node) Overrides() map[heureka.Key]heureka.Status { return nil }

// ordered is a registry whose buckets come in a fixed order, so that simulations repeat.
type ordered struct{ *registry.Registry }

// Bucket implements replication.Store.
func (o ordered) Bucket(i int, now time.Time) []registry.Known {
	known := o.Registry.Bucket(i, now)
	slices.SortFunc(known, func(a, b registry.Known) int { return cmp.Compare(a.Key().ID, b.Key().ID) })
	return known
}
