package respcache

import (
	"slices"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A merged mirror shows the local registry together with regions (S-REGION-5). It follows every change of its sources, so
// it has a delta, a hash and an index of its own, all of one view (S-DEF-11).
type merged struct {
	mirror  *mirror
	local   *mirror
	regions []*Region
}

// merge adds a merged mirror. The caller holds mu, or nobody else has the cache yet.
func (c *Cache) merge(regions []*Region) *mirror {
	m := &merged{mirror: &mirror{}, local: c.local, regions: regions}
	m.fill()
	c.merged = append(c.merged, m)
	return m.mirror
}

// follow brings all merged mirrors up to date with a source's change of one instance; last is its last state.
func (c *Cache) follow(last registry.Record, at time.Time) {
	for _, m := range c.merged {
		m.follow(last, at)
	}
}

func (m *merged) follow(last registry.Record, at time.Time) {
	k := last.Key()
	old, had := m.mirror.state().live.get(k)
	switch r, ok := m.winner(k); {
	case !ok && had:
		m.mirror.drop(last, at)
	case ok && r != old:
		m.mirror.set(r, at)
	}
}

// winner returns the record that is shown for k: the remote copy replaces the local one (S-REGION-5).
func (m *merged) winner(k heureka.Key) (registry.Record, bool) {
	for _, r := range slices.Backward(m.regions) {
		if !r.lists(k.App) {
			continue
		}
		if rec, ok := r.mirror.state().live.get(k); ok {
			return rec, true
		}
	}
	return m.local.state().live.get(k)
}

// lists reports whether the white list lets an application of the region into answers.
func (r *Region) lists(app string) bool { return r.listed == nil || r.listed[app] }

// fill starts the mirror with what its sources hold.
func (m *merged) fill() {
	local := m.local.state()
	s := &state{live: local.live, recent: local.recent.of(nil), counts: local.counts}
	for _, r := range m.regions {
		for rec := range r.mirror.state().live.all() {
			if r.lists(rec.App()) {
				s.add(rec)
			}
		}
	}
	for _, n := range m.notes() {
		rec := n.record
		if shown, ok := s.live.get(rec.Key()); ok {
			rec = shown
		}
		m.mirror.note(s, rec, n.at)
	}
	m.mirror.current.Store(s)
}

// add puts r among the live records.
func (s *state) add(r registry.Record) {
	var old registry.Record
	s.live, old = s.live.put(r)
	s.counts.Add(r.Status(), 1)
	if !old.IsZero() {
		s.counts.Add(old.Status(), -1)
	}
}

// A note is a recent change of a source.
type note struct {
	record registry.Record
	at     time.Time
}

// notes returns the recent changes of all sources in order of time.
func (m *merged) notes() []note {
	out := m.local.notes(func(string) bool { return true })
	for _, r := range m.regions {
		out = append(out, r.mirror.notes(r.lists)...)
	}
	slices.SortStableFunc(out, func(a, b note) int { return a.at.Compare(b.at) })
	return out
}

// notes returns the recent changes of the applications that lists holds for.
func (m *mirror) notes(lists func(app string) bool) []note {
	var out []note
	recent := m.state().recent
	for _, c := range latest(m.changes, recent) {
		noted, _ := c.of.Record() // recent keeps it
		if rec, _ := recent.get(noted.Key()); lists(rec.App()) {
			out = append(out, note{record: rec, at: c.at})
		}
	}
	return out
}
