package registry

import (
	"fmt"
	"time"

	"heureka.internal/heureka"
)

// ErrOutdated answers a heartbeat whose sender has changed its record since it registered here (W-RENEW-1 step 6). It is
// a heureka.ErrNotFound, so that the sender registers again, but the lease was renewed, and a client's heartbeat is
// replicated all the same (S-RENEW-5).
var ErrOutdated = fmt.Errorf("record is outdated: %w", heureka.ErrNotFound)

// Renew extends a lease and then compares what the heartbeat says of its record with the one kept here (W-RENEW-1). It
// returns heureka.ErrNotFound if there is no lease or the status is UNKNOWN, so that the client registers; ErrOutdated
// likewise for a record that has changed; and a *NewerError to a peer whose record is older. It allocates nothing unless
// it returns a *NewerError or changes an override.
func (r *Registry) Renew(key heureka.Key, renewal Renewal, origin Origin, now time.Time) error {
	t := r.instant(now)
	bucket := bucketOf(key.ID)
	l := r.index.stripes[bucket].find(key)
	if l == nil {
		return r.missing()
	}
	v := l.current.Load()
	by := client
	if !origin.Replicates() {
		by = r.tellers.meet(&origin)
	}
	if v.status == heureka.StatusUnknown || !r.renew(l, t.at, t.wall, v.life(), by) {
		return r.missing()
	}
	r.countRenewal(bucket, t)
	if origin.By == ByPeer {
		r.countReplication(t)
		r.counters.peerRenewals.Add(1)
	}
	if !renewal.HasDirty || r.cfg.IgnoreDirtyTimestamps {
		return nil
	}
	return r.compare(l, v, &renewal, &origin, t)
}

// missing counts a heartbeat for an instance that must register.
func (r *Registry) missing() error {
	r.counters.notFound.Add(1)
	return heureka.ErrNotFound
}

// compare answers a heartbeat by the age of its record: steps 5 to 8 of W-RENEW-1.
func (r *Registry) compare(l *lease, v *stored, renewal *Renewal, origin *Origin, t instant) error {
	mine := v.lastDirtyMS
	switch {
	case renewal.DirtyMS > mine:
		if origin.By == ByPeer && renewal.overrides() {
			r.storeOverride(l.key, overrideState.replaced, renewal.Override, *origin, t)
		}
		return ErrOutdated
	case renewal.DirtyMS < mine && origin.By == ByPeer:
		return &NewerError{Record: v.record(l)}
	case renewal.DirtyMS == mine && origin.By == ByPeer && renewal.overrides() && !r.cfg.NoOverrideRepair:
		r.storeOverride(l.key, overrideState.echoed, renewal.Override, *origin, t)
	}
	return nil
}

// overrides reports whether the heartbeat carries an override that counts (S-SYNC-3).
func (c *Renewal) overrides() bool { return c.HasOverride && c.Override != heureka.StatusUnknown }

// storeOverride records the override that a peer has, as far as it counts here: by echoed, because a status update may have been
// lost on the way to this node (S-DEF-13), or by replaced (S-SYNC-4). It never undoes what an operator is known to have said.
// Unlike on the reference server it applies at once rather than at the next heartbeat, and readers of deltas learn of it
// (S-DEF-12).
func (r *Registry) storeOverride(key heureka.Key, by func(overrideState, heureka.Status) overrideState, s heureka.Status, origin Origin, t instant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.index.find(key)
	if l == nil {
		return
	}
	was := l.current.Load().state()
	after := by(was.override, s)
	if after == was.override {
		return
	}
	next := l.current.Load().bare()
	was.override = after
	next.adopt(was)
	r.commitStatus(l, next, true, Change{Kind: StatusChanged, Origin: origin, At: t.wall, Key: key})
}
