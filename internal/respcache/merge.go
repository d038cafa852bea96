package respcache

import (
	"slices"

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

// apply follows updates of one of the sources, and brings all merged mirrors up to date.
func (c *Cache) apply(source *mirror, updates []update) {
	if len(c.merged) == 0 {
		source.apply(updates)
		return
	}
	for i, u := range updates {
		source.apply(updates[i : i+1])
		for _, m := range c.merged {
			m.follow(u)
		}
	}
}

// follow brings m up to date with a source's change of one instance.
func (m *merged) follow(u update) {
	k := u.record.Key()
	old, had := m.mirror.state().live.get(k)
	switch r, ok := m.winner(k); {
	case !ok && had:
		m.mirror.apply([]update{{record: u.record, at: u.at, gone: true}})
	case ok && r != old:
		m.mirror.apply([]update{{record: r, at: u.at}})
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
	var remote []update
	for _, r := range m.regions {
		for rec := range r.mirror.state().live.all() {
			if r.lists(rec.App()) {
				remote = append(remote, update{record: rec})
			}
		}
	}
	edits := editsOf(remote)
	s.live = s.live.edit(edits)
	for _, e := range edits {
		s.counts.Add(e.record.Status(), 1)
		if !e.old.IsZero() {
			s.counts.Add(e.old.Status(), -1)
		}
	}
	noted := m.notes()
	for i, n := range noted {
		if shown, ok := s.live.get(n.record.Key()); ok {
			noted[i].record = shown
		}
	}
	edits = editsOf(noted)
	s.recent = s.recent.edit(edits)
	m.mirror.publish(s, edits)
}

// notes returns the recent changes of all sources in order of time.
func (m *merged) notes() []update {
	out := m.local.notes(func(string) bool { return true })
	for _, r := range m.regions {
		out = append(out, r.mirror.notes(r.lists)...)
	}
	slices.SortStableFunc(out, func(a, b update) int { return a.at.Compare(b.at) })
	return out
}

// notes returns the recent changes of the applications that lists holds for.
func (m *mirror) notes(lists func(app string) bool) []update {
	var out []update
	recent := m.state().recent
	for _, c := range latest(m.changes, recent) {
		noted, _ := c.of.Record() // recent keeps it
		if rec, _ := recent.get(noted.Key()); lists(rec.App()) {
			out = append(out, update{record: rec, at: c.at})
		}
	}
	return out
}
