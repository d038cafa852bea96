package respcache

import (
	"slices"
	"strings"

	"heureka.internal/heureka/internal/registry"
)

// A vipIndex says which applications have instances with a VIP. Nearly always that is one application, so it is much
// smaller than a list of instances, which are found by going through the application. Guarded by Cache.mu; a nil index
// ignores everything.
type vipIndex struct {
	plain, secure map[string]*vipEntry
}

// A vipEntry is a VIP that somebody has.
type vipEntry struct {
	apps    []string // sorted; replaced rather than changed, so that readers may keep it
	counts  []int    // how often each application has it
	changed uint64   // state.seq of the last change of an instance that has it
}

func newVIPIndex() *vipIndex {
	return &vipIndex{plain: map[string]*vipEntry{}, secure: map[string]*vipEntry{}}
}

func (x *vipIndex) of(kind Kind) map[string]*vipEntry {
	if kind == SecureVIP {
		return x.secure
	}
	return x.plain
}

// hasVIP reports whether name is a piece of the comma-separated list, exactly (W-VIP-3).
func hasVIP(list, name string) bool {
	for piece := range strings.SplitSeq(list, ",") {
		if piece == name {
			return true
		}
	}
	return false
}

// vipsOf returns the list in which VIPs of this kind are looked up.
func vipsOf(kind Kind, r registry.Record) string {
	plain, secure := r.VIPs()
	if kind == SecureVIP {
		return secure
	}
	return plain
}

// add counts the VIPs of r: every piece of both lists (S-DEF-9).
func (x *vipIndex) add(r registry.Record, seq uint64) { x.count(r, 1, seq) }

// remove takes them out again.
func (x *vipIndex) remove(r registry.Record, seq uint64) { x.count(r, -1, seq) }

func (x *vipIndex) count(r registry.Record, n int, seq uint64) {
	if x == nil {
		return
	}
	plain, secure := r.VIPs()
	countVIPs(x.plain, plain, r.App(), n, seq)
	countVIPs(x.secure, secure, r.App(), n, seq)
}

func countVIPs(index map[string]*vipEntry, list, app string, n int, seq uint64) {
	if list == "" {
		return
	}
	for name := range strings.SplitSeq(list, ",") {
		e := index[name]
		if e == nil {
			e = &vipEntry{}
			index[strings.Clone(name)] = e // the list belongs to an instance that may go
		}
		e.changed = seq
		if e.count(app, n); len(e.apps) == 0 {
			delete(index, name)
		}
	}
}

func (e *vipEntry) count(app string, n int) {
	i, found := slices.BinarySearch(e.apps, app)
	if !found {
		e.apps = slices.Insert(slices.Clone(e.apps), i, app)
		e.counts = slices.Insert(e.counts, i, 0)
	}
	if e.counts[i] += n; e.counts[i] == 0 {
		e.apps = slices.Delete(slices.Clone(e.apps), i, i+1)
		e.counts = slices.Delete(e.counts, i, i+1)
	}
}
