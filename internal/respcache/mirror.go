package respcache

import (
	"slices"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A state is one moment of a mirror. It is immutable: hash, contents and changes of an answer come from one state.
type state struct {
	live   *tree // what is registered
	recent *tree // what changed lately: the latest state of each instance, deleted ones included (S-DELTA-2)
	counts heureka.StatusCounts
	seq    uint64 // grows with each state
}

// A mirror follows one set of instances. Readers take its current state without a lock; whoever writes holds Cache.mu.
type mirror struct {
	current atomic.Pointer[state]
	changes []change  // in order of time
	noted   int       // instances in state.recent
	vips    *vipIndex // nil unless VIP queries look here
}

// A change remembers when an instance came into state.recent. It does not keep the instance: there may have been a later change,
// and of one that was cancelled hardly anything is to be left.
type change struct {
	of registry.Ref
	at time.Time
}

// newMirror returns an empty mirror; weight limits the leaves of its trees.
func newMirror(weight int) *mirror {
	m := &mirror{}
	m.current.Store(&state{live: &tree{limit: weight}, recent: &tree{limit: weight}})
	return m
}

func (m *mirror) state() *state { return m.current.Load() }

// set adds r, or replaces the record of the same key.
func (m *mirror) set(r registry.Record, at time.Time) {
	s := m.next()
	var old registry.Record
	s.live, old = s.live.put(r)
	s.counts.Add(r.Status(), 1)
	m.vips.add(r, s.seq) // before forget, so that a VIP that stays is not dropped and made again
	m.forget(s, old)
	m.note(s, r, at)
}

// drop removes the record with the key of last, which is how the instance is shown among the recent changes. An
// instance that the mirror does not have is no change.
func (m *mirror) drop(last registry.Record, at time.Time) {
	s := m.next()
	live, old, found := s.live.remove(last.Key())
	if !found {
		return
	}
	s.live = live
	m.forget(s, old)
	m.note(s, last, at)
}

// next returns a copy of the current state to be changed and published.
func (m *mirror) next() *state {
	s := *m.state()
	s.seq++
	return &s
}

// forget takes a record that is no longer live, if there was one, out of counts and index.
func (m *mirror) forget(s *state, old registry.Record) {
	if old.IsZero() {
		return
	}
	s.counts.Add(old.Status(), -1)
	m.vips.remove(old, s.seq)
}

// note puts r among the recent changes and publishes s.
func (m *mirror) note(s *state, r registry.Record, at time.Time) {
	var old registry.Record
	s.recent, old = s.recent.put(r)
	if old.IsZero() {
		m.noted++
	}
	m.changes = append(m.changes, change{of: r.Ref(), at: at})
	if len(m.changes) > 2*m.noted+64 {
		m.changes = latest(m.changes, s.recent)
	}
	m.current.Store(s)
}

// latest drops changes that a later one of the same instance made pointless: so the list is bounded by the number of
// instances, however often one of them changes.
func latest(changes []change, recent *tree) (out []change) {
	for _, c := range changes {
		noted, ok := c.of.Record()
		if !ok {
			continue
		}
		if r, _ := recent.get(noted.Key()); c.of.Is(r) {
			out = append(out, c)
		}
	}
	return out
}

// purge forgets the changes before cutoff (S-DELTA-1).
func (m *mirror) purge(cutoff time.Time) {
	n := 0
	for n < len(m.changes) && m.changes[n].at.Before(cutoff) {
		n++
	}
	if n == 0 {
		return
	}
	old := make(map[registry.Ref]bool, n)
	for _, c := range m.changes[:n] {
		old[c.of] = true
	}
	for _, c := range m.changes[n:] {
		delete(old, c.of) // noted again since
	}
	m.changes = slices.Clone(m.changes[n:])
	s := m.next()
	s.recent = s.recent.filter(func(r registry.Record) bool { return !old[r.Ref()] })
	if noted := s.recent.len(); noted < m.noted {
		m.noted = noted
		m.current.Store(s)
	}
}
