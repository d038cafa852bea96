package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/server"
)

// serveTCP runs srv on a port of this machine until the test ends.
func serveTCP(tb testing.TB, srv *server.Server) (addr string) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, ln) }()
	tb.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			tb.Error(err)
		}
	})
	return ln.Addr().String()
}

// openWatches begins n streams, and returns their connections when each has the mark of the whole picture.
func openWatches(tb testing.TB, addr string, n int) []net.Conn {
	tb.Helper()
	conns := make([]net.Conn, n)
	buf := make([]byte, 4<<10)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "GET /heureka/v1/watch?since=now HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
			tb.Fatal(err)
		}
		for text := ""; !strings.Contains(text, "event: whole"); {
			m, err := c.Read(buf)
			if err != nil {
				tb.Fatal(err)
			}
			text += string(buf[:m])
		}
		conns[i] = c
	}
	return conns
}

// inUse returns what the program's memory holds.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

func quietNode(tb testing.TB) *server.Server {
	tb.Helper()
	srv, err := server.New(server.Config{RegisterWithEureka: new(bool)})
	if err != nil {
		tb.Fatal(err)
	}
	return srv
}

// 1,000 watchers take less than 50 MB while they have nothing to read, and after changes. Their own side is counted too.
func TestMemoryOfWatchers(t *testing.T) {
	srv := quietNode(t)
	addr := serveTCP(t, srv)
	openWatches(t, addr, 10)
	const n = 1000
	before := inUse()
	conns := openWatches(t, addr, n)
	idle := inUse() - before
	registerDirectly(t, srv, "x")
	for _, c := range conns {
		for text := ""; !strings.Contains(text, "event: change"); {
			buf := make([]byte, 4<<10)
			m, err := c.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			text += string(buf[:m])
		}
	}
	after := inUse() - before
	t.Logf("%d watchers hold %d kB, after a change %d kB", n, idle>>10, after>>10)
	if idle > 50<<20 || after > 50<<20 {
		t.Errorf("%d watchers hold %d kB, after a change %d kB, want less than 50 MB", n, idle>>10, after>>10)
	}
}

// Watchers that stop reading cost no more than what is on its way to them.
func TestMemoryOfWatchersThatDoNotRead(t *testing.T) {
	srv := quietNode(t)
	addr := serveTCP(t, srv)
	const n = 200
	before := inUse()
	openWatches(t, addr, n)
	for i := range 6000 {
		registerDirectly(t, srv, fmt.Sprint(i%100))
	}
	// The feed keeps 4096 changes of about a kilobyte, the history 6000, whoever watches.
	held := inUse() - before
	t.Logf("%d watchers that do not read hold %d kB, with what the feed keeps", n, held>>10)
	if held > 60<<20 {
		t.Errorf("%d watchers that do not read hold %d MB", n, held>>20)
	}
}

func registerDirectly(tb testing.TB, srv *server.Server, id string) {
	body := fmt.Appendf(nil, `{"instance":{"app":"ORDERS","instanceId":%q,"hostName":"h","ipAddr":"10.0.0.1","status":"UP","lastDirtyTimestamp":%d,`+
		`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`, id, time.Now().UnixMilli())
	r := httptest.NewRequest(http.MethodPost, "/eureka/apps/ORDERS", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if w := httptest.NewRecorder(); serve(srv, w, r) != http.StatusNoContent {
		tb.Fatalf("registration answered %d", w.Code)
	}
}

// BenchmarkWatch tells how long a change takes to reach 1,000 watchers on this machine, at 20 changes a second.
func BenchmarkWatch(b *testing.B) {
	srv := quietNode(b)
	addr := serveTCP(b, srv)
	const watchers = 1000
	var sent atomic.Int64 // when the last change was made
	var mu sync.Mutex
	var delays []time.Duration
	var reading sync.WaitGroup
	conns := openWatches(b, addr, watchers)
	for _, c := range conns {
		reading.Go(func() {
			buf := make([]byte, 16<<10)
			for {
				m, err := c.Read(buf)
				if err != nil {
					return
				}
				if bytes.Contains(buf[:m], []byte("event: change")) {
					d := time.Since(time.Unix(0, sent.Load()))
					mu.Lock()
					delays = append(delays, d)
					mu.Unlock()
				}
			}
		})
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		<-tick.C
		sent.Store(time.Now().UnixNano())
		registerDirectly(b, srv, "x")
	}
	time.Sleep(100 * time.Millisecond)
	for _, c := range conns {
		c.Close()
	}
	reading.Wait()
	slices.Sort(delays)
	if len(delays) == 0 {
		b.Fatal("no watcher heard of anything")
	}
	for name, q := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
		d := delays[min(int(q*float64(len(delays))), len(delays)-1)]
		b.ReportMetric(float64(d.Microseconds())/1000, name)
	}
}

// BenchmarkHeartbeatWatched compares heartbeats at a node with a history and 1,000 watchers and at one without either, in turn, while
// both change 20 times a second: ratio is that of their medians.
func BenchmarkHeartbeatWatched(b *testing.B) {
	quiet, watched := quietNode(b), quietNode(b) // one that does not run follows no change
	openWatches(b, serveTCP(b, watched), 1000)
	r := httptest.NewRequest(http.MethodPut, "/eureka/apps/ORDERS/x", nil)
	times := map[*server.Server][]time.Duration{}
	for _, srv := range []*server.Server{quiet, watched} {
		registerDirectly(b, srv, "x")
	}
	changed := time.Now()
	for b.Loop() {
		if time.Since(changed) > 50*time.Millisecond {
			changed = time.Now()
			registerDirectly(b, quiet, "y")
			registerDirectly(b, watched, "y")
		}
		for _, srv := range []*server.Server{quiet, watched} {
			began := time.Now()
			for range 200 {
				if w := httptest.NewRecorder(); serve(srv, w, r) != http.StatusOK {
					b.Fatalf("heartbeat answered %d", w.Code)
				}
			}
			times[srv] = append(times[srv], time.Since(began))
		}
	}
	median := func(srv *server.Server) float64 {
		slices.Sort(times[srv])
		return float64(times[srv][len(times[srv])/2]) / 200
	}
	b.ReportMetric(median(watched), "ns/heartbeat")
	b.ReportMetric(median(watched)/median(quiet), "ratio")
}
