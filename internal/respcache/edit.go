package respcache

import (
	"slices"
	"sort"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// How many leaves a group has. Leaves are limited by the weight of their records: a full one of 256 KiB splits into halves
// of 128 KiB; smaller ones compress badly, larger ones cost more at each change.
const (
	maxLeaves = 64
	minLeaves = maxLeaves / 8
)

// ChunkBytes and LookupBytes are what Config.ChunkBytes and LookupBytes were measured to do well with.
const (
	ChunkBytes  = 256 << 10
	LookupBytes = 64 << 20
)

// roomy is how full a node is at most after it was joined or built: the next changes shall not split it again.
func roomy(limit int) int { return limit * 3 / 4 }

func newLeaf(records []registry.Record) *leaf {
	l := &leaf{records: records}
	for _, r := range records {
		l.weight += r.Weight()
	}
	return l
}

// of returns a tree of groups with the limit of t.
func (t *tree) of(groups []*group) *tree { return &tree{groups: groups, limit: t.limit} }

// An edit puts a record into a tree, or takes out that of its key.
type edit struct {
	key    heureka.Key
	record registry.Record
	gone   bool
	old    registry.Record // what had the key before; see tree.edit

	at   time.Time // of the update
	turn int       // of the update, among those that come together
	came bool      // one of these before it put a record of the key in

	place int // in the leaf that is edited
}

// edit returns a tree with edits, which are in order and one for a key, and tells each what it replaces. Nodes in which nothing changes
// stay as they are, with their encodings; one that has become too large is split, and one that has become too small is joined with a
// neighbour.
func (t *tree) edit(edits []edit) *tree {
	if len(t.groups) == 0 {
		if leaves := (&leaf{}).edit(edits).split(t.limit); leaves != nil {
			return t.of(groupsOf(leaves))
		}
		return t
	}
	groups, changed := through(t.groups, edits, func(g *group, own []edit) ([]*group, bool) {
		leaves, changed := g.edit(own, t.limit)
		return groupsOf(leaves), changed
	})
	if !changed {
		return t
	}
	return t.of(joinGroups(groups))
}

// edit returns the leaves of g with edits, perhaps none.
func (g *group) edit(edits []edit, limit int) (leaves []*leaf, changed bool) {
	leaves, changed = through(g.leaves, edits, func(l *leaf, own []edit) ([]*leaf, bool) {
		after := l.edit(own)
		return after.split(limit), after != l
	})
	return joinLeaves(leaves, limit), changed
}

// through shows each of the nodes the edits that belong to it, and returns those that are left alone with what has come in the place
// of the others.
func through[N interface{ first() registry.Record }](nodes []N, edits []edit, change func(N, []edit) (instead []N, changed bool)) (after []N, changed bool) {
	done := 0 // of nodes
	for len(edits) > 0 {
		left := nodes[done:]
		i := done + floor(len(left), func(i int) bool { return compare(left[i].first(), edits[0].key) <= 0 })
		own := edits
		if i+1 < len(nodes) {
			own = upTo(edits, nodes[i+1].first())
		}
		edits = edits[len(own):]
		if instead, changed := change(nodes[i], own); changed {
			after = append(append(after, nodes[done:i]...), instead...)
			done = i + 1
		}
	}
	return append(after, nodes[done:]...), done > 0
}

// upTo returns the edits that come before r.
func upTo(edits []edit, r registry.Record) []edit {
	n := sort.Search(len(edits), func(i int) bool { return compare(r, edits[i].key) <= 0 })
	return edits[:n]
}

// edit returns a leaf with edits, which may be empty; l itself if nothing changes.
func (l *leaf) edit(edits []edit) *leaf {
	n, weight, same, from := len(l.records), l.weight, true, 0
	for i := range edits {
		e := &edits[i]
		at, found := slices.BinarySearchFunc(l.records[from:], e.key, compare)
		e.place, e.old = from+at, registry.Record{}
		from = e.place
		if found {
			e.old = l.records[e.place]
			n, weight, same, from = n-1, weight-e.old.Weight(), false, from+1
		}
		if !e.gone {
			n, weight, same = n+1, weight+e.record.Weight(), false
		}
	}
	if same {
		return l
	}
	records := make([]registry.Record, 0, n)
	from = 0
	for i := range edits {
		e := &edits[i]
		records = append(records, l.records[from:e.place]...)
		if from = e.place; !e.old.IsZero() {
			from++
		}
		if !e.gone {
			records = append(records, e.record)
		}
	}
	return &leaf{records: append(records, l.records[from:]...), weight: weight}
}

// split returns leaves of about the same weight that are not above the limit, with the records of l: none if it has none. A record that
// is too heavy has one for itself.
func (l *leaf) split(limit int) (leaves []*leaf) {
	switch {
	case len(l.records) == 0:
		return nil
	case l.weight <= limit || len(l.records) == 1:
		return []*leaf{l}
	}
	share := l.weight / (l.weight/roomy(limit) + 1)
	from, weight := 0, 0
	for i, r := range l.records {
		next := r.Weight()
		if i > from && (weight+next > limit || weight+next/2 > share) {
			leaves = append(leaves, &leaf{records: slices.Clone(l.records[from:i]), weight: weight})
			from, weight = i, 0
		}
		weight += next
	}
	return append(leaves, &leaf{records: slices.Clone(l.records[from:]), weight: weight})
}

// joinLeaves joins leaves that are too small with neighbours, where that does not make them large.
func joinLeaves(leaves []*leaf, limit int) []*leaf {
	joined := leaves[:0]
	for _, l := range leaves {
		if n := len(joined) - 1; n >= 0 && min(joined[n].weight, l.weight) < limit/8 && joined[n].weight+l.weight <= roomy(limit) {
			l = &leaf{records: slices.Concat(joined[n].records, l.records), weight: joined[n].weight + l.weight}
			joined = joined[:n]
		}
		joined = append(joined, l)
	}
	return joined
}

// groupsOf returns groups of about the same size with these leaves.
func groupsOf(leaves []*leaf) (groups []*group) {
	if len(leaves) == 0 {
		return nil
	}
	parts := 1
	if len(leaves) > maxLeaves {
		parts = len(leaves)/roomy(maxLeaves) + 1
	}
	for own := range slices.Chunk(leaves, (len(leaves)+parts-1)/parts) {
		groups = append(groups, &group{leaves: slices.Clone(own)})
	}
	return groups
}

// joinGroups joins groups that are too small with neighbours, where that does not make them large.
func joinGroups(groups []*group) []*group {
	joined := groups[:0]
	for _, g := range groups {
		if n := len(joined) - 1; n >= 0 && min(len(joined[n].leaves), len(g.leaves)) < minLeaves && len(joined[n].leaves)+len(g.leaves) <= roomy(maxLeaves) {
			g = &group{leaves: slices.Concat(joined[n].leaves, g.leaves)}
			joined = joined[:n]
		}
		joined = append(joined, g)
	}
	return slices.Clip(joined)
}

// filter returns a tree of the records that keep holds for. Nodes of which nothing goes stay as they are, with their
// encodings.
func (t *tree) filter(keep func(registry.Record) bool) *tree {
	out := t.of(nil)
	for _, g := range t.groups {
		leaves := g.filter(keep)
		switch {
		case slices.Equal(leaves, g.leaves):
			out.groups = append(out.groups, g)
		case len(leaves) > 0:
			out.groups = append(out.groups, &group{leaves: leaves})
		}
	}
	return out
}

func (g *group) filter(keep func(registry.Record) bool) []*leaf {
	gone := func(r registry.Record) bool { return !keep(r) }
	var out []*leaf
	for _, l := range g.leaves {
		if !slices.ContainsFunc(l.records, gone) {
			out = append(out, l)
		} else if kept := slices.DeleteFunc(slices.Clone(l.records), gone); len(kept) > 0 {
			out = append(out, newLeaf(slices.Clip(kept)))
		}
	}
	return out
}
