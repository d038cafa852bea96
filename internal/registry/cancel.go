package registry

import (
	"fmt"
	"time"

	"heureka"
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
	if origin == FromPeer {
		r.countReplication(t)
	}
	l.beat.Store(gone)
	r.counters.cancels.Add(1)
	r.drop(l, Change{Kind: Cancelled, Origin: origin, At: t.wall, Key: key})
	return nil
}
