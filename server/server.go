package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/internal/listener"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/respcache"
)

// A Server is one node. Use New to make one, then Serve, or mount Handler yourself and call Run beside it.
type Server struct {
	cfg      Config
	log      *slog.Logger
	reg      *registry.Registry
	cache    *respcache.Cache
	node     *node
	peers    *replication.Peers // nil without peers
	resolver zoneFinder
	phase    *phases
	handler  *httpapi.API
	crowd    *crowd
	requests *requestNumbers
	history  *changes.History
	watching watching
	past     pastRenewals
	faults   atomic.Pointer[map[lint.Kind]int] // as found last
	conns    atomic.Pointer[listener.Listener] // Serve's

	management   http.Handler
	tls          tlsSources
	audit        *audit.Log
	strangers    denials             // of TLS, by address and what is wrong with the certificate
	identify     func(*httpapi.Call) // whom the guard sees in a call
	guard        *guard              // nil: everybody may do everything
	refuseWrites atomic.Bool         // of clients, while the audit log fails

	removed   atomic.Int64 // bytes of instances that are gone and of large bodies, since memory was given back last
	settled   settled      // of giveBack alone
	own       self
	keeper    *keeper     // nil: nothing is kept on disk
	protected atomic.Bool // self-preservation was reported
}

// New returns a server that has not started anything yet. Its error names every mistake in cfg.
func New(cfg Config) (*Server, error) {
	cfg = cfg.WithDefaults()
	err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s := &Server{cfg: cfg, log: logs.Named(cfg.Logger, logs.Server), phase: newPhases(cfg)}
	answers := cfg.cache()
	answers.Room = func(bytes int64) bool { return s.node.roomForDocuments(bytes) }
	if s.cache, err = respcache.New(answers); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	regCfg := cfg.registry()
	regCfg.OnChange = s.changed
	if s.reg, err = registry.New(regCfg); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.node = &node{earlier: earlierLife{found: make(chan struct{}, 1)}, cfg: &s.cfg, reg: s.reg, cache: s.cache, phase: s.phase, started: time.Now()}
	s.keeper = s.newKeeper()
	s.setLimits(&s.cfg)
	s.node.Writes = replication.Writes{Registry: s.reg, Now: time.Now, Queue: s.node.queue}
	s.audit = s.openAudit()
	if s.guard, err = s.openAuth(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if err = s.openTLS(s.node.started); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	if s.peers, err = s.newPeers(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.node.peers = s.peers
	if s.node.regions, err = s.newRegions(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.history = changes.NewHistory(cfg.history(), s.reg.Feed(), s.node.started)
	s.watching.life = strconv.FormatUint(s.cfg.Rand.Uint64()^uint64(s.node.started.UnixNano()), 36) // a fixed seed makes no two lives alike
	s.crowd = newCrowd(&s.cfg)
	if err := s.routes(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	return s, nil
}

// changed follows each write to the registry, with the registry locked.
func (s *Server) changed(ch registry.Change) {
	if ch.Removed() {
		ch.Record = s.lessen(ch.Record)
	}
	s.cache.Apply(ch)
	if ch.Previous.IsZero() && !ch.Removed() && ch.Key.App != s.cfg.Instance.App && ch.Origin.By != registry.ByDisk {
		s.node.arrivals.Add(ch.At, ch.Record.RenewalIntervalSecs())
	}
}

// Handler serves everything the node answers: the Eureka API, health, metrics and the status page. Safe for concurrent use.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on ln and runs the node's tasks until ctx ends; it then stops accepting, lets requests in flight finish
// within Config.ShutdownTimeout, takes the node's own instance out of the registry and returns. It closes ln. The error is
// nil after a clean stop.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	f, err := s.newFront(s.handler, ln, s.cfg.MaxConnections)
	if err != nil {
		return err
	}
	s.conns.Store(f.conns)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	runCtx, stopTasks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTasks()
	tasks.Go(func() { s.Run(runCtx) })

	if err := f.until(ctx, &tasks, f.listen(s.tls.serving, s.cfg.AcceptPlain)); err != nil {
		return err
	}
	return s.shutdown(f)
}

// shutdown leaves the ring first, while peers and clients can still be talked to.
func (s *Server) shutdown(hs front) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	defer cancel()
	s.phase.stopping()
	s.log.Info("stopping after requests in flight", "at_most", s.cfg.ShutdownTimeout)
	s.leave(ctx)
	err := hs.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("requests still in flight after %s", s.cfg.ShutdownTimeout), hs.Close())
	}
	return err
}

// Reload looks the peers up again at once instead of at the next interval. Safe for concurrent use.
func (s *Server) Reload() {
	if s.peers != nil {
		s.log.Info("looking up peers")
		s.peers.Reload()
	}
}
