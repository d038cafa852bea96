package scenario

import (
	"net/http"
	"slices"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// A Bug is a mistake that a simulation makes on purpose: one that its judge does not find would go unnoticed in the real
// code as well.
type Bug string

// The bugs.
const (
	NoBug           Bug = ""
	LostTombstones  Bug = "buckets come without tombstones"
	NoRetry         Bug = "batches that fail are not sent again"
	NoRevisions     Bug = "merging ignores revisions"
	LateBatches     Bug = "late and repeated batches are performed"
	NoIncarnations  Bug = "registrations do not say which incarnation of a record they mean"
	NoAntiEntropy   Bug = "registries are never compared"
	BlindDigest     Bug = "the digest leaves out buckets"
	NoEvictionLimit Bug = "a tick evicts everything that ran out"
	NoProtection    Bug = "no self-preservation"
	UnboundedQueue  Bug = "the queue has no bound"
	CountedBeats    Bug = "heartbeats are counted, not leases"
	OneIsMany       Bug = "one silent instance protects all"
	LateProtection  Bug = "protection begins with the third silent instance"
	LongLeases      Bug = "a renewed lease lasts twice as long"
	ShortLeases     Bug = "leases end after 20 s"
	NobodyAsked     Bug = "nobody is asked before an eviction"
	OpensAlone      Bug = "a node whose peers are all gone opens at once"
	NobodyLooks     Bug = "peers are only looked up when it is time"
	NobodyCounts    Bug = "clients count as little as nodes"
	LastArrived     Bug = "of two commands the one that arrives last counts"
	LastCompared    Bug = "of two commands the one that is compared last counts"
)

// Bugs returns all of them.
func Bugs() []Bug {
	return []Bug{
		LostTombstones, NoRetry, NoRevisions, LateBatches, NoIncarnations, NoAntiEntropy, BlindDigest,
		NoEvictionLimit, NoProtection, UnboundedQueue, CountedBeats, OneIsMany, LateProtection, LongLeases, ShortLeases, NobodyCounts, NobodyAsked, OpensAlone, NobodyLooks, LastArrived, LastCompared,
	}
}

func (b Bug) is(other Bug) bool { return b == other }

// suit has a story have much of what the bug takes to be seen.
func (b Bug) suit(t *story) {
	switch b {
	case LateBatches:
		t.busy, t.twice, t.clients = 60, 0.3, 4
	case NoIncarnations:
		t.busy, t.clients, t.faults = 100, 3, 6
	case NoEvictionLimit:
		t.busy, t.clients = 30, 30
	case LastArrived: // batches that wait for the end of a short partition
		t.disputes, t.faults, t.longest, t.skew, t.clocks, t.restarts = 3*disputes, 20, 25*time.Second, 0, 0, 0
	case LastCompared:
		t.disputes = disputes
	case NobodyAsked:
		t.pending, t.longest = 3, 7*time.Minute
	}
}

func (b Bug) configure(cfg *registry.Config) {
	switch b {
	case NoProtection:
		cfg.DisableSelfPreservation = true
	case CountedBeats:
		cfg.CountBeats = true
	case OneIsMany:
		cfg.MinMissing = 1
	case LateProtection:
		cfg.MinMissing = 3
	case LongLeases:
		cfg.DoubledLeases = true
	case ShortLeases:
		cfg.MaxLease = 20 * time.Second
	case NobodyCounts:
		cfg.OwnApp = keyOf(0).App
	}
}

// opens reports whether a node opens although it should not.
func (b Bug) opens(r *replication.Round) bool { return b == OpensAlone && r.Refusing == r.Peers }

// plan is the first half of a tick.
func (b Bug) plan(r *registry.Registry, now time.Time) *registry.Plan {
	if b == CountedBeats {
		r.UpdateThreshold(now) // clients are those that are there
	}
	return r.PlanEviction(now)
}

// carryOut is the second half.
func (b Bug) carryOut(r *registry.Registry, p *registry.Plan, now time.Time) registry.Eviction {
	ev := r.CarryOut(p, now)
	for more := ev; b == NoEvictionLimit && more.Evicted > 0; {
		more = r.Evict(now)
		ev.Evicted += more.Evicted
	}
	return ev
}

func (b Bug) pending(most int) int {
	if b == UnboundedQueue {
		return 1 << 30
	}
	return most
}

// sent is what leaves a node.
func (b Bug) sent(m message) message {
	if b == NoIncarnations {
		m.header.Del(wire.HeaderIncarnations)
	}
	return m
}

// came is what arrives for a request.
func (b Bug) came(answer *http.Response, err error) (*http.Response, error) {
	if b == NoRetry && (err != nil || answer.StatusCode == http.StatusTooEarly) {
		return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: http.NoBody}, nil
	}
	return answer, err
}

// ring is what a node's API asks.
func (b Bug) ring(r httpapi.Ring) httpapi.Ring {
	if b == LateBatches {
		return hasty{r}
	}
	return r
}

// hasty performs whatever comes.
type hasty struct{ httpapi.Ring }

// Admit implements httpapi.Ring.
func (h hasty) Admit(address string, request, answer http.Header) int {
	h.Ring.Admit(address, request, answer)
	return 0
}

func (b Bug) store(s replication.Store) replication.Store {
	switch b {
	case LostTombstones, NoRevisions, BlindDigest, LastCompared:
		return faulty{s, b}
	}
	return s
}

// faulty is a store with a bug.
type faulty struct {
	replication.Store
	bug Bug
}

// Digest implements replication.Store.
func (f faulty) Digest() digest {
	d := f.Store.Digest()
	if f.bug == BlindDigest {
		clear(d[:registry.Buckets/2])
	}
	return d
}

// Bucket implements replication.Store.
func (f faulty) Bucket(i int, now time.Time) []registry.Known {
	known := f.Store.Bucket(i, now)
	if f.bug != LostTombstones {
		return known
	}
	return slices.DeleteFunc(known, func(k registry.Known) bool { return k.Tombstone() })
}

// Merge implements replication.Store.
func (f faulty) Merge(e registry.Entry, now time.Time) bool {
	if f.bug == NoRevisions {
		e.Rev, e.OverrideRev = 0, 0
	}
	if f.bug == LastCompared && !e.Clock.IsZero() {
		e.Clock.Time += 1 << 40
	}
	return f.Store.Merge(e, now)
}
