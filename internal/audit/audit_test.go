package audit

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
)

// A scripted writer fails as often as it is told, after the first bytes of a line.
type scripted struct {
	mu    sync.Mutex
	fails int
	text  strings.Builder
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		n, _ := s.text.Write(p[:3])
		return n, errors.New("no space left on device")
	}
	return s.text.Write(p)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A line that fails in its middle is completed, and no later one comes before it.
func TestLinesAreCompleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &scripted{fails: 3}
		l := New(w, "n", quiet())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		l.Add(Entry{Action: "first"})
		l.Add(Entry{Action: "<second>"})
		synctest.Wait()
		if !l.Failing(time.Now()) {
			t.Error("it does not say that it fails")
		}
		time.Sleep(time.Minute)
		if l.Failing(time.Now()) {
			t.Error("it still says that it fails")
		}
		cancel()
		<-done
		const want = `{"time":"0001-01-01T00:00:00Z","node":"n","action":"first","outcome":""}` + "\n" + `{"time":"0001-01-01T00:00:00Z","node":"n","action":"<second>","outcome":""}` + "\n"
		if got := w.text.String(); got != want {
			t.Errorf("written %s, want %s", got, want)
		}
		if got, want := l.Stats(), (Stats{Written: 2, Errors: 3}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// What does not fit is counted, and nobody waits; at the end each line that is left is tried once.
func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(&scripted{fails: 1 << 30}, "n", quiet())
		for range queued + 10 {
			l.Add(Entry{})
		}
		if got := l.Stats().Dropped; got != 10 || !l.Failing(time.Now()) {
			t.Errorf("%d dropped, want 10; failing: %v", got, l.Failing(time.Now()))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l.Run(ctx)
		if got, want := l.Stats(), (Stats{Dropped: queued + 10, Errors: queued}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// No log takes everything and never fails.
func TestNoLog(t *testing.T) {
	var l *Log
	l.Add(Entry{})
	if l.Failing(time.Now()) {
		t.Error("it fails")
	}
}

// Each line is one message to syslog, over UDP and TCP.
func TestSyslog(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no syslog")
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	got := make(chan string, 2)
	go func() {
		b := make([]byte, 1000)
		n, _, _ := packets.ReadFrom(b)
		got <- string(b[:n])
	}()
	go func() {
		conn, err := stream.Accept()
		if err != nil {
			return
		}
		b, _ := io.ReadAll(conn)
		got <- string(b)
	}()
	for _, place := range []string{"syslog://" + packets.LocalAddr().String(), "syslog+tcp://" + stream.Addr().String()} {
		w, err := Syslog(place)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, `{"action":"x"}`+"\n"); err != nil {
			t.Fatal(err)
		}
		w.Close()
		if text := <-got; !strings.HasPrefix(text, "<85>") || !strings.HasSuffix(text, `]: {"action":"x"}`+"\n") {
			t.Errorf("%s: %q", place, text)
		}
	}
}

// The state of an instance is what decides where traffic goes; ports that are off are no part of it.
func TestStateOf(t *testing.T) {
	in := &heureka.Instance{Status: heureka.StatusOutOfService, OverriddenStatus: heureka.StatusOutOfService, HostName: "h", IPAddr: "10.0.0.1", VIPAddress: "v",
		Port: heureka.Port{Number: 80}, SecurePort: heureka.Port{Number: 443, Enabled: true}, HomePageURL: "http://u:p@h/", Metadata: heureka.Metadata{{Key: "k", Value: "v"}}}
	if diff := cmp.Diff(&State{Status: "OUT_OF_SERVICE", Override: "OUT_OF_SERVICE", HostName: "h", IPAddr: "10.0.0.1", SecurePort: 443, VIP: "v"}, StateOf(in)); diff != "" {
		t.Error(diff)
	}
	in = &heureka.Instance{Status: heureka.StatusUp, Port: heureka.Port{Number: 80, Enabled: true}, SecurePort: heureka.Port{Number: 443}}
	if diff := cmp.Diff(&State{Status: "UP", Port: 80}, StateOf(in)); diff != "" {
		t.Error(diff)
	}
	if StateOf(nil) != nil {
		t.Error("nothing has a state")
	}
}

// blocked writes when it is let go.
type blocked struct{ free chan struct{} }

func (b blocked) Write(p []byte) (int, error) {
	<-b.free
	return len(p), nil
}

// A write that takes long counts as failing, until it is over.
func TestBlockedWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := blocked{make(chan struct{})}
		l := New(w, "n", quiet())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); l.Run(ctx) }()
		l.Add(Entry{})
		for _, step := range []struct {
			after time.Duration
			want  bool
		}{{0, false}, {stalled, false}, {time.Millisecond, true}, {time.Hour, true}} {
			time.Sleep(step.after)
			synctest.Wait()
			if got := l.Failing(time.Now()); got != step.want {
				t.Errorf("after another %v: %v", step.after, got)
			}
		}
		close(w.free)
		synctest.Wait()
		if l.Failing(time.Now()) || l.Stats().Written != 1 {
			t.Errorf("afterwards: %v, %+v", l.Failing(time.Now()), l.Stats())
		}
		cancel()
		<-done
	})
}
