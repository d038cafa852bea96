package listener_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/listener"
)

var config = listener.Config{MaxConnections: 1000, IdleGrace: time.Minute, Stall: time.Minute, Unsent: 64 << 10}

// serve runs handler behind a listener of ours over ln, until the test ends.
func serve(t *testing.T, ln net.Listener, cfg listener.Config, handler http.HandlerFunc) *listener.Listener {
	t.Helper()
	l, err := listener.New(ln, cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: handler, ConnState: l.ConnState, ConnContext: l.ConnContext}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l
}

func tcp(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// parts is a body in pieces.
type parts struct{ net.Buffers }

func (p *parts) Take() [][]byte {
	b := p.Buffers
	p.Buffers = nil
	return b
}

func pieces(n, size int) net.Buffers {
	out := make(net.Buffers, n)
	for i := range out {
		out[i] = bytes.Repeat([]byte{byte(i)}, size)
	}
	return out
}

// sendParts answers with pieces, the way a handler does that knows nothing of the listener.
func sendParts(bufs net.Buffers) http.HandlerFunc {
	size := 0
	for _, b := range bufs {
		size += len(b)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		w.Header().Set("Content-Type", "application/json")
		w.(io.ReaderFrom).ReadFrom(&parts{append(net.Buffers(nil), bufs...)})
	}
}

// 40 pieces of 13 kB and the glue between them leave in a handful of system calls, and arrive as they are.
func TestPartsLeaveInFewSystemCalls(t *testing.T) {
	before, ok := writeCalls()
	if !ok {
		t.Skip("system calls are counted by /proc/self/io only")
	}
	var bufs net.Buffers
	for _, p := range pieces(40, 13<<10) {
		bufs = append(bufs, []byte(","), p)
	}
	ln := tcp(t)
	serve(t, ln, config, sendParts(bufs))
	want := bytes.Join(bufs, nil)
	const rounds = 20
	for range rounds {
		resp, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, %v; want %d", len(got), err, len(want))
		}
	}
	after, _ := writeCalls()
	// A request, the head with the first bytes, and what the kernel takes at a time: never one for each of the 80 parts.
	if n := (after - before) / rounds; n > 40 {
		t.Errorf("%d write calls an answer", n)
	}
}

// writeCalls returns how many write system calls this process has made.
func writeCalls() (int, bool) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(b), "syscw: ")
	line, _, _ := strings.Cut(rest, "\n")
	n, err := strconv.Atoi(line)
	return n, err == nil
}

// A peer that takes something now and then gets all of it, however long that lasts; one that takes nothing is let go.
func TestDeadlinesDependOnProgress(t *testing.T) {
	for name, send := range map[string]func(c net.Conn, b []byte) (int64, error){
		"one write": func(c net.Conn, b []byte) (int64, error) { n, err := c.Write(b); return int64(n), err },
		"parts": func(c net.Conn, b []byte) (int64, error) {
			return c.(io.ReaderFrom).ReadFrom(&parts{net.Buffers{b[:len(b)/2], b[len(b)/2:]}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				body := bytes.Repeat([]byte("x"), 600<<10)
				for _, slow := range []bool{true, false} {
					server, client, l := pipe(t)
					sent := make(chan error, 1)
					start := time.Now()
					go func() { _, err := send(server, body); sent <- err }()
					if slow {
						n, buf := 0, make([]byte, 10<<10)
						for n < len(body) {
							m, err := client.Read(buf)
							if err != nil {
								t.Fatal(err)
							}
							n += m
							time.Sleep(5 * time.Second)
						}
						if err := <-sent; err != nil {
							t.Errorf("a slow reader after %v: %v", time.Since(start), err)
						}
						if p := server.(*listener.Conn).Progress(); p.Before(start.Add(2 * time.Minute)) {
							t.Errorf("progress was last noted %v after the start", p.Sub(start))
						}
					} else if err := <-sent; !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) > 2*time.Minute || l.Stats().Stalled != 1 {
						t.Errorf("nobody reads: %v after %v, %d stalled", err, time.Since(start), l.Stats().Stalled)
					}
					server.Close()
					client.Close()
				}
			})
		})
	}
}

// A deadline that is over ends an answer at once, also one whose reader is slow; any other changes nothing.
func TestAnAnswerCanBeCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client, l := pipe(t)
		defer server.Close()
		sent := make(chan error, 1)
		go func() { _, err := server.Write(make([]byte, 4<<20)); sent <- err }()
		var reading sync.WaitGroup
		defer reading.Wait()
		defer client.Close()
		reading.Go(func() {
			for buf := make([]byte, 100); ; time.Sleep(time.Second) {
				if _, err := client.Read(buf); err != nil {
					return
				}
			}
		})
		_ = server.SetWriteDeadline(time.Now().Add(time.Second))
		_ = server.SetWriteDeadline(time.Time{})
		time.Sleep(10 * time.Second)
		if len(sent) > 0 {
			t.Fatalf("a deadline to come ended the answer: %v", <-sent)
		}
		_ = server.SetWriteDeadline(time.Unix(1, 0))
		synctest.Wait()
		if len(sent) == 0 {
			t.Error("the answer goes on")
		} else if err := <-sent; !errors.Is(err, os.ErrDeadlineExceeded) || l.Stats().Stalled != 0 {
			t.Errorf("ended with %v, %d stalled", err, l.Stats().Stalled)
		}
	})
}

// pipe returns both ends of a connection in memory, the first of which our listener accepted.
func pipe(t *testing.T) (server, client net.Conn, l *listener.Listener) {
	t.Helper()
	network := new(memnet.Network)
	ln, err := network.Host("server").Listen(":80")
	if err != nil {
		t.Fatal(err)
	}
	l, err = listener.New(ln, config)
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	client, err = network.Host("client").DialContext(context.Background(), "tcp", "server:80")
	if err != nil {
		t.Fatal(err)
	}
	server = <-accepted
	l.Close()
	return server, client, l
}

// At the limit the longest idle connection makes room, if it has been idle for long; else the new one is refused at once.
func TestTheLongestIdleConnectionMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(memnet.Network)
		ln, err := network.Host("server").Listen(":80")
		if err != nil {
			t.Fatal(err)
		}
		cfg := config
		cfg.MaxConnections = 3
		block := make(chan struct{})
		l := serve(t, ln, cfg, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/wait" {
				<-block
			}
		})
		dial := func() net.Conn {
			c, err := network.Host("client").Dial("tcp", "server:80")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			return c
		}
		ask := func(c net.Conn, path string) {
			if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		closed := func(c net.Conn) bool {
			c.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := io.Copy(io.Discard, c)
			return !errors.Is(err, os.ErrDeadlineExceeded)
		}
		busy, first, second := dial(), dial(), dial()
		ask(busy, "/wait")
		ask(first, "/")
		time.Sleep(time.Second)
		ask(second, "/")
		if early := dial(); !closed(early) || l.Stats().Refused != 1 {
			t.Errorf("a fourth connection while nobody has been idle for a minute was not refused: %+v", l.Stats())
		}
		time.Sleep(time.Minute)
		if third := dial(); closed(third) || !closed(first) || closed(second) || closed(busy) {
			t.Errorf("the longest idle connection did not make room: %+v", l.Stats())
		}
		if got := l.Stats(); got.Open != 3 || got.ClosedIdle != 1 || got.Accepted != 4 {
			t.Errorf("stats = %+v", got)
		}
		close(block)
	})
}

func TestConfigMistakesAreNamed(t *testing.T) {
	_, err := listener.New(nil, listener.Config{})
	for _, what := range []string{"connections", "stall", "unsent"} {
		if err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("New() = %v, want %q named", err, what)
		}
	}
}
