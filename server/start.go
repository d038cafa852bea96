package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"heureka.internal/heureka"
)

const (
	// retryWhileWaiting is how soon peers are asked again that have not answered: a neighbour that comes up ends the wait.
	retryWhileWaiting = 5 * time.Second

	// quietToOpen is how long no new instance has come when a ring that starts as a whole stops waiting: longer than the
	// interval in which every client there is registers.
	quietToOpen = 35 * time.Second
)

// A round is what asking every peer once has told.
type round struct {
	peers    int // other nodes that are configured
	starting int // of them, those that answered that they have nobody's registry either
	from     string
	err      error // the last failure
	cut      bool  // the wait was over before all had answered
	unfound  bool  // there may be more peers, which have not been found
}

// start takes the node from its first phase to open. Registrations and heartbeats are accepted from the first moment; only
// reads wait. It reports false if ctx ended before.
func (s *Server) start(ctx context.Context) bool {
	if s.peers == nil {
		s.open("no peers are configured", 0)
		return ctx.Err() == nil
	}
	s.join()
	if s.cfg.SyncRetries < 0 {
		s.open("copying from peers is switched off", 0)
		return ctx.Err() == nil
	}
	began := time.Now()
	s.phase.set(Syncing, "asking the peers, none has sent a whole registry yet", began)
	wait, cancel := context.WithDeadline(ctx, began.Add(s.cfg.WaitTimeWhenSyncEmpty))
	defer cancel()
	for asking := ctx; ; asking = wait { // the first round comes to its end, however short the wait
		r := s.askPeers(asking)
		if ctx.Err() != nil {
			return false
		}
		if why, done := s.decide(r, began); done {
			s.open(why, 0)
			return true
		}
		if r.unfound {
			s.peers.Reload()
		}
		left := s.cfg.WaitTimeWhenSyncEmpty - time.Since(began)
		if !pause(ctx, min(retryWhileWaiting, s.cfg.SyncRetryWait, max(left, 0))) {
			return false
		}
	}
}

// askPeers goes once over all peers. The first complete answer opens the node at once (S-DEF-21 has it whole); the others
// are merged behind it.
func (s *Server) askPeers(ctx context.Context) round {
	var r round
	for c := range s.peers.Sync(ctx) {
		r.peers++
		switch {
		case c.Complete():
			s.log.Info("copied a peer's registry", "peer", c.Peer, "new_here", c.Changed, "instances", s.reg.Len(), "took", c.Took.Round(time.Millisecond))
			if r.from == "" {
				r.from = c.Peer
				s.open("copied the registry of "+c.Peer, s.reg.Len())
			}
		case errors.Is(c.Err, heureka.ErrNotReady):
			r.starting++
		default:
			r.err = c.Err
			s.log.Debug("no registry from peer", "peer", c.Peer, "err", c.Err)
		}
	}
	r.cut = ctx.Err() != nil
	if err := s.peers.Unfound(); err != nil {
		r.unfound, r.err = true, err
	}
	return r
}

// decide says whether the node may open after a round, and if not, keeps it waiting (S-BOOT-10, with its two early ends).
func (s *Server) decide(r round, began time.Time) (why string, done bool) {
	now := time.Now()
	waited := now.Sub(began)
	switch quiet := now.Sub(s.node.lastNew()); {
	case r.from != "":
		return "copied the registry of " + r.from, true
	case r.peers == 0 && !r.cut && !r.unfound:
		return "every configured peer is this node itself", true
	case waited >= s.cfg.WaitTimeWhenSyncEmpty:
		return fmt.Sprintf("no peer had a registry for %s", max(s.cfg.WaitTimeWhenSyncEmpty, 0)), true
	case r.starting == r.peers && !r.unfound && min(quiet, waited) >= quietToOpen:
		return fmt.Sprintf("all %d peers start as well and no new instance has come for %s", r.peers, quietToOpen), true
	}
	why = fmt.Sprintf("none of %d peers had a registry to copy", r.peers)
	if r.peers == 0 {
		why = "no peer has been found"
	}
	if r.starting > 0 {
		why += fmt.Sprintf(", %d of them start as well", r.starting)
	}
	if r.err != nil {
		why += ", the last error: " + r.err.Error()
	}
	if ph, _, _ := s.phase.current(); ph == Syncing {
		s.log.Warn("waiting for a peer, or for clients to register, before reads are answered", "why", why, "at_most", s.cfg.WaitTimeWhenSyncEmpty)
	}
	s.phase.set(Waiting, why, began)
	return "", false
}

// open lets readers in and expiry begin. Only the first call counts. Copied is how many instances the node has by copying
// from a peer: it may have had some of them before, by replication.
func (s *Server) open(why string, copied int) {
	now := time.Now()
	if !s.phase.open(why, now) {
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
