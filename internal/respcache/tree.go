package respcache

import (
	"iter"
	"slices"
	"sort"
	"strings"
	"sync/atomic"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A tree holds records sorted by application and id. It is immutable: a change copies the path to one leaf and shares
// everything else with its predecessor (edit.go). So whoever holds a tree holds one moment of the registry, without a
// lock, and what was derived from a leaf or a group stays valid as long as that node is part of a tree: encodings are
// kept in the nodes themselves. Three levels are enough: a hundred groups of 64 leaves of some 180 records are a million.
type tree struct {
	groups []*group
	limit  int // weight of a leaf
}

// A group is a run of leaves, whose encodings it joins.
type group struct {
	leaves []*leaf
	blocks [variants]atomic.Pointer[block]
}

// A leaf is a run of records that are encoded and compressed together: a chunk.
type leaf struct {
	records []registry.Record
	weight  int
	pieces  [variants]atomic.Pointer[piece]
}

func (g *group) first() registry.Record { return g.leaves[0].first() }

func (l *leaf) first() registry.Record { return l.records[0] }
func (l *leaf) last() registry.Record  { return l.records[len(l.records)-1] }

// compare orders records by key.
func compare(r registry.Record, k heureka.Key) int {
	own := r.Key()
	if c := strings.Compare(own.App, k.App); c != 0 {
		return c
	}
	return strings.Compare(own.ID, k.ID)
}

// A place is where a record is or would be.
type place struct {
	group, leaf, record int
	found               bool
}

// place returns where k belongs: into the last leaf that begins at or before it.
func (t *tree) place(k heureka.Key) (p place) {
	if len(t.groups) == 0 {
		return p
	}
	p.group = floor(len(t.groups), func(i int) bool { return compare(t.groups[i].first(), k) <= 0 })
	leaves := t.groups[p.group].leaves
	p.leaf = floor(len(leaves), func(i int) bool { return compare(leaves[i].first(), k) <= 0 })
	p.record, p.found = slices.BinarySearchFunc(leaves[p.leaf].records, k, compare)
	return p
}

// floor returns the last index below n for which before holds, or 0. It must hold up to some index and then no more.
func floor(n int, before func(i int) bool) int {
	low := 0
	for n > 1 {
		half := n / 2
		if before(low + half) {
			low += half
		}
		n -= half
	}
	return low
}

// at returns the leaf of a place in a tree that is not empty.
func (t *tree) at(p place) *leaf { return t.groups[p.group].leaves[p.leaf] }

// get returns the record of k.
func (t *tree) get(k heureka.Key) (registry.Record, bool) {
	p := t.place(k)
	if !p.found {
		return registry.Record{}, false
	}
	return t.at(p).records[p.record], true
}

// len returns the number of records.
func (t *tree) len() (n int) {
	for _, g := range t.groups {
		for _, l := range g.leaves {
			n += len(l.records)
		}
	}
	return n
}

// all iterates over the records in order.
func (t *tree) all() iter.Seq[registry.Record] {
	return func(yield func(registry.Record) bool) {
		for _, g := range t.groups {
			for _, l := range g.leaves {
				for _, r := range l.records {
					if !yield(r) {
						return
					}
				}
			}
		}
	}
}

// app iterates over the records of one application, leaf by leaf.
func (t *tree) app(name string) iter.Seq[[]registry.Record] {
	return func(yield func([]registry.Record) bool) {
		p := t.place(heureka.Key{App: name})
		for ; p.group < len(t.groups); p = (place{group: p.group + 1}) {
			for _, l := range t.groups[p.group].leaves[p.leaf:] {
				if l.first().App() > name {
					return
				}
				if own := l.app(name); len(own) > 0 && !yield(own) {
					return
				}
			}
		}
	}
}

// app returns the records of one application.
func (l *leaf) app(name string) []registry.Record {
	from := sort.Search(len(l.records), func(i int) bool { return l.records[i].App() >= name })
	n := sort.Search(len(l.records)-from, func(i int) bool { return l.records[from+i].App() > name })
	return l.records[from : from+n]
}
