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
	case n.failing && n.permanent:
		log.Error("peer refuses replication, what is sent to it is lost until that is put right", "err", n.err)
	case n.failing:
		log.Warn("peer does not take replication, trying on", "err", n.err)
	case n.recovered:
		log.Info("peer takes replication again", slog.Duration("after", n.after.Round(time.Millisecond)))
	}
}

// status returns the whole picture.
func (p *peer) status(now time.Time) Status {
	p.mu.Lock()
	s := p.link.Status(now)
	p.mu.Unlock()
	s.URL, s.Zone = p.conn.URL(), p.target.Zone
	switch Role(p.role.Load()) {
	case ThisNode:
		s.State, s.Error, s.Permanent = StateThisNode, "", false
	case Duplicate:
		s.State = StateDuplicate
	}
	return s
}
