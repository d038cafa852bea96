package registry

import (
	"iter"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
)

// A Registry holds the leases of one node. All methods are safe for concurrent use, except that only one goroutine may
// call Evict; none may be called from Config.OnChange. Times must come from one clock: leases are compared on its
// monotonic reading if it has one, and shown by its wall clock.
//
// Reads and Renew take no lock that all instances share. Everything that changes an instance is done one after the other
// under mu, which is what numbers changes and keeps OnChange in order.
type Registry struct {
	cfg   Config
	epoch atomic.Pointer[time.Time] // the first time anybody named; leases count from it

	index        index
	feed         Feed
	tellers      tellers
	renewals     meter
	replications meter
	counters     counters

	size     atomic.Int64              // number of leases
	rate     atomic.Int64              // weight of all leases, in millionths of a renewal a minute
	silence  silence                   // those of them that are overdue
	observed atomic.Int64              // second up to which the wheel was looked at
	clients  atomic.Int64              // S-SP-1, with CountBeats
	opened   atomic.Int64              // when OpenForTraffic was called last, as time since the epoch; notOpened
	metering atomic.Int64              // when it was called first: where completed minutes begin; notOpened
	guarded  atomic.Pointer[time.Time] // since when too few renewals arrive; nil if enough do

	protection atomic.Pointer[protection] // the last one that has ended

	mu         sync.Mutex
	seq        uint64
	apps       map[string]app
	statuses   heureka.StatusCounts
	wheel      wheel
	tombs      tombstones
	digest     [Buckets]uint64
	registered recentEvents
	cancelled  recentEvents
	rand       *rand.Rand
	ticker     ticker
	lastTick   lastTick
	restored   int // leases, see Restore
	parked     map[heureka.Key]parked
	released   time.Duration // leases that ran out before are not held; 0: there is none
	releasedBy Origin
}

// An app is an application with instances.
type app struct {
	name      string // shared by its instances
	instances int
	statuses  heureka.StatusCounts
}

// counters count since the start.
type counters struct {
	registrations, cancels, evictions, notFound  atomic.Uint64
	peerRegistrations, peerCancels, peerRenewals atomic.Uint64 // those of them that peers sent
}

// New returns an empty registry. It fails if cfg makes no sense, and then names everything that is wrong.
func New(cfg Config) (*Registry, error) {
	cfg = cfg.prepared()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Registry{
		cfg:          cfg,
		renewals:     make(meter, meterParts),
		replications: make(meter, 1),
		wheel:        wheel{expired: make(map[string]int)},
		apps:         make(map[string]app),
		rand:         rand.New(cfg.Rand),
	}
	r.ticker.node = r.rand.Uint64() | 1 // zero is nobody
	r.feed.limit(cfg.FeedChanges, cfg.FeedBytes)
	r.clients.Store(int64(cfg.InitialClients))
	r.opened.Store(notOpened)
	r.metering.Store(notOpened)
	return r, nil
}

// An instant is one moment on both clocks.
type instant struct {
	wall time.Time
	at   time.Duration // since the registry's epoch
}

func (t instant) ms() int64 { return t.wall.UnixMilli() }

// instant returns now on both clocks. The first moment that the registry hears of becomes its epoch.
func (r *Registry) instant(now time.Time) instant {
	epoch := r.epoch.Load()
	if epoch == nil {
		epoch = r.begin(now)
	}
	return instant{wall: now, at: now.Sub(*epoch)}
}

// begin makes now the epoch, unless another goroutine was faster. It is apart from instant so that now stays off the
// heap there.
func (r *Registry) begin(now time.Time) *time.Time {
	r.epoch.CompareAndSwap(nil, &now)
	return r.epoch.Load()
}

// Get returns an instance unless its lease has run out while eviction is allowed (S-QUERY-1).
func (r *Registry) Get(key heureka.Key, now time.Time) (Record, bool) {
	l, t := r.index.find(key), r.instant(now)
	r.observe(t)
	if l == nil || r.hidden(l, t) {
		return Record{}, false
	}
	return l.record(), true
}

// GetByID returns the first instance with this id over all applications that Get would return; which one, when several
// have the id, is unspecified (S-QUERY-2).
func (r *Registry) GetByID(id string, now time.Time) (Record, bool) {
	t := r.instant(now)
	r.observe(t)
	for _, l := range r.index.withID(id) {
		if !r.hidden(l, t) {
			return l.record(), true
		}
	}
	return Record{}, false
}

// Find returns an instance whether or not its lease has run out.
func (r *Registry) Find(key heureka.Key) (Record, bool) {
	l := r.index.find(key)
	if l == nil {
		return Record{}, false
	}
	return l.record(), true
}

// All iterates over all instances in unspecified order (S-REG-6), also those whose leases have run out. Instances that
// come or go meanwhile may or may not be seen.
func (r *Registry) All() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for l := range r.all() {
			if !yield(l.record()) {
				return
			}
		}
	}
}

// all iterates over all leases without holding a lock.
func (r *Registry) all() iter.Seq[*lease] {
	return func(yield func(*lease) bool) {
		var leases []*lease
		for i := range r.index.stripes {
			leases = r.index.snapshot(i, leases[:0])
			for _, l := range leases {
				if !yield(l) {
					return
				}
			}
		}
	}
}

// Feed returns the last changes, for those who follow the registry.
func (r *Registry) Feed() *Feed { return &r.feed }

// Len returns the number of instances.
func (r *Registry) Len() int { return int(r.size.Load()) }

// Override returns the override recorded for an instance. It may be UNKNOWN (W-STAT-6).
func (r *Registry) Override(key heureka.Key) (heureka.Status, bool) {
	l := r.index.find(key)
	if l == nil {
		return heureka.StatusUnknown, false
	}
	s := l.current.Load()
	return s.overridden, s.override().set
}

// Overrides returns all overrides. It visits every instance.
func (r *Registry) Overrides() map[heureka.Key]heureka.Status {
	all := make(map[heureka.Key]heureka.Status)
	for l := range r.all() {
		if s := l.current.Load(); s.override().set {
			all[l.key] = s.overridden
		}
	}
	return all
}

// Recent returns the last 1000 registrations, repeated ones included, and the last 1000 cancels and evictions, newest
// first (S-DASH-4).
func (r *Registry) Recent() (registered, cancelled []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.registered.newestFirst(), r.cancelled.newestFirst()
}

// expired reports whether a lease has run out (S-LEASE-3).
func (r *Registry) expired(l *lease, t instant) bool {
	beat := l.beat.Load()
	return beat == gone || t.at > expiry(beat, l.current.Load().life(), r.cfg.DoubledLeases)
}

// hidden reports whether queries for the single instance must not find it (S-QUERY-1), to whoever has observed t.
func (r *Registry) hidden(l *lease, t instant) bool {
	if !r.expired(l, t) {
		return false
	}
	beat := l.beat.Load()
	return beat == gone || r.evictionAllowed(t) && !r.recovers(beat, l.current.Load(), t)
}
