package respcache

import (
	"cmp"
	"slices"
	"strings"
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

// len returns how many instances are live.
func (s *state) len() (n int) {
	for _, of := range s.counts {
		n += int(of)
	}
	return n
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
	m, empty := &mirror{}, &tree{limit: weight}
	m.current.Store(&state{live: empty, recent: empty})
	return m
}

func (m *mirror) state() *state { return m.current.Load() }

// An update is one change of a mirror.
type update struct {
	record registry.Record
	at     time.Time
	gone   bool // the record is how a deleted one is shown among the recent changes
}

// apply makes one state of updates that have come together. To take out an instance that the mirror does not have is no change.
func (m *mirror) apply(updates []update) {
	s := m.next()
	edits := editsOf(updates)
	before := s.live
	s.live = s.live.edit(edits)
	all, noted := s.recent == before, edits[:0] // all: whatever is live has changed lately, as after a start
	for _, e := range edits {
		all = all && !e.gone
		if e.gone && e.old.IsZero() && !e.came {
			continue
		}
		if !e.gone {
			s.counts.Add(e.record.Status(), 1)
			m.vips.add(e.record, s.seq) // before forget, so that a VIP that stays is not dropped and made again
		}
		m.forget(s, e.old)
		e.gone = false // not from the recent changes
		noted = append(noted, e)
	}
	switch {
	case len(noted) == 0:
	case all:
		s.recent = s.live
		m.publish(s, noted)
	default:
		s.recent = s.recent.edit(noted)
		m.publish(s, noted)
	}
}

// editsOf returns the last of the updates of each key, in order of keys.
func editsOf(updates []update) []edit {
	edits := make([]edit, len(updates))
	for i, u := range updates {
		edits[i] = edit{key: u.record.Key(), record: u.record, gone: u.gone, at: u.at, turn: i}
	}
	slices.SortFunc(edits, func(a, b edit) int {
		return cmp.Or(strings.Compare(a.key.App, b.key.App), strings.Compare(a.key.ID, b.key.ID), a.turn-b.turn)
	})
	last := edits[:0]
	for _, e := range edits {
		if n := len(last) - 1; n >= 0 && last[n].key == e.key {
			e.came = last[n].came || !last[n].gone
			last = last[:n]
		}
		last = append(last, e)
	}
	return last
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

// publish notes when the edits came that s has among the recent changes, and makes it the current state.
func (m *mirror) publish(s *state, edits []edit) {
	slices.SortFunc(edits, func(a, b edit) int { return a.turn - b.turn })
	for _, e := range edits {
		if e.old.IsZero() {
			m.noted++
		}
		m.changes = append(m.changes, change{of: e.record.Ref(), at: e.at})
	}
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
