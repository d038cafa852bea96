package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// goodbye is how long a stop waits for peers that are slow to take what is queued for them.
const goodbye = 3 * time.Second

// A self is the node's own registration. Its steps follow one another under mu, so that a heartbeat that is just due does
// not bring the instance back that leave takes out; the registry never waits for anything.
type self struct {
	mu      sync.Mutex
	dirtyMS int64
	left    bool
}

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
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	s.register(st)
}

// register is join with own.mu held.
func (s *Server) register(st heureka.Status) {
	if !*s.cfg.RegisterWithEureka || s.own.left {
		return
	}
	in := s.cfg.Instance.Clone()
	s.own.dirtyMS = max(time.Now().UnixMilli(), s.own.dirtyMS+1)
	in.Status, in.LastDirtyMS = st, s.own.dirtyMS
	if err := s.node.Register(in, registry.FromClient); err != nil {
		s.log.Error("cannot register the node's own instance", "err", err)
	}
}

// keepAlive sends the node's own heartbeat. A node that was evicted from its own registry, or overridden to UNKNOWN there,
// registers again like any client.
func (s *Server) keepAlive(time.Time) {
	s.own.mu.Lock()
	defer s.own.mu.Unlock()
	if s.own.left {
		return
	}
	claim := registry.Claim{DirtyMS: s.own.dirtyMS, HasDirty: true}
	if err := s.node.Renew(s.cfg.Instance.Key(), claim, registry.FromClient); err != nil {
		s.register(s.phase.ownStatus())
	}
}

// leave takes the node's own instance out for good and waits until peers have heard of it, or ctx ends.
func (s *Server) leave(ctx context.Context) {
	if !*s.cfg.RegisterWithEureka {
		return
	}
	s.own.mu.Lock()
	s.own.left = true
	err := s.node.Cancel(s.cfg.Instance.Key(), registry.FromClient)
	s.own.mu.Unlock()
	if s.peers != nil {
		ctx, cancel := context.WithTimeout(ctx, goodbye)
		defer cancel()
		err = errors.Join(err, s.peers.Drain(ctx))
	}
	if err != nil {
		s.log.Debug("not everybody has heard that this node leaves", "err", err)
	}
}
