package registry

import (
	"fmt"
	"time"

	"heureka.internal/heureka"
)

// SetOverride overrides the status of an instance (S-STATUS-1 to -3). The lease is renewed in every case; a status that
// the instance already has is not recorded as an override (S-DEF-8). A dirtyMS later than the record's replaces it; zero
// stands for none. It returns heureka.ErrNotFound for an instance that Get does not return.
func (r *Registry) SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin Origin, now time.Time) error {
	t := r.instant(now)
	r.observe(t)
	r.tellers.meet(&origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := r.touch(key, origin, t)
	if err != nil {
		return fmt.Errorf("set status of %s: %w", key, err)
	}
	v := l.current.Load()
	if v.instance.Status == s {
		return nil
	}
	next := *v
	next.own = s
	next.override(s)
	next.redate(dirtyMS)
	r.commitStatus(l, &next, key, origin, t)
	return nil
}

// ClearOverride removes the override of an instance and gives it status s (S-STATUS-5); with UNKNOWN its next heartbeat is
// refused, so that the client registers with a status of its own (S-STATUS-6). The lease is renewed in every case, and
// nothing else happens if there is no override. That the instance may be UP for the first time now is not noted, as on the
// reference (S-STATUS-5). Otherwise as SetOverride.
func (r *Registry) ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin Origin, now time.Time) error {
	t := r.instant(now)
	r.observe(t)
	r.tellers.meet(&origin)
	r.mu.Lock()
	defer r.mu.Unlock()
	l, err := r.touch(key, origin, t)
	if err != nil {
		return fmt.Errorf("clear status of %s: %w", key, err)
	}
	v := l.current.Load()
	if !v.overridden {
		return nil
	}
	next := *v
	next.own = s
	next.overridden, next.cleared = false, true
	next.instance.OverriddenStatus = heureka.StatusUnknown
	next.redate(dirtyMS)
	next.mark(l, t)
	r.commit(l, &next, Change{Kind: StatusChanged, Origin: origin, At: t.wall, Key: key})
	return nil
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
	r.renew(l, t.at, t.wall, l.current.Load().life, r.tellers.of(&origin))
	return l, nil
}

// override records an override.
func (v *version) override(s heureka.Status) {
	v.overridden, v.cleared = true, false
	v.instance.OverriddenStatus = s
}

// redate adopts a later dirty timestamp.
func (v *version) redate(dirtyMS int64) {
	v.instance.LastDirtyMS = max(v.instance.LastDirtyMS, dirtyMS)
}

// commitStatus commits a state that got an override. With mu held.
func (r *Registry) commitStatus(l *lease, next *version, key heureka.Key, origin Origin, t instant) {
	next.mark(l, t)
	next.markUp(t)
	r.commit(l, next, Change{Kind: StatusChanged, Origin: origin, At: t.wall, Key: key})
}
