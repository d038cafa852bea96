package respcache

import (
	"container/list"
	"strings"
	"sync"
	"time"
)

// A shelf keeps what was asked for lately, up to a number of bytes: names come from anybody, so there is no end to them
// (S-DEF-10).
type shelf[V any] struct {
	limit int64

	mu     sync.Mutex
	size   int64
	recent list.List // of *shelved[V], the one asked for last in front
	items  map[Query]*list.Element
}

type shelved[V any] struct {
	query Query
	value V
	size  int64
	used  time.Time
}

// shelvedSize is what an entry costs besides its name and value.
const shelvedSize = 512

func newShelf[V any](limit int64) *shelf[V] {
	return &shelf[V]{limit: limit, items: map[Query]*list.Element{}}
}

// get returns what is kept for q, and keeps it longer.
func (s *shelf[V]) get(q Query, now time.Time) (v V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.items[q]
	if e == nil {
		return v, false
	}
	s.recent.MoveToFront(e)
	item := e.Value.(*shelved[V])
	item.used = now
	return item.value, true
}

// add keeps v for q, unless something is kept already: it returns what is kept then.
func (s *shelf[V]) add(q Query, v V, size int64, now time.Time) V {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.items[q]; e != nil {
		return e.Value.(*shelved[V]).value
	}
	q.Name = strings.Clone(q.Name) // a part of a request
	item := &shelved[V]{query: q, value: v, used: now}
	s.items[q] = s.recent.PushFront(item)
	s.resize(item, size)
	return v
}

// replace puts v in the place of what is kept for q, if anything is.
func (s *shelf[V]) replace(q Query, v V, size int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.items[q]; e != nil {
		item := e.Value.(*shelved[V])
		item.value = v
		s.resize(item, size)
	}
}

// resize notes the size of item and makes room.
func (s *shelf[V]) resize(item *shelved[V], size int64) {
	size += shelvedSize + int64(len(item.query.Name))
	s.size += size - item.size
	item.size = size
	for s.size > s.limit {
		s.drop(s.recent.Back())
	}
}

func (s *shelf[V]) drop(e *list.Element) {
	item := s.recent.Remove(e).(*shelved[V])
	delete(s.items, item.query)
	s.size -= item.size
}

// expire drops what nobody has asked for since cutoff.
func (s *shelf[V]) expire(cutoff time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.recent.Back(); e != nil && e.Value.(*shelved[V]).used.Before(cutoff); e = s.recent.Back() {
		s.drop(e)
	}
}

// queries returns what is kept.
func (s *shelf[V]) queries() []Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Query, 0, len(s.items))
	for q := range s.items {
		out = append(out, q)
	}
	return out
}
