package server

import (
	"context"
	"time"

	"heureka"
	"heureka/internal/registry"
)

// goodbye is how long a stop waits for peers that are slow to take what is queued for them.
const goodbye = 3 * time.Second

// renewalInterval is how often the node renews its own lease.
func (c *Config) renewalInterval() time.Duration {
	if secs := c.Instance.Lease.RenewalIntervalSecs; secs > 0 {
		return time.Duration(secs) * time.Second
	}
	return heureka.DefaultRenewalIntervalS * time.Second
}

// join registers the node's own instance with status st. It is an ordinary instance: replicated, counted, evictable
// (S-REGISTER-4).
func (s *Server) join(st heureka.Status) {
	if !*s.cfg.RegisterWithEureka {
		return
	}
	in := s.cfg.Instance.Clone()
	in.Status = st
	s.ownDirtyMS.Store(max(time.Now().UnixMilli(), s.ownDirtyMS.Load()+1))
	in.LastDirtyMS = s.ownDirtyMS.Load()
	if err := s.node.Register(in, registry.FromClient); err != nil {
		s.log.Error("cannot register the node's own instance", "err", err)
	}
}

// keepAlive sends the node's own heartbeat. A node that was evicted from its own registry, or overridden to UNKNOWN there,
// registers again like any client.
func (s *Server) keepAlive(time.Time) {
	claim := registry.Claim{DirtyMS: s.ownDirtyMS.Load(), HasDirty: true}
	if err := s.node.Renew(s.cfg.Instance.Key(), claim, registry.FromClient); err != nil {
		s.join(s.ownStatus())
	}
}

// leave takes the node's own instance out and waits until peers have heard of it, or ctx ends.
func (s *Server) leave(ctx context.Context) {
	if !*s.cfg.RegisterWithEureka {
		return
	}
	if err := s.node.Cancel(s.cfg.Instance.Key(), registry.FromClient); err != nil {
		s.log.Debug("the node's own instance was not listed", "err", err)
	}
	if s.peers == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, goodbye)
	defer cancel()
	if err := s.peers.Drain(ctx); err != nil {
		s.log.Debug("not every peer has heard that this node leaves", "err", err)
	}
}

// ownStatus is UP as soon as the node answers reads.
func (s *Server) ownStatus() heureka.Status {
	if s.phase.readsAllowed() {
		return heureka.StatusUp
	}
	return heureka.StatusStarting
}
