package registry

import (
	"strings"
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
	leases map[string]*lease      // by id: of applications that share one, the head of a list
	others map[heureka.Key]*lease // the rest of these lists; nil while ids are unlike
	_      [24]byte               // one cache line each
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
	if l != nil && l.key.App != key.App {
		return s.others[key]
	}
	return l
}

// maxSameID is how many leases of one id are looked at: with thousands of applications that share it, any will do.
const maxSameID = 64

// withID returns leases of applications for an id.
func (x *index) withID(id string) []*lease {
	s := x.stripe(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	var all []*lease
	for l := s.leases[id]; l != nil && len(all) < maxSameID; l = l.next {
		all = append(all, l)
	}
	return all
}

// insert adds a lease under a key that is not in the index. The lease keeps the key, with this string for its application, and
// apart from the memory of its first state, which does not last as long.
func (x *index) insert(l *lease, key heureka.Key, app string) {
	id := strings.Clone(key.ID)
	l.key = heureka.Key{App: app, ID: id}
	s := x.stripe(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.leases[id]
	if head == nil {
		if s.leases == nil {
			s.leases = make(map[string]*lease)
		}
		s.leases[id] = l
		return
	}
	if s.others == nil { // the head stays, because the map shares its id
		s.others = make(map[heureka.Key]*lease)
	}
	s.others[l.key] = l
	l.prev, l.next = head, head.next
	if l.next != nil {
		l.next.prev = l
	}
	head.next = l
}

// remove takes a lease out.
func (x *index) remove(l *lease) {
	id := l.key.ID
	s := x.stripe(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case l.prev != nil:
		l.prev.next = l.next
		delete(s.others, l.key)
	case l.next != nil:
		s.leases[id] = l.next
		delete(s.others, l.next.key)
	default:
		delete(s.leases, id)
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	if len(s.others) == 0 {
		s.others = nil
	}
	l.prev, l.next = nil, nil
}

// snapshot appends the leases of stripe i to all.
func (x *index) snapshot(i int, all []*lease) []*lease {
	s := &x.stripes[i]
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, l := range s.leases {
		all = append(all, l)
	}
	for _, l := range s.others {
		all = append(all, l)
	}
	return all
}
