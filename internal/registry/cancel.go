package registry

import (
	"fmt"
	"time"

	"heureka.internal/heureka"
)

// Cancel removes an instance and its override (S-CANCEL-2). For one that is not registered it returns
// heureka.ErrNotFound and leaves everything as it is (S-DEF-19).
func (r *Registry) Cancel(key heureka.Key, origin Origin, now time.Time) error {
	t := r.instant(now)
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.index.find(key)
	if l == nil {
		return fmt.Errorf("cancel %s: %w", key, heureka.ErrNotFound)
	}
	key = l.key // what is kept of it must not hold on to the request's path
	if origin.By == ByPeer {
		r.countReplication(t)
	}
	r.counters.cancels.Add(1)
	if !origin.Replicates() {
		r.counters.peerCancels.Add(1)
	}
	r.bury(key, tombstone{l.current.Load().state().cancelled(), t.at}, isRenewal(l.beat.Load()))
	r.cancel(l, Change{Kind: Cancelled, Origin: origin, At: t.wall, Key: key})
	return nil
}

// cancel ends a lease and removes it. With mu held.
func (r *Registry) cancel(l *lease, ch Change) {
	l.beat.Store(gone)
	r.drop(l, ch)
}
