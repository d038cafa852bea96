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

// A self is the node's own registration. A heartbeat that is just due must not bring the instance back that leave takes
// out: no step begins after it, and it waits for those under way.
type self struct {
	steps sync.WaitGroup // under way

	mu      sync.Mutex
	dirtyMS int64
	left    bool
}

// begin reports whether a step may begin; the caller then ends it with steps.Done.
func (o *self) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.left {
		o.steps.Add(1)
	}
	return !o.left
}

// end lets no step begin any more and waits for the last one.
func (o *self) end() {
	o.mu.Lock()
	o.left = true
	o.mu.Unlock()
	o.steps.Wait()
}

// dirty returns the timestamp of the record that was registered last.
func (o *self) dirty() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dirtyMS
}

// next returns a later timestamp. Whoever takes it looks at the status after that: of two registrations at once the one with
// the later timestamp counts, and it has the later status then, as every change of the status is followed by a registration.
func (o *self) next() (dirtyMS int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dirtyMS = max(time.Now().UnixMilli(), o.dirtyMS+1)
	return o.dirtyMS
}

// renewalInterval is how often the node renews its own lease.
func (c *Config) renewalInterval() time.Duration {
	if secs := c.Instance.Lease.RenewalIntervalSecs; secs > 0 {
		return time.Duration(secs) * time.Second
	}
	return heureka.DefaultRenewalIntervalS * time.Second
}

// join registers the node's own instance with the status that its phase gives it. It is an ordinary instance: replicated,
// counted, evictable (S-REGISTER-4).
func (s *Server) join() {
	if *s.cfg.RegisterWithEureka && s.own.begin() {
		defer s.own.steps.Done()
		s.registerOwn()
	}
}

func (s *Server) registerOwn() {
	in := s.cfg.Instance.Clone()
	in.LastDirtyMS = s.own.next()
	in.Status = s.phase.ownStatus()
	if err := s.node.Register(in, registry.FromNode); err != nil {
		s.log.Error("cannot register the node's own instance", "err", err)
	}
}

// keepAlive sends the node's own heartbeat. A node that was evicted from its own registry, or overridden to UNKNOWN there,
// registers again like any client.
func (s *Server) keepAlive(time.Time) {
	if !s.own.begin() {
		return
	}
	defer s.own.steps.Done()
	renewal := registry.Renewal{DirtyMS: s.own.dirty(), HasDirty: true}
	if err := s.node.Renew(s.cfg.Instance.Key(), renewal, registry.FromNode); err != nil {
		s.registerOwn()
	}
}

// leave takes the node's own instance out for good and waits until peers have heard of it, or ctx ends.
func (s *Server) leave(ctx context.Context) {
	if !*s.cfg.RegisterWithEureka {
		return
	}
	s.own.end()
	err := s.node.Cancel(s.cfg.Instance.Key(), registry.FromNode)
	if s.peers != nil {
		ctx, cancel := context.WithTimeout(ctx, goodbye)
		defer cancel()
		err = errors.Join(err, s.peers.Drain(ctx))
	}
	if err != nil {
		s.log.Debug("some peers were not told of the shutdown", "err", err)
	}
}
