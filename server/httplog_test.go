package server_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/server"
)

// A fullListener accepts nothing, as if the process had as many files open as it may.
type fullListener struct {
	once   sync.Once
	closed chan struct{}
}

func (l *fullListener) Accept() (net.Conn, error) {
	select {
	case <-l.closed:
		return nil, net.ErrClosed
	default:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
}

func (l *fullListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *fullListener) Addr() net.Addr { return &net.TCPAddr{} }

// Whoever is on call reads that no file is left for another connection, once a minute.
func TestTooManyOpenFilesAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		srv, err := server.New(server.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Second)
		defer cancel()
		if err := srv.Serve(ctx, &fullListener{closed: make(chan struct{})}); err != nil {
			t.Errorf("Serve() = %v", err)
		}
		if n := strings.Count(out.String(), "too many open files"); n != 3 {
			t.Errorf("reported %d times in 150 s, want 3:\n%s", n, &out)
		}
		if !strings.Contains(out.String(), "ulimit -n") {
			t.Errorf("no word of what to do:\n%s", &out)
		}
	})
}
