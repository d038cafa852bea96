package client

import (
	"maps"
	"sync"
	"sync/atomic"

	"heureka.internal/heureka"
)

// A memo keeps what was worked out for the instances of a service for as long as they are the same list. Lists are never
// changed, only replaced, so one is known by where it is in memory; the memo holds on to it, so that no other can come to
// be there.
type memo[T any] struct {
	services atomic.Pointer[map[string]*remembered[T]] // replaced when a name comes
	mu       sync.Mutex                                // held while replacing it
}

// remembered is what a memo has of one service: there may be a few lists of it in turn, such as those of two zones.
type remembered[T any] struct {
	entries [4]atomic.Pointer[found[T]]
	next    atomic.Uint32
}

type found[T any] struct {
	list    []*heureka.Instance
	version uint64
	value   T
}

// look returns what was worked out for a list, in a version of whatever else it depends on.
func (m *memo[T]) look(service string, list []*heureka.Instance, version uint64) (value T, ok bool) {
	names := m.services.Load()
	if names == nil {
		return value, false
	}
	r := (*names)[service]
	if r == nil {
		return value, false
	}
	for i := range r.entries {
		if e := r.entries[i].Load(); e != nil && e.version == version && sameList(e.list, list) {
			return e.value, true
		}
	}
	return value, false
}

func sameList(a, b []*heureka.Instance) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// keep remembers, and returns, what was worked out.
func (m *memo[T]) keep(service string, list []*heureka.Instance, version uint64, value T) T {
	r := m.of(service)
	r.entries[r.next.Add(1)%uint32(len(r.entries))].Store(&found[T]{list, version, value})
	return value
}

// of adds a service. The map grows only by names that have instances, so the registry bounds it.
func (m *memo[T]) of(service string) *remembered[T] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var old map[string]*remembered[T]
	if p := m.services.Load(); p != nil {
		old = *p
	}
	if r := old[service]; r != nil {
		return r
	}
	names := make(map[string]*remembered[T], len(old)+1)
	maps.Copy(names, old)
	r := new(remembered[T])
	names[service] = r
	m.services.Store(&names)
	return r
}
