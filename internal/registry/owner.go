package registry

import "cmp"

// Owner returns the principal that registered the record. It is "" if nobody has shown who they are, or if the record came by
// way of a server that keeps no owners.
func (r Record) Owner() string { return r.state.owner }

// registers returns whose a record is that o registers: a client's own, or whose a peer says.
func (o *Origin) registers() string {
	if o.Replicates() {
		return o.Principal
	}
	return o.Owner
}

// Owners are no part of what digests compare: nodes that do not keep them would never agree with those that do. They follow
// the record: the owner of the later one counts, by its timestamp and incarnation. Of the same record two nodes may know
// different ones, or only one of them any; then both keep the same, whoever hears of whom first.

// ownerOf returns whose next is after a registration by origin for owner over prev, which may be nil. Who registers an older record,
// or the same again, takes nothing from its owner.
func ownerOf(next, prev *version, owner string, origin *Origin) string {
	switch {
	case prev == nil || next.instance.LastDirtyMS > prev.dirtyMS:
		return owner
	case next.instance.LastDirtyMS < prev.dirtyMS:
		return prev.owner
	case origin.Replicates():
		return cmp.Or(prev.owner, owner)
	}
	return joinOwners(prev.owner, owner)
}

// ownerWith returns whose the record is once e has been merged.
func (v *stored) ownerWith(e *Entry) string {
	mine, theirs := position{dirtyMS: v.dirtyMS, rev: revOf(incarnation(v.rev))}, position{dirtyMS: e.DirtyMS, rev: revOf(incarnation(e.Rev))}
	switch {
	case e.Tombstone || theirs.less(mine):
		return v.owner
	case mine.less(theirs):
		return e.Owner
	}
	return joinOwners(v.owner, e.Owner)
}

// joinOwners is commutative, associative and idempotent, as all merging is.
func joinOwners(a, b string) string {
	if a == "" || b != "" && b < a {
		return b
	}
	return a
}
