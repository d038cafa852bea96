package respcache

import (
	"slices"
	"strings"

	"heureka.internal/heureka"
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
func vipsOf(kind Kind, in *heureka.Instance) string {
	if kind == SecureVIP {
		return in.SecureVIPAddress
	}
	return in.VIPAddress
}

// add counts the VIPs of in: every piece of both lists (S-DEF-9).
func (x *vipIndex) add(in *heureka.Instance, seq uint64) { x.count(in, 1, seq) }

// remove takes them out again.
func (x *vipIndex) remove(in *heureka.Instance, seq uint64) { x.count(in, -1, seq) }

func (x *vipIndex) count(in *heureka.Instance, n int, seq uint64) {
	if x == nil {
		return
	}
	countVIPs(x.plain, in.VIPAddress, in.App, n, seq)
	countVIPs(x.secure, in.SecureVIPAddress, in.App, n, seq)
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
		e.apps = insert(e.apps, i, app)
		e.counts = slices.Insert(e.counts, i, 0)
	}
	if e.counts[i] += n; e.counts[i] == 0 {
		e.apps = without(e.apps, i)
		e.counts = slices.Delete(e.counts, i, i+1)
	}
}
