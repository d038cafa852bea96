package replication

import (
	"log/slog"
	"time"
)

// report logs news, once each.
func (p *peer) report(n News) {
	log := p.set.log.With("peer", p.conn.URL())
	switch {
	case p.has(ThisNode):
	case n.failing && n.outcome == Denied:
		log.Error("peer denies replication, retrying", "err", n.err)
	case n.failing && n.outcome == Refused:
		log.Error("peer rejects replication; operations are dropped", "err", n.err)
	case n.failing:
		log.Warn("replication to peer failing, retrying", "err", n.err)
	case n.recovered:
		log.Info("replication to peer recovered", slog.Duration("after", n.after.Round(time.Millisecond)))
	}
}

// status returns the whole picture.
func (p *peer) status(now time.Time) Status {
	p.mu.Lock()
	s := p.link.Status(now)
	p.mu.Unlock()
	s.Refused = p.gate.count()
	s.URL, s.Zone = p.conn.URL(), p.target.Zone
	switch Role(p.role.Load()) {
	case ThisNode:
		s.State, s.Error, s.Permanent = StateThisNode, "", false
	case Duplicate:
		s.State = StateDuplicate
	}
	return s
}
