package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"heureka.internal/heureka/internal/listener"
)

// Limits of the HTTP side. Clients keep a connection between heartbeats, so idle ones live longer than the longest usual
// interval; a body of the largest accepted size arrives within readTimeout even on a slow link. An answer has no limit as
// long as its client takes some of it within stallTimeout; a client that reads less than half a kilobyte a second does not.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	idleTimeout       = 3 * time.Minute
	idleGrace         = time.Minute
	stallTimeout      = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
	unsentBytes       = 128 << 10

	managementConnections = 256
	fileReserve           = 128 // files that connections leave to peers, probes and logs, at least
	maxConnections        = 1 << 20
)

// defaultConnections returns how many connections the limit of open files leaves room for, with a tenth in reserve.
func defaultConnections() int {
	limit := fileLimit()
	return int(min(max(limit-max(limit/10, fileReserve), fileReserve), maxConnections))
}

// A front is an HTTP server and the listener whose connections it serves, within the limits.
type front struct {
	*http.Server
	conns *listener.Listener
}

func (s *Server) newFront(h http.Handler, ln net.Listener, connections int) (front, error) {
	conns, err := listener.New(ln, listener.Config{
		MaxConnections: connections, IdleGrace: idleGrace, Stall: stallTimeout, Unsent: unsentBytes,
		HeaderBytes: s.node.limits.Load().headerBytes(), Room: s.node.roomForConnection,
	})
	if err != nil {
		return front{}, err
	}
	return front{conns: conns, Server: &http.Server{
		Handler:           h,
		ConnState:         conns.ConnState,
		ConnContext:       s.guard.remembering(conns.ConnContext),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          newHTTPLog(s.log, s.auditTLS),
	}}, nil
}

// until serves until ctx ends, which is nil, or serving fails. Connections stay open after it.
func (f front) until(ctx context.Context, wg *sync.WaitGroup, ln net.Listener) error {
	failed := make(chan error, 1)
	wg.Go(func() { failed <- f.Serve(ln) })
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", f.conns.Addr(), err)
	case <-ctx.Done():
		return nil
	}
}

// A Management says where health, metrics and info are served.
type Management uint8

// The places.
const (
	ManagementShared   Management = iota // beside the API, by Serve
	ManagementSeparate                   // by ServeManagement alone
	ManagementOff                        // nowhere
)

// ManagementHandler serves health, metrics and info alone, and profiles if they are switched on. No crowd of clients stands
// in its way. Safe for concurrent use.
func (s *Server) ManagementHandler() http.Handler { return s.management }

// ServeManagement answers on ln what ManagementHandler serves, until ctx ends. It closes ln. The error is nil after a clean
// stop. It is for a listener beside Serve's, which probes reach whatever happens there.
func (s *Server) ServeManagement(ctx context.Context, ln net.Listener) error {
	f, err := s.newFront(s.management, ln, managementConnections)
	if err != nil {
		return err
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	return errors.Join(f.until(ctx, &serving, f.listen(s.tls.management, false)), f.Close())
}

// profiles are Go's profiles of the running program, by their paths.
func profiles() map[string]http.Handler {
	const base = "/debug/pprof/"
	pages := map[string]http.Handler{
		base:             http.HandlerFunc(pprof.Index),
		base + "cmdline": http.HandlerFunc(pprof.Cmdline),
		base + "profile": http.HandlerFunc(pprof.Profile),
		base + "symbol":  http.HandlerFunc(pprof.Symbol),
		base + "trace":   http.HandlerFunc(pprof.Trace),
	}
	for _, name := range []string{"allocs", "block", "goroutine", "heap", "mutex", "threadcreate"} {
		pages[base+name] = pprof.Handler(name)
	}
	return pages
}
