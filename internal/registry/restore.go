package registry

import (
	"time"

	"heureka.internal/heureka"
)

// A restored lease is marked by its teller, which is the disk until somebody has heard of its holder: its beat is when it was
// restored, so that it is whole, and its shadow says when the holder was heard of in truth.

// Restore takes over what this node, or another one, knew before it ended. It merges as Merge does, but that nothing is taken
// back: who has registered meanwhile stays, though an earlier process knows that the instance was cancelled. An instance that
// is restored gets a whole lease, from now on and again from OpenForTraffic on, to be heard of. An override alone, see OnlyOverride,
// waits for its instance. The age of e counts until now. It reports whether an instance has changed.
func (r *Registry) Restore(e Entry, now time.Time) (changed bool) {
	if !e.Valid() && !e.OnlyOverride() {
		return false
	}
	e.From = FromDisk
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearClocks(&e, t)
	if e.Tombstone {
		delete(r.parked, e.Key)
	}
	l := r.index.find(e.Key)
	mine := r.stateOf(l, e.Key)
	if e.OnlyOverride() {
		return r.restoreOverride(l, mine, &e, t)
	}
	joined := join(mine, e.state())
	switch {
	case l != nil && e.Tombstone:
		return false
	case joined.position.tombstone:
		return r.mergeTombstone(l, mine, joined, &e, t)
	case l == nil:
		r.restoreLease(joined, &e, t)
		return true
	}
	return r.mergeRecord(l, mine, joined, &e, t)
}

// restoreLease adds an instance. With mu held.
func (r *Registry) restoreLease(joined state, e *Entry, t instant) {
	l := new(lease)
	l.shadow.Store(packShadow(t.wall.Add(-e.Age).UnixMilli(), disk))
	l.beat.Store(packBeat(t.at, true))
	v := r.merged(e, nil, joined, t)
	v.keepTimes(&e.Instance.Lease)
	r.restored++
	r.put(l, v, Change{Kind: Registered, Origin: e.From, At: t.wall, Key: e.Key})
}

// Knows reports whether there is an instance, or it is remembered that there was one until it was cancelled.
func (r *Registry) Knows(key heureka.Key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, buried := r.tombs.lookup(key)
	return buried || r.index.find(key) != nil
}

// keepTimes keeps what a record says about when its instance registered and was first UP.
func (v *version) keepTimes(before *heureka.LeaseInfo) {
	if before.RegistrationMS > 0 {
		v.instance.Lease.RegistrationMS = before.RegistrationMS
	}
	if before.ServiceUpMS > 0 {
		v.instance.Lease.ServiceUpMS = before.ServiceUpMS
	}
}

// restoredAge returns how long ago the holder of a restored lease was heard of, if nobody has heard of it since.
func (l *lease) restoredAge(t instant) (age time.Duration, ok bool) {
	s := l.shadow.Load()
	return max(0, time.Duration(t.ms()-s>>16)*time.Millisecond), teller(s) == disk
}

// age returns how long ago the holder of a lease was heard of.
func (l *lease) age(t instant) time.Duration {
	if age, ok := l.restoredAge(t); ok {
		return age
	}
	return max(0, t.at-beatTime(l.beat.Load()))
}

// liftRestored lets the leases begin now that were restored and whose holders nobody has heard of: until now they had no
// reason to hurry. With mu held.
func (r *Registry) liftRestored(t instant) {
	if r.restored == 0 {
		return
	}
	for l := range r.all() {
		beat := l.beat.Load()
		if l.heardFrom() == disk && beat != gone && l.beat.CompareAndSwap(beat, packBeat(t.at, true)) {
			r.reseat(l, t.at)
		}
	}
}
