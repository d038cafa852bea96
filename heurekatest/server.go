package heurekatest

import (
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

// A Server is a real node on a free port of the loopback interface.
type Server struct {
	URL  string // service URL, "http://127.0.0.1:41234/eureka/"
	Node *server.Server

	stop context.CancelFunc
	done sync.WaitGroup
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
	s := &Server{URL: "http://" + ln.Addr().String() + cfg.ContextPath + "/eureka/", Node: node}
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
func (s *Server) Has(app, id string) bool {
	_, ok := s.Node.Instance(heureka.Key{App: heureka.AppName(app), ID: id})
	return ok
}

// Logger returns a logger into the test's output.
func Logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(testOutput{t}, nil))
}

// testOutput writes log lines through t.Log, so that they belong to the test that caused them.
type testOutput struct{ t testing.TB }

func (o testOutput) Write(p []byte) (int, error) {
	o.t.Log(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}
