package respcache

import (
	"slices"

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

// first returns a tree of one record.
func (t *tree) first(r registry.Record) *tree {
	return t.of([]*group{{leaves: []*leaf{newLeaf([]registry.Record{r})}}})
}

// of returns a tree of groups with the limit of t.
func (t *tree) of(groups []*group) *tree { return &tree{groups: groups, limit: t.limit} }

// put returns a tree with r, and the record that had its key before.
func (t *tree) put(r registry.Record) (after *tree, old registry.Record) {
	if len(t.groups) == 0 {
		return t.first(r), old
	}
	p := t.place(r.Key())
	l := t.at(p)
	next := &leaf{weight: l.weight + r.Weight()}
	if p.found {
		old = l.records[p.record]
		next.weight -= old.Weight()
		next.records = with(l.records, p.record, r)
	} else {
		next.records = insert(l.records, p.record, r)
	}
	return t.replace(p, next), old
}

// remove returns a tree without the record of k, and that record.
func (t *tree) remove(k heureka.Key) (after *tree, old registry.Record, found bool) {
	p := t.place(k)
	if !p.found {
		return t, old, false
	}
	l := t.at(p)
	old = l.records[p.record]
	next := &leaf{weight: l.weight - old.Weight(), records: without(l.records, p.record)}
	return t.replace(p, next), old, true
}

// replace returns a tree with l at p: split in two if it has become too large, dropped if it is empty, and joined with a
// neighbour if it has become too small.
func (t *tree) replace(p place, l *leaf) *tree {
	leaves := t.groups[p.group].leaves
	switch {
	case len(l.records) == 0:
		leaves = without(leaves, p.leaf)
	case l.weight > t.limit && len(l.records) > 1:
		a, b := l.split()
		leaves = insert(with(leaves, p.leaf, b), p.leaf, a)
	case l.weight < t.limit/8 && len(leaves) > 1:
		leaves = joinLeaf(with(leaves, p.leaf, l), p.leaf, roomy(t.limit))
	default:
		leaves = with(leaves, p.leaf, l)
	}
	return t.splice(p.group, leaves)
}

// split halves a leaf where its two parts weigh most alike; both get a record.
func (l *leaf) split() (a, b *leaf) {
	n, weight := 1, l.records[0].Weight()
	for n < len(l.records)-1 {
		next := weight + l.records[n].Weight()
		if weight+next > l.weight { // what remains is nearer to a half without the next one
			break
		}
		n, weight = n+1, next
	}
	return &leaf{records: slices.Clone(l.records[:n]), weight: weight},
		&leaf{records: slices.Clone(l.records[n:]), weight: l.weight - weight}
}

// joinLeaf makes one of leaf i and a neighbour, if they weigh no more than limit.
func joinLeaf(leaves []*leaf, i, limit int) []*leaf {
	left := max(i-1, 0)
	a, b := leaves[left], leaves[left+1]
	if a.weight+b.weight > limit {
		return leaves
	}
	joined := &leaf{records: slices.Concat(a.records, b.records), weight: a.weight + b.weight}
	return with(without(leaves, left+1), left, joined)
}

// splice returns a tree whose group i has other leaves, with the same care for its size.
func (t *tree) splice(i int, leaves []*leaf) *tree {
	n := len(leaves)
	switch {
	case n == 0:
		return t.of(without(t.groups, i))
	case n > maxLeaves:
		a, b := &group{leaves: slices.Clone(leaves[:n/2])}, &group{leaves: slices.Clone(leaves[n/2:])}
		return t.of(insert(with(t.groups, i, b), i, a))
	case n < minLeaves && len(t.groups) > 1:
		return t.of(joinGroup(with(t.groups, i, &group{leaves: leaves}), i))
	}
	return t.of(with(t.groups, i, &group{leaves: leaves}))
}

// joinGroup makes one of group i and a neighbour, if they are not too large.
func joinGroup(groups []*group, i int) []*group {
	left := max(i-1, 0)
	a, b := groups[left], groups[left+1]
	if len(a.leaves)+len(b.leaves) > roomy(maxLeaves) {
		return groups
	}
	return with(without(groups, left+1), left, &group{leaves: slices.Concat(a.leaves, b.leaves)})
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

// with, insert and without return changed copies of exactly the needed size: nodes live long and never grow.

func with[T any](s []T, i int, v T) []T {
	out := slices.Clone(s)
	out[i] = v
	return out
}

func insert[T any](s []T, i int, v T) []T {
	out := make([]T, len(s)+1)
	copy(out, s[:i])
	out[i] = v
	copy(out[i+1:], s[i:])
	return out
}

func without[T any](s []T, i int) []T {
	out := make([]T, len(s)-1)
	copy(out, s[:i])
	copy(out[i:], s[i+1:])
	return out
}
