package server

import (
	"context"
	"iter"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/snapshot"
)

// start takes the node from its first phase to open. Registrations and heartbeats are accepted from the first moment; only
// reads wait. It goes on with copying from the other peers when the node is open.
func (s *Server) start(ctx context.Context) {
	kept := s.keeper.load()
	if kept == nil {
		s.phase.settle()
	}
	defer s.phase.settle()
	if s.peers == nil {
		s.openAlone("no peers are configured", kept)
		return
	}
	s.join()
	if s.cfg.SyncRetries < 0 {
		s.openAlone("copying from peers is disabled", kept)
		return
	}
	s.joinRing(ctx, kept)
}

// joinRing opens the node with what a peer has, or what was kept, which may be nil, or else what the clients have brought.
func (s *Server) joinRing(ctx context.Context, kept *snapshot.Loaded) {
	join := s.joining(time.Now())
	s.phase.set(Syncing, "asking peers for a copy of the registry, none complete yet", join.Began)
	wait, cancel := context.WithDeadline(ctx, join.Began.Add(join.Limit))
	defer cancel()
	copier := s.peers.Copier(ctx)
	defer copier.Close()
	if kept != nil && s.openWithKept(wait, copier, kept) {
		return
	}
	for asking := ctx; ; asking = wait { // the first round comes to its end, however short the wait
		r := s.askPeers(copier.Round(asking), nil)
		if r.Cut = asking.Err() != nil; ctx.Err() != nil {
			return
		}
		why, open := join.Open(&r, &s.node.arrivals, time.Now())
		if open {
			s.open(why, 0)
			if r.Peers == 0 {
				s.watchForEarlierLife()
			}
			return
		}
		s.waiting(why, join.Began)
		if r.Unfound {
			s.peers.Reload()
		}
		if !pause(ctx, join.Pause(s.cfg.SyncRetryWait, time.Now())) {
			return
		}
	}
}

// joining returns the rule by which a start that began then comes to its end.
func (s *Server) joining(began time.Time) replication.Join {
	const interval, lease = heureka.DefaultRenewalIntervalS * time.Second, heureka.DefaultLeaseDurationSecs * time.Second
	return replication.Join{Began: began, Limit: s.cfg.WaitTimeWhenSyncEmpty, Interval: max(s.cfg.ExpectedClientRenewalInterval, interval), Lease: lease}
}

// askPeers goes once over all peers. The first complete answer opens the node at once (S-DEF-21 has it whole); the others
// are merged behind it. What was kept, which may be nil, is restored between: a peer's records win.
func (s *Server) askPeers(round iter.Seq[replication.Copied], kept *snapshot.Loaded) replication.Round {
	log := logs.Named(s.log, logs.Client)
	var r replication.Round
	for c := range round {
		if c.Complete() {
			log.Info("registry copied from peer", "peer", c.Peer, "new_here", c.Changed, "instances", s.reg.Len(), "took", c.Took.Round(time.Millisecond))
		} else {
			log.Debug("cannot copy registry from peer", "peer", c.Peer, "err", c.Err)
		}
		if r.Note(&c) {
			s.restoreSnapshot(kept, c.Whole)
			s.openWhole("copied the registry of "+c.Peer, s.reg.Len(), c.Whole)
		}
	}
	r.Looked(s.peers.Unfound())
	return r
}

// waiting says, the first time to whoever reads the log, why the node does not open yet.
func (s *Server) waiting(why string, began time.Time) {
	if ph, _, _ := s.phase.current(); ph == Syncing {
		s.log.Warn("reads refused until a peer answers or clients have registered", "why", why, "at_most", s.cfg.WaitTimeWhenSyncEmpty)
	}
	s.phase.set(Waiting, why, began)
}

// open lets readers in and expiry begin. Only the first call counts. Copied is how many instances the node has by copying
// from a peer: it may have had some of them before, by replication.
func (s *Server) open(why string, copied int) { s.openWhole(why, copied, 0) }

// openWhole is open with a registry in which nothing has been missing for a while.
func (s *Server) openWhole(why string, copied int, whole time.Duration) {
	now := time.Now()
	if !s.phase.open(why, now.Add(-whole), now) {
		return
	}
	s.reg.OpenForTraffic(s.openCount(copied), now)
	s.join()
	s.log.Info("open for traffic", "why", why, "instances", s.reg.Len())
}

// openCount is how many clients the reference expects after its start-up sync: at least the configured number (S-BOOT-9).
func (s *Server) openCount(copied int) int {
	if copied == 0 {
		return max(s.cfg.OpenForTrafficCount, 0)
	}
	return copied
}

// pause waits for d; it reports false if ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
