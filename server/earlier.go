package server

import (
	"context"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// A node that nobody has to give it a registry opens at once: nothing is registered, and nobody asks. Not so if it is
// restarted under a living fleet: clients that fetch the empty registry forget whom they could call. There is evidence of
// that: heartbeats for instances that nobody has registered, by clients that have not changed since before the process
// began. Then readers are kept out, who keep the copies they have, until the fleet is back.

// An earlierLife waits for such evidence. Its zero value waits for none.
type earlierLife struct {
	startMS atomic.Int64 // of the process, while evidence counts; else 0
	found   chan struct{}
}

// nearlyNothing is how many clients' instances may have come before the evidence: a node that has more of a registry than
// that is not closed again.
const nearlyNothing = 2

// missed takes in a heartbeat for an instance that is not registered.
func (e *earlierLife) missed(renewal *registry.Renewal, origin registry.Origin) {
	start := e.startMS.Load()
	if start == 0 || origin.By != registry.ByClient || !renewal.HasDirty || renewal.DirtyMS <= 0 || renewal.DirtyMS >= start {
		return
	}
	select {
	case e.found <- struct{}{}:
	default:
	}
}

// watchForEarlierLife lets evidence count, for as long as the first lease after the start. Waiting for nobody
// (eureka.server.wait-time-in-ms-when-sync-empty=0) and the reference's behaviour switch it off.
func (s *Server) watchForEarlierLife() {
	if s.cfg.WaitTimeWhenSyncEmpty > 0 && !s.cfg.netflix() {
		s.node.earlier.startMS.Store(s.node.started.UnixMilli())
	}
}

// minded closes the node to readers when there is evidence of an earlier life, and opens it again.
func (s *Server) minded(ctx context.Context) {
	defer s.node.earlier.startMS.Store(0)
	first := time.NewTimer(heureka.DefaultLeaseDurationSecs * time.Second)
	defer first.Stop()
	select {
	case <-ctx.Done():
		return
	case <-first.C:
		return
	case <-s.node.earlier.found:
	}
	if s.node.arrivals.Clients() > nearlyNothing {
		return
	}
	began := time.Now()
	const why = "clients of this node's previous process still send heartbeats: waiting until they have registered again"
	s.phase.doubt(why, began)
	s.join()
	s.log.Warn("reads refused until clients of the previous process have registered again", "at_most", s.cfg.WaitTimeWhenSyncEmpty)
	join := s.joining(began)
	for pause(ctx, time.Second) {
		now := time.Now()
		if waited := now.Sub(began); waited < join.Limit && !s.node.arrivals.Ebbed(waited, join.Interval, join.Lease, now) {
			continue
		}
		if s.phase.open("clients of the previous process have registered again", now, now) {
			s.join()
			s.log.Info("open for traffic", "why", "clients of the previous process have registered again", "instances", s.reg.Len())
		}
		return
	}
}
