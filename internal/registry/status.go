package registry

import (
	"fmt"
	"slices"
	"time"

	"heureka.internal/heureka"
)

// A Command is what an operator says of the status of an instance.
type Command struct {
	Key     heureka.Key
	Set     bool           // an override; else its end
	Status  heureka.Status // the override, or what to show after its end
	DirtyMS int64          // a later one than the record's replaces it; zero: none
	Stamp   *Stamp         // what a heureka peer says of it; nil: it is said now
}

// A Stamp says when a command was given, and about what.
type Stamp struct {
	Clock Clock
	Rev   uint64 // see Entry.OverrideRev
	About About
}

// SetOverride overrides the status of an instance (S-STATUS-1 to -3). The lease is renewed in every case; a status that
// the instance already has is not recorded as an override (S-DEF-8). A dirtyMS later than the record's replaces it; zero
// stands for none. It returns heureka.ErrNotFound for an instance that Get does not return.
func (r *Registry) SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin Origin, now time.Time) error {
	_, err := r.Command(&Command{Key: key, Set: true, Status: s, DirtyMS: dirtyMS}, origin, now)
	return err
}

// ClearOverride removes the override of an instance and gives it status s (S-STATUS-5); with UNKNOWN its next heartbeat is
// refused, so that the client registers with a status of its own (S-STATUS-6). The lease is renewed in every case, and
// nothing is shown to have changed if there is no override. That the instance may be UP for the first time now is not noted, as on
// the reference (S-STATUS-5). Otherwise as SetOverride.
func (r *Registry) ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin Origin, now time.Time) error {
	_, err := r.Command(&Command{Key: key, Status: s, DirtyMS: dirtyMS}, origin, now)
	return err
}

// Command sets or clears an override, and reports whether that changed something that peers must hear. A command that changes
// nothing still is the last word: on this node it has a clock, and other nodes learn of that when they compare. One that a
// heureka peer replicates is dropped if this node knows a later one, and is no news otherwise. One of a Java peer is given
// now, whenever it was; if it changes nothing it is none.
func (r *Registry) Command(c *Command, origin Origin, now time.Time) (changed bool, err error) {
	t := r.instant(now)
	r.observe(t)
	r.tellers.meet(&origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := r.touch(c.Key, origin, t)
	if err != nil {
		return false, fmt.Errorf("%s status of %s: %w", map[bool]string{true: "set", false: "clear"}[c.Set], c.Key, err)
	}
	was := l.current.Load().state()
	switch {
	case c.Stamp != nil:
		return r.follow(l, was, c, origin, t), nil
	case c.changes(l.current.Load()):
		r.obey(l, was, c, origin, t)
		return true, nil
	case origin.Replicates():
		was.override.clock, was.override.rev = r.ticker.tick(t, was.override.clock), 0
		r.restate(l, was, c.Key)
	}
	return false, nil
}

// changes reports whether c changes anything that can be seen.
func (c *Command) changes(v *stored) bool {
	if c.Set {
		return v.status != c.Status
	}
	return v.override().set
}

// obey does what was said on this node or, without a stamp, by a peer. With mu held.
func (r *Registry) obey(l *lease, was state, c *Command, origin Origin, t instant) {
	next := l.current.Load().bare()
	next.instance.LastDirtyMS = max(next.instance.LastDirtyMS, c.DirtyMS)
	p := was.position.next(next.instance.LastDirtyMS, contentHash(&next.instance, next.own))
	was.override = overrideState{clock: r.ticker.tick(t, was.override.clock), set: c.Set, status: c.Status, about: p.about()}
	was.position = p
	next.adopt(was)
	r.commitStatus(l, next, c.Set, Change{Kind: StatusChanged, Origin: origin, At: t.wall, Key: c.Key})
}

// follow does what a heureka peer says was said, unless something later was. With mu held.
func (r *Registry) follow(l *lease, was state, c *Command, origin Origin, t instant) (changed bool) {
	r.ticker.hear(c.Stamp.Clock, t)
	told := overrideState{clock: c.Stamp.Clock, rev: c.Stamp.Rev, set: c.Set, status: c.Status, about: c.Stamp.About}
	if !was.override.less(told) {
		return false
	}
	prev := l.current.Load().version()
	next := prev.bare()
	was.override = told
	next.adopt(was)
	if looksLike(next, prev) {
		r.replace(l, next.pack(), c.Key)
		return false
	}
	r.commitStatus(l, next, c.Set, Change{Kind: StatusChanged, Origin: origin, At: t.wall, Key: c.Key})
	return true
}

// restate gives l a state that looks like the one that it has. With mu held.
func (r *Registry) restate(l *lease, s state, key heureka.Key) {
	next := l.current.Load().bare()
	next.adopt(s)
	r.replace(l, next.pack(), key)
}

// looksLike reports whether nobody but other nodes can tell a from b, two versions with the same record.
func looksLike(a, b *version) bool {
	return a.instance.Status == b.instance.Status && a.override().set == b.override().set &&
		a.instance.OverriddenStatus == b.instance.OverriddenStatus && slices.Equal(a.instance.Metadata, b.instance.Metadata)
}

// touch renews the lease of an instance that Get returns, without counting a renewal (S-STATUS-2). With mu held.
func (r *Registry) touch(key heureka.Key, origin Origin, t instant) (*lease, error) {
	l := r.index.find(key)
	if l == nil || r.hidden(l, t) {
		return nil, heureka.ErrNotFound
	}
	if origin.By == ByPeer {
		r.countReplication(t)
	}
	r.renew(l, t.at, t.wall, l.current.Load().life(), r.tellers.of(&origin))
	return l, nil
}

// commitStatus commits a state that got an override or lost it. With mu held.
func (r *Registry) commitStatus(l *lease, next *version, set bool, ch Change) {
	t := r.instant(ch.At)
	next.mark(l, t)
	if set {
		next.markUp(t)
	}
	r.put(l, next, ch)
}
