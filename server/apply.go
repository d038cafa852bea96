package server

import (
	"fmt"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// Apply takes over from cfg what may change while the node runs: ServiceURLs as SetServiceURLs does, MaxBodyBytes,
// MaxBatchBytes, FetchesInFlight, PagesInFlight, BatchesPerPeer, Limits, passwords of TLS stores, Audit.RefuseWrites, and of Auth all but
// UsersFile and TokensFile. It asks a new issuer of tokens for its keys first, for ten seconds at most. The rest of cfg has no effect. It fails, and changes nothing, for a mistake in cfg. Safe for
// concurrent use.
func (s *Server) Apply(cfg Config) error {
	cfg = cfg.WithDefaults()
	if err := cfg.check(); err != nil {
		return fmt.Errorf("server configuration: %w", err)
	}
	if _, err := s.zonesOf(&cfg); err != nil { // before anything is changed
		return err
	}
	if err := s.guard.change(&cfg); err != nil {
		return fmt.Errorf("server configuration: %w", err)
	}
	if err := s.SetServiceURLs(cfg.ServiceURLs); err != nil {
		return err
	}
	s.guard.setPeers(&cfg)
	s.refuseWrites.Store(cfg.Audit.RefuseWrites)
	s.setTLSPasswords(&cfg)
	s.setLimits(&cfg)
	s.crowd.set(&cfg)
	r := cfg.registry()
	s.history.SetBounds(cfg.history(), time.Now())
	s.reg.SetLimits(registry.Limits{MaxInstances: r.MaxInstances, MaxPerApp: r.MaxPerApp, FutureStamp: r.FutureStamp})
	s.handler.SetBounds(httpapi.Bounds{BodyBytes: cfg.MaxBodyBytes, BatchBytes: cfg.MaxBatchBytes, HeldBytes: cfg.Limits.heldBytes(), Records: cfg.Limits.decoding()})
	return nil
}

// setLimits sets the limits that the node itself looks at.
func (s *Server) setLimits(cfg *Config) {
	s.node.limits.Store(&cfg.Limits)
	s.node.bodyBytes.Store(cfg.MaxBodyBytes)
}
