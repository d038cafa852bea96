package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/listener"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/respcache"
)

// Limits of the HTTP side. Clients keep a connection between heartbeats, so idle ones live longer than the longest usual
// interval; a body of the largest accepted size arrives within readTimeout even on a slow link.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	idleTimeout       = 3 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// A Server is one node. Use New to make one, then Serve, or mount Handler yourself and call Run beside it.
type Server struct {
	cfg      Config
	log      *slog.Logger
	reg      *registry.Registry
	cache    *respcache.Cache
	node     *node
	peers    *replication.Peers // nil without peers
	resolver resolver
	phase    *phases
	handler  *httpapi.API

	own       self
	protected atomic.Bool // self-preservation was reported
}

// New returns a server that has not started anything yet. Its error names every mistake in cfg.
func New(cfg Config) (*Server, error) {
	cfg = cfg.WithDefaults()
	err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s := &Server{cfg: cfg, log: cfg.Logger, phase: newPhases(cfg)}
	s.cache = respcache.New(cfg.cache())
	regCfg := cfg.registry()
	regCfg.OnChange = s.changed
	if s.reg, err = registry.New(regCfg); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.node = &node{cfg: &s.cfg, reg: s.reg, cache: s.cache, phase: s.phase, started: time.Now()}
	if s.peers, err = s.newPeers(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.node.peers = s.peers
	if s.node.regions, err = s.newRegions(); err != nil {
		return nil, fmt.Errorf("server configuration: %w", err)
	}
	s.handler = s.routes()
	return s, nil
}

// changed follows each write to the registry, with the registry locked.
func (s *Server) changed(ch registry.Change) {
	s.cache.Apply(ch)
	if ch.Previous == nil && !ch.Removed() {
		s.node.newestMS.Store(ch.At.UnixMilli())
	}
}

// Handler serves everything the node answers: the Eureka API, health, metrics and the status page. Safe for concurrent use.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve answers on ln and runs the node's tasks until ctx ends; it then stops accepting, lets requests in flight finish
// within Config.ShutdownTimeout, takes the node's own instance out of the registry and returns. It closes ln. The error is
// nil after a clean stop.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	conns, err := listener.New(ln, s.cfg.listener())
	if err != nil {
		return err
	}
	hs := &http.Server{
		ConnState:         conns.ConnState,
		ConnContext:       conns.ConnContext,
		Handler:           s.handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          newHTTPLog(s.log),
	}
	var tasks sync.WaitGroup
	defer tasks.Wait()
	runCtx, stopTasks := context.WithCancel(context.WithoutCancel(ctx))
	defer stopTasks()
	tasks.Go(func() { s.Run(runCtx) })

	failed := make(chan error, 1)
	tasks.Go(func() { failed <- hs.Serve(conns) })
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	return s.shutdown(hs)
}

// shutdown leaves the ring first, while peers and clients can still be talked to.
func (s *Server) shutdown(hs *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.ShutdownTimeout)
	defer cancel()
	s.phase.stopping()
	s.log.Info("stopping, once requests in flight are answered", "at_most", s.cfg.ShutdownTimeout)
	s.leave(ctx)
	err := hs.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(fmt.Errorf("requests were still running after %s", s.cfg.ShutdownTimeout), hs.Close())
	}
	return err
}

// Reload looks the peers up again at once instead of at the next interval. Safe for concurrent use.
func (s *Server) Reload() {
	if s.peers != nil {
		s.log.Info("looking the peers up again")
		s.peers.Reload()
	}
}
