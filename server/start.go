package server

import (
	"context"
	"time"

	"heureka"
)

// start takes the node from its first phase to open. It reports false if ctx ended before.
func (s *Server) start(ctx context.Context) bool {
	s.open("no peers are configured", 0)
	return ctx.Err() == nil
}

// open lets readers in and expiry begin.
func (s *Server) open(why string, copied int) {
	now := time.Now()
	s.reg.OpenForTraffic(s.openCount(copied), now)
	s.phase.set(Open, why, now)
	s.join(heureka.StatusUp)
	s.log.Info("open for traffic", "why", why, "instances", s.reg.Len())
}

// openCount is how many clients the reference expects after its start-up sync: at least the configured number (S-BOOT-9).
func (s *Server) openCount(copied int) int {
	if copied == 0 {
		return max(s.cfg.OpenForTrafficCount, 0)
	}
	return copied
}
