package registry

import (
	"slices"
	"time"

	"heureka.internal/heureka"
)

// Buckets is the number of buckets of a digest.
const Buckets = stripeCount

// creep is by how much a peer must have heard an instance later than this node for that to count: the time for which an
// Entry was on its way makes it look younger, and nodes that tell each other about a silent instance must not keep it
// alive.
const creep = 5 * time.Second

// An Entry is what a node tells another one about one key, to find out what either has missed.
type Entry struct {
	Key         heureka.Key
	Instance    *heureka.Instance // nil for a tombstone; its Status is that without the override
	DirtyMS     int64             // orders entries, together with Rev; mostly the instance's LastDirtyMS
	Rev         uint64
	Tombstone   bool // the instance was cancelled
	Override    heureka.Status
	HasOverride bool
	OverrideRev uint64
	Age         time.Duration // since the last renewal, or the cancellation
	From        Origin        // who told of it; zero stands for FromSync
	Owner       string        // see Record.Owner

	Clock    Clock             // of the last command about the override
	About    About             // the record that it was about
	Restored heureka.Status    // without HasOverride: what it had shown instead
	Metadata []MetadataCommand // of operators, about this record; the Instance has that of its client
}

// state returns what is compared about e.
func (e *Entry) state() state {
	s := state{
		position{dirtyMS: e.DirtyMS, rev: e.Rev, tombstone: e.Tombstone},
		overrideState{clock: e.Clock, rev: e.OverrideRev, set: e.HasOverride, status: e.Restored, about: e.About},
		e.Metadata,
	}
	if e.HasOverride {
		s.override.status = e.Override
	}
	if e.Instance != nil {
		s.position.content = contentHash(e.Instance, e.Instance.Status)
	}
	return s
}

// Valid reports whether e makes sense: Merge leaves others alone.
func (e *Entry) Valid() bool {
	if e.Key.App == "" || e.Key.ID == "" || len(e.Key.App)+len(e.Key.ID) > maxKeyBytes || e.Age < 0 || e.Tombstone != (e.Instance == nil) ||
		!e.Clock.Valid() || !inOrder(e.Metadata) || e.Tombstone && len(e.Metadata) > 0 {
		return false
	}
	return e.Tombstone || e.Instance.Key() == e.Key
}

// Digest returns one hash for each bucket of keys: nodes have the same hash if they know the same instances, overrides
// and cancellations, whenever and by whatever way each learned of them.
func (r *Registry) Digest() [Buckets]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.digest
}

// toggle adds a state to the digest or removes it. With mu held.
func (r *Registry) toggle(key heureka.Key, s state) { r.digest[bucketOf(key.ID)] ^= s.digest(key) }

// A Known is what a node knew of one key at one moment, in the form in which it is kept.
type Known struct {
	key  heureka.Key
	is   *stored // nil: cancelled
	tomb *grave
	age  time.Duration
}

// Bucket returns what this node knows of the keys in bucket i of the digest, in unspecified order.
func (r *Registry) Bucket(i int, now time.Time) []Known {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	leases := r.index.snapshot(i, nil)
	out := make([]Known, 0, len(leases)+len(r.tombs.buckets[i]))
	for _, l := range leases {
		out = append(out, Known{key: l.key, is: l.current.Load(), age: l.age(t)})
	}
	for key, tomb := range r.tombs.buckets[i] {
		out = append(out, Known{key: key, tomb: tomb, age: t.at - tomb.at})
	}
	return out
}

// Key returns the key.
func (k *Known) Key() heureka.Key { return k.key }

// Tombstone reports whether the instance was cancelled.
func (k *Known) Tombstone() bool { return k.is == nil }

// Digest is that of the Entry, for less.
func (k *Known) Digest() uint64 { return k.state().digest(k.key) }

func (k *Known) state() state {
	if k.is == nil {
		return k.tomb.state
	}
	return k.is.state()
}

// Entry returns what to tell another node.
func (k *Known) Entry() Entry {
	e := k.state().entry(k.key)
	e.Age = k.age
	if e.Tombstone = k.is == nil; e.Tombstone {
		return e
	}
	v := k.is.bare()
	v.instance.Status = v.own
	e.Instance, e.Owner = &v.instance, v.owner
	return e
}

// entry returns the state about key without the record.
func (s state) entry(key heureka.Key) Entry {
	e := Entry{
		Key: key, DirtyMS: s.position.dirtyMS, Rev: s.position.rev,
		HasOverride: s.override.set, OverrideRev: s.override.rev, Clock: s.override.clock, About: s.override.about,
		Metadata: s.metadata,
	}
	if e.HasOverride {
		e.Override = s.override.status
	} else {
		e.Restored = s.override.status
	}
	return e
}

// Merge takes over what another node knows better: the later record, by DirtyMS, Rev and finally its content; the later
// command about its status; a cancellation that this node has missed. It reports whether that changed an instance, in which case there
// was a Change. A record whose lease has run out over there does not come back to life here. Merging the same entries in
// any order, on any nodes, makes their digests equal.
func (r *Registry) Merge(e Entry, now time.Time) (changed bool) {
	if !e.Valid() {
		return false
	}
	if e.From == (Origin{}) {
		e.From = FromSync
	}
	t := r.instant(now)
	r.tellers.meet(&e.From)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hearClocks(&e, t)
	if e.Tombstone {
		delete(r.parked, e.Key) // the cancellation has ended it
	}
	l := r.index.find(e.Key)
	mine := r.stateOf(l, e.Key)
	joined := join(mine, e.state())
	switch {
	case joined.position.tombstone:
		return r.mergeTombstone(l, mine, joined, &e, t)
	case l == nil:
		return r.mergeNew(joined, &e, t)
	}
	changed = r.mergeRecord(l, mine, joined, &e, t)
	r.freshen(l, &e, t)
	return changed
}

// hearClocks makes what is said on this node from now on later than what e tells. With mu held.
func (r *Registry) hearClocks(e *Entry, t instant) {
	r.ticker.hear(e.Clock, t)
	for _, c := range e.Metadata {
		r.ticker.hear(c.Clock, t)
	}
}

// stateOf returns the state of a key whose lease is l, or nil if it has none. With mu held.
func (r *Registry) stateOf(l *lease, key heureka.Key) state {
	if l != nil {
		return l.current.Load().state()
	}
	tomb, buried := r.tombs.lookup(key)
	if waiting, ok := r.parked[key]; ok && !buried {
		tomb.override = waiting.override
	}
	return tomb.state
}

// mergeTombstone removes the instance, if there is one, and keeps the tombstone.
func (r *Registry) mergeTombstone(l *lease, mine, joined state, e *Entry, t instant) bool {
	at := t.at - e.Age
	if tomb, ok := r.tombs.lookup(e.Key); ok {
		at = tomb.at
	}
	if l == nil && (joined.equal(&mine) || t.at-at > r.tombs.retention()) {
		return false
	}
	r.bury(e.Key, tombstone{joined, at}, l != nil && isRenewal(l.beat.Load()))
	if l == nil {
		return false
	}
	r.cancel(l, Change{Kind: Cancelled, Origin: e.From, At: t.wall, Key: e.Key})
	return true
}

// mergeNew takes over an instance that this node does not have.
func (r *Registry) mergeNew(joined state, e *Entry, t instant) bool {
	life := time.Duration(r.lifeOf(e.Instance.Lease.DurationSecs)) * time.Second
	if e.Age > expiry(packBeat(0, true), life, r.cfg.DoubledLeases) {
		return false
	}
	l := new(lease)
	by := r.tellers.of(&e.From)
	l.start(t.at-e.Age, t.wall.Add(-e.Age), by)
	l.renew(t.at-e.Age, t.wall.Add(-e.Age), life, by)
	r.put(l, r.merged(e, nil, joined, t), Change{Kind: Registered, Origin: e.From, At: t.wall, Key: e.Key})
	r.registered.add(Event{At: t.wall, Key: e.Key, Origin: e.From})
	return true
}

// mergeRecord takes over the parts of e that are later than those of l. Parts that differ only in their revision are
// followed silently.
func (r *Registry) mergeRecord(l *lease, mine, joined state, e *Entry, t instant) bool {
	was := l.current.Load()
	if joined.equal(&mine) {
		if next := *was; was.ownerWith(e) != was.owner { // neither readers nor digests see that
			next.owner = was.ownerWith(e)
			l.current.Store(&next)
		}
		return false
	}
	prev := was.version()
	ch := Change{Kind: Registered, Origin: e.From, At: t.wall, Key: e.Key}
	if joined.position.content != mine.position.content {
		r.put(l, r.merged(e, was, joined, t), ch)
		r.reseat(l, t.at)
		return true
	}
	next := prev.bare()
	next.owner = was.ownerWith(e)
	next.adopt(joined)
	if looksLike(next, prev) {
		r.replace(l, next.pack(), e.Key)
		return false
	}
	next.mark(l, t)
	next.markUp(t)
	if slices.Equal(next.instance.Metadata, prev.instance.Metadata) {
		ch.Kind = StatusChanged
	}
	r.put(l, next, ch)
	return true
}

// merged returns the version that e makes of prev, which may be nil.
func (r *Registry) merged(e *Entry, prev *stored, joined state, t instant) *version {
	next := &version{instance: *e.Instance, owner: e.Owner}
	next.told, next.own, next.lifeSecs = true, e.Instance.Status, r.lifeOf(e.Instance.Lease.DurationSecs)
	if prev != nil {
		next.owner = prev.ownerWith(e)
	}
	next.adopt(joined)
	r.stamp(next, prev.version(), t)
	return next
}

// freshen moves the renewal of a lease forward to when the other node heard the instance last.
func (r *Registry) freshen(l *lease, e *Entry, t instant) {
	heard := t.at - e.Age
	if !e.Tombstone && heard > beatTime(l.beat.Load())+creep {
		r.renew(l, heard, t.wall.Add(-e.Age), l.current.Load().life(), r.tellers.of(&e.From))
	}
}
