package registry

import (
	"hash/maphash"
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

// A stripe takes one cache line, so that two do not share one.
type stripe struct {
	mu     sync.RWMutex
	slots  []slot                 // by id, see slot
	used   int                    // of them
	others map[heureka.Key]*lease // the rest of the lists that begin there; nil while ids are unlike
}

// A slot holds the lease of an id: of applications that share one, the head of a list. It lies at its hash, or behind others whose
// place that is, without a gap. A map would do; here, a heartbeat waits for fewer lines of memory.
type slot struct {
	hash uint64
	head *lease // nil: the slot is free
}

// slotSeed keeps strangers from choosing ids that all want one place.
var slotSeed = maphash.MakeSeed()

func slotHash(id string) uint64 { return maphash.String(slotSeed, id) }

// place returns the slot of an id, or the free one where it would be. There is one: see insert.
func (s *stripe) place(hash uint64, id string) *slot {
	for i := hash; ; i++ {
		at := &s.slots[i&uint64(len(s.slots)-1)]
		if at.head == nil || at.hash == hash && at.head.key.ID == id {
			return at
		}
	}
}

// head returns the lease of an id, or nil.
func (s *stripe) head(id string) *lease {
	if len(s.slots) == 0 {
		return nil
	}
	return s.place(slotHash(id), id).head
}

// put gives an id that has none a slot.
func (s *stripe) put(l *lease) {
	if s.used >= len(s.slots)*3/4 {
		old := s.slots
		s.slots = make([]slot, max(4, 2*len(old)))
		for _, was := range old {
			if was.head != nil {
				*s.place(was.hash, was.head.key.ID) = was
			}
		}
	}
	hash := slotHash(l.key.ID)
	*s.place(hash, l.key.ID) = slot{hash, l}
	s.used++
}

// free takes the slot of an id, and moves those behind it that would not be found any more.
func (s *stripe) free(id string) {
	mask := uint64(len(s.slots) - 1)
	gap := slotHash(id) & mask
	for s.slots[gap].head.key.ID != id {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; s.slots[i].head != nil; i = (i + 1) & mask {
		if home := s.slots[i].hash & mask; (i-home)&mask >= (i-gap)&mask {
			s.slots[gap], gap = s.slots[i], i
		}
	}
	s.slots[gap] = slot{}
	if s.used--; s.used == 0 {
		s.slots = nil
	}
}

// bucketOf returns the number of the stripe that holds an id, the same on every node.
func bucketOf(id string) int { return int(hashSeed.text(id) >> 56) }

func (x *index) stripe(id string) *stripe { return &x.stripes[bucketOf(id)] }

// find returns the lease of key, or nil.
func (x *index) find(key heureka.Key) *lease { return x.stripe(key.ID).find(key) }

func (s *stripe) find(key heureka.Key) *lease {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l := s.head(key.ID)
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
	for l := s.head(id); l != nil && len(all) < maxSameID; l = l.next {
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
	head := s.head(id)
	if head == nil {
		s.put(l)
		return
	}
	if s.others == nil {
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
		s.place(slotHash(id), id).head = l.next
		delete(s.others, l.next.key)
	default:
		s.free(id)
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
	for _, at := range s.slots {
		if at.head != nil {
			all = append(all, at.head)
		}
	}
	for _, l := range s.others {
		all = append(all, l)
	}
	return all
}
