package registry

import (
	"sync"

	"heureka.internal/heureka"
)

// stripeCount is the number of stripes, and of the buckets of a digest: a bucket is what one stripe holds.
const stripeCount = 256

// An index finds leases by key. It is split into stripes by the hash of the id, so that heartbeats of different
// instances rarely meet in one lock. Writers hold Registry.mu and then the stripe's lock: ARCHITECTURE.md has the order of
// all locks.
type index struct {
	stripes [stripeCount]stripe
}

type stripe struct {
	mu     sync.RWMutex
	leases map[string]*lease // by id; applications that share an id are chained by lease.next
	_      [32]byte          // one cache line each
}

// bucketOf returns the number of the stripe that holds an id, the same on every node.
func bucketOf(id string) int { return int(hashSeed.text(id) >> 56) }

func (x *index) stripe(id string) *stripe { return &x.stripes[bucketOf(id)] }

// find returns the lease of key, or nil.
func (x *index) find(key heureka.Key) *lease { return x.stripe(key.ID).find(key) }

func (s *stripe) find(key heureka.Key) *lease {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := s.leases[key.ID]
	for l != nil && l.instance().App != key.App {
		l = l.next
	}
	return l
}

// withID returns the leases of all applications for an id.
func (x *index) withID(id string) []*lease {
	s := x.stripe(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*lease
	for l := s.leases[id]; l != nil; l = l.next {
		all = append(all, l)
	}
	return all
}

// insert adds a lease whose key is not in the index.
func (x *index) insert(l *lease) {
	id := l.instance().ResolvedID()
	s := x.stripe(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases == nil {
		s.leases = make(map[string]*lease)
	}
	if first := s.leases[id]; first != nil { // keep first, whose id the map shares
		l.next, first.next = first.next, l
		return
	}
	s.leases[id] = l
}

// remove takes a lease out. Readers that are on their way along the chain may still pass through it.
func (x *index) remove(l *lease) {
	id := l.instance().ResolvedID()
	s := x.stripe(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.leases[id]
	switch {
	case first != l:
		for first.next != l {
			first = first.next
		}
		first.next = l.next
	case l.next != nil:
		s.leases[id] = l.next
	default:
		delete(s.leases, id)
	}
}

// snapshot appends the leases of stripe i to all.
func (x *index) snapshot(i int, all []*lease) []*lease {
	s := &x.stripes[i]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.leases {
		for ; l != nil; l = l.next {
			all = append(all, l)
		}
	}
	return all
}
