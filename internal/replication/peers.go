package replication

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// Peers is the set of nodes that this one replicates to. Use New to make one, and Run to let it work. All methods are safe
// for concurrent use.
type Peers struct {
	cfg    Config
	log    *slog.Logger
	nodeID string
	nonce  string     // shown to peers alone, see HeaderNonce
	rng    *rand.Rand // used by Run only

	reload   chan struct{}      // wakes Run
	look     chan time.Duration // likewise, so long after it looked last
	resolved chan struct{}      // closed when peers have been resolved for the first time, or that failed
	sent     chan struct{}      // a batch has come back: wakes Drain

	list   atomic.Pointer[[]*peer] // in order of resolution; replaced, never changed
	looked atomic.Pointer[lookUp]  // the last resolution; nil before it

	batches atomic.Uint64 // sent

	mu        sync.Mutex // also guards the standing of each peer
	guard     *Guard     // Admit: guarded by mu
	strangers strangers
	answering map[string]int // requests for buckets under way, by node; "" for all that have not proved to be peers
}

// New returns a set that does nothing yet. It fails if cfg makes no sense.
func New(cfg Config) (*Peers, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	rng := rand.New(cfg.Rand)
	id := binary.BigEndian.AppendUint64(nil, rng.Uint64())
	id = binary.BigEndian.AppendUint64(id, rng.Uint64())
	ps := &Peers{
		cfg: cfg, log: cfg.Logger, rng: rng, nodeID: hex.EncodeToString(id), nonce: crand.Text(),
		answering: make(map[string]int),
		reload:    make(chan struct{}, 1), look: make(chan time.Duration, 1), resolved: make(chan struct{}), sent: make(chan struct{}, 1),
	}
	ps.guard = NewGuard(ps.nodeID, ps.cfg.Now())
	ps.list.Store(new([]*peer))
	return ps, nil
}

// NodeID returns the random name under which this node is known to its peers until it ends.
func (ps *Peers) NodeID() string { return ps.nodeID }

// Add queues an operation of a client for every peer (S-REPL-1). It is quick and never waits for a peer.
func (ps *Peers) Add(action wire.ReplicationAction, key heureka.Key, now time.Time) {
	for _, p := range *ps.list.Load() {
		p.add(action, key, now)
	}
}

// Reload resolves the peers again, soon.
func (ps *Peers) Reload() { poke(ps.reload) }

// A lookUp is how a resolution ended, and when.
type lookUp struct {
	err error
	at  time.Time
}

// Unfound says why there may be peers that are not known, because the last resolution failed, and when that was; nil if it
// did not.
func (ps *Peers) Unfound() (at time.Time, err error) {
	if l := ps.looked.Load(); l != nil {
		return l.at, l.err
	}
	return time.Time{}, nil
}

// Status returns the state of each URL, in order of resolution.
func (ps *Peers) Status(now time.Time) []Status {
	list := *ps.list.Load()
	out := make([]Status, len(list))
	for i, p := range list {
		out[i] = p.status(now)
	}
	return out
}

// Has reports whether the URL of a peer has this host name, in lower case.
func (ps *Peers) Has(host string) bool {
	return slices.ContainsFunc(*ps.list.Load(), func(p *peer) bool { return p.host == host })
}

// Drain waits until everything has been sent to the peers that answer, or ctx ends: for a node that says goodbye.
func (ps *Peers) Drain(ctx context.Context) error {
	for {
		if !slices.ContainsFunc(*ps.list.Load(), (*peer).busy) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ps.sent:
		}
	}
}

// Run keeps the set current and sends to its members until ctx ends. It returns when all goroutines have ended; what is
// still queued is dropped (S-BOOT-14).
func (ps *Peers) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	m := members{ps: ps, stops: make(map[*peer]context.CancelFunc), begin: func(ctx context.Context, p *peer) {
		wg.Go(func() { p.run(ctx) })
		wg.Go(func() { p.repair(ctx) })
	}}
	for {
		next := m.update(ctx)
		looked := time.Now()
		select {
		case <-ctx.Done():
			return
		case <-ps.reload:
		case pause := <-ps.look:
			ps.pause(ctx, looked, pause)
		case <-time.After(jitter(ps.rng, next)):
		}
	}
}

// pause waits before a look-up that strangers and failing peers have asked for, until the shortest pause that one of them asks
// for is over; whoever reloads does not wait.
func (ps *Peers) pause(ctx context.Context, looked time.Time, pause time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ps.reload:
			return
		case another := <-ps.look:
			pause = min(pause, another)
		case <-time.After(time.Until(looked.Add(pause))):
			return
		}
	}
}

// members starts and stops peers as their URLs come and go. It belongs to Run.
type members struct {
	ps       *Peers
	stops    map[*peer]context.CancelFunc
	begin    func(context.Context, *peer) // a new peer's work
	complain complaint
	resolved bool
}

// update resolves the peers once. It returns when to do so again.
func (m *members) update(ctx context.Context) (again time.Duration) {
	targets, err := m.ps.cfg.Resolver.Resolve(ctx)
	if ctx.Err() != nil {
		return 0
	}
	old := *m.ps.list.Load()
	switch {
	case err != nil:
		again = min(retryResolution, m.ps.cfg.UpdateInterval)
		m.complain.about(m.ps.log, "cannot find all peers, keeping those known", err.Error())
	case len(targets) == 0 && len(old) > 0: // protects against an empty DNS answer (S-DEF-15)
		again = m.ps.cfg.UpdateInterval
		m.complain.about(m.ps.log, "list of peers is empty, keeping the known ones", "")
	default:
		again = m.ps.cfg.UpdateInterval
		m.complain.over()
	}
	m.replace(ctx, old, targets, err != nil || len(targets) == 0)
	m.ps.looked.Store(&lookUp{err, m.ps.cfg.Now()})
	if !m.resolved {
		m.resolved = true
		close(m.ps.resolved)
	}
	return again
}

// replace makes targets the set, with those of old that are still in it, or all if keep is set.
func (m *members) replace(ctx context.Context, old []*peer, targets []Target, keep bool) {
	var list []*peer
	known := make(map[string]*peer)
	for _, p := range old {
		known[p.target.URL] = p
		if keep {
			list = append(list, p)
		}
	}
	for _, t := range targets {
		p := known[t.URL]
		if p == nil {
			if p = m.start(ctx, t); p == nil {
				continue
			}
		}
		known[t.URL] = p
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	m.ps.list.Store(&list)
	for _, p := range old {
		p.recheck()
	}
	for _, p := range old {
		if !slices.Contains(list, p) {
			m.remove(p, list)
		}
	}
	m.ps.elect()
}

// remove ends a peer. One of list at the same host and port, under another password or scheme, takes over what is queued.
func (m *members) remove(p *peer, list []*peer) {
	m.stops[p]()
	delete(m.stops, p)
	m.ps.log.Info("peer removed", "peer", p.conn.URL())
	if i := slices.IndexFunc(list, func(other *peer) bool { return other.conn.Host() == p.conn.Host() }); i >= 0 {
		p.leaveTo(list[i])
	}
}

// start runs a new peer, or returns nil if its URL is none.
func (m *members) start(ctx context.Context, t Target) *peer {
	p, err := newPeer(m.ps, t, rand.New(rand.NewPCG(m.ps.rng.Uint64(), m.ps.rng.Uint64())))
	if err != nil {
		m.complain.about(m.ps.log, "peer left out", err.Error())
		return nil
	}
	ctx, stop := context.WithCancel(ctx)
	m.stops[p] = stop
	m.begin(ctx, p)
	m.ps.log.Info("peer added", "peer", p.conn.URL(), "zone", t.Zone)
	return p
}

// A complaint is logged when it begins and when it changes, not each time.
type complaint struct{ said string }

func (c *complaint) about(log *slog.Logger, msg, detail string) {
	if said := msg + detail; c.said != said {
		c.said = said
		log.Warn(msg, "err", detail)
	}
}

func (c *complaint) over() { c.said = "" }

// poke wakes whoever waits for c, now or when it looks next.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
