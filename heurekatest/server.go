package heurekatest

import (
	"context"
	"net"
	"sync"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/server"
)

// A Server is a real node on a free port of the loopback interface.
type Server struct {
	URL  string // service URL, "http://127.0.0.1:41234/eureka/"
	Node *server.Server

	t    testing.TB
	stop context.CancelFunc
	done sync.WaitGroup
}

// NewRegistry starts a server that has some instances already, made by Instance for example.
func NewRegistry(t testing.TB, instances ...*heureka.Instance) *Server {
	t.Helper()
	s := NewServer(t)
	s.WaitOpen()
	s.Register(instances...)
	return s
}

// NewServer starts a server that the test's cleanup stops. Its defaults are those of a single node; configure may change
// them.
func NewServer(t testing.TB, configure ...func(*server.Config)) *Server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := server.Config{Logger: Logger(t)}
	for _, f := range configure {
		f(&cfg)
	}
	node, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{URL: "http://" + ln.Addr().String() + cfg.ContextPath + "/eureka/", Node: node, t: t}
	s.start(t, ln)
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) start(t testing.TB, ln net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	s.done.Go(func() {
		if err := s.Node.Serve(ctx, ln); err != nil {
			t.Errorf("server %s: %v", s.URL, err)
		}
	})
}

// Stop stops the server cleanly and returns when it has; stopping twice is fine.
func (s *Server) Stop() {
	s.stop()
	s.done.Wait()
}

// Has reports whether the server lists the instance.
func (s *Server) Has(app, id string) bool { return has(s.Node, app, id) }

// Register registers instances, once: nobody sends heartbeats for them.
func (s *Server) Register(instances ...*heureka.Instance) {
	s.t.Helper()
	register(s.t, s.Conn(), instances)
}

// Expire makes the server evict an instance at once, as if its lease had run out.
func (s *Server) Expire(app, id string) {
	s.t.Helper()
	expire(s.t, s.URL, s.Node, app, id)
}

// WaitOpen waits until the server answers reads, which one without peers does at once.
func (s *Server) WaitOpen() {
	s.t.Helper()
	waitOpen(s.t, s.URL, s.Node)
}

// Conn returns direct access to the server.
func (s *Server) Conn() *client.API {
	s.t.Helper()
	return connect(s.t, client.Config{Servers: []string{s.URL}})
}
