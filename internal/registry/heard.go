package registry

import (
	"time"

	"heureka.internal/heureka"
)

// A node whose replication is late, or that its peers do not know yet, sees leases run out whose holders are alive. It asks
// the others before it evicts. Each answers only with what it has heard itself, and the age of that: what nodes know from
// each other would get younger on each way, and two nodes would keep a dead instance alive for ever.

// OwnAge returns how long ago an instance's own heartbeat, or registration, arrived at this node. It reports false if there
// is no such instance, or what was heard of it last came from another node.
func (r *Registry) OwnAge(key heureka.Key, now time.Time) (age time.Duration, ok bool) {
	t := r.instant(now)
	l := r.index.find(key)
	if l == nil {
		return 0, false
	}
	beat := l.beat.Load()
	if beat == gone || l.heardFrom() != client {
		return 0, false
	}
	return max(0, t.at-beatTime(beat)), true
}

// Heard notes that an instance's own heartbeat arrived at another node that long ago. It reports whether the lease lasts
// for that; else nothing has changed. To this node the heartbeat is one that another has told of: OwnAge does not pass it on.
func (r *Registry) Heard(key heureka.Key, age time.Duration, from Origin, now time.Time) bool {
	t := r.instant(now)
	l := r.index.find(key)
	if l == nil || age < 0 {
		return false
	}
	at, life := t.at-age, l.current.Load().life()
	if at <= beatTime(l.beat.Load()) || t.at > expiry(packBeat(at, true), life, r.cfg.DoubledLeases) {
		return false
	}
	return r.renew(l, at, t.wall.Add(-age), life, r.tellers.meet(&from))
}
