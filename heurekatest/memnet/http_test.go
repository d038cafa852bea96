package memnet_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
)

// serve runs an HTTP server on a host until the test ends.
func serve(t *testing.T, n *memnet.Network, host string, h http.Handler) *http.Server {
	t.Helper()
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	ln := listen(t, n, host, ":80")
	done := make(chan struct{})
	go func() { defer close(done); srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return srv
}

func client(t *testing.T, n *memnet.Network, host string) *http.Client {
	t.Helper()
	tr := &http.Transport{DialContext: n.Host(host).DialContext}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func get(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// Three servers that ask each other for a virtual day: what the cluster tests need of a network.
func TestHTTPForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memnet.Network{Seed: 7, Default: memnet.Link{Latency: time.Millisecond, Jitter: time.Millisecond}}
		hosts := []string{"a", "b", "c"}
		var served, failed atomic.Int64
		var asking sync.WaitGroup
		for _, h := range hosts {
			serve(t, n, h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				served.Add(1)
				fmt.Fprint(w, r.Host, r.URL.Path)
			}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		for i, from := range hosts {
			to := hosts[(i+1)%3]
			c := client(t, n, from)
			c.Timeout = 5 * time.Second
			asking.Go(func() { ask(ctx, c, to, 30*time.Second+time.Duration(i)*time.Millisecond, &failed) })
		}
		time.Sleep(time.Hour)
		n.Partition([]string{"a"}, []string{"b", "c"})
		time.Sleep(time.Hour)
		n.Heal()
		during := failed.Load()
		asking.Wait()
		if during == 0 || failed.Load() > during+2 {
			t.Errorf("%d requests failed in the partition, %d after it", during, failed.Load()-during)
		}
		if got, want := served.Load(), int64(3*24*60*2); got < want*9/10 || got > want {
			t.Errorf("served %d requests, want about %d", got, want)
		}
	})
}

func ask(ctx context.Context, c *http.Client, to string, every time.Duration, failed *atomic.Int64) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		path := fmt.Sprintf("/%d", i)
		if body, err := get(c, "http://"+to+path); err != nil || body != to+path {
			failed.Add(1)
		}
	}
}

func TestHTTPTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(memnet.Network)
		serve(t, n, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done() // ends when the client goes away
		}))
		c := client(t, n, "b")
		c.Timeout = 3 * time.Second
		if d := elapsed(func() {
			if _, err := get(c, "http://a/"); err == nil || !strings.Contains(err.Error(), "exceeded") {
				t.Errorf("get = %v, want a time-out", err)
			}
		}); d != 3*time.Second {
			t.Errorf("time-out after %v, want 3s", d)
		}
	})
}

func TestHTTPSurvivesKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(memnet.Network)
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") })
		serve(t, n, "a", h)
		c := client(t, n, "b")
		if body, err := get(c, "http://a/"); body != "ok" {
			t.Fatalf("get = %q, %v", body, err)
		}
		n.Host("a").Kill()
		if _, err := get(c, "http://a/"); err == nil {
			t.Error("a killed host answered")
		}
		n.Host("a").Restart()
		serve(t, n, "a", h)
		if body, err := get(c, "http://a/"); body != "ok" {
			t.Errorf("get after the restart = %q, %v", body, err)
		}
	})
}

func TestHTTPLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &memnet.Network{Default: memnet.Link{BytesPerSecond: 1 << 20}}
		serve(t, n, "a", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Write(body)
		}))
		c := client(t, n, "b")
		sent := strings.Repeat("heureka ", 1<<19) // 4 MiB there and back at 1 MiB/s
		d := elapsed(func() {
			resp, err := c.Post("http://a/", "text/plain", strings.NewReader(sent))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); string(b) != sent {
				t.Errorf("echo of %d bytes is %d bytes, %v", len(sent), len(b), err)
			}
		})
		if d < 4*time.Second || d > 10*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func BenchmarkHTTP(b *testing.B) {
	n := new(memnet.Network)
	ln, err := n.Host("a").Listen(":80")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go srv.Serve(ln)
	defer srv.Close()
	c := &http.Client{Transport: &http.Transport{DialContext: n.Host("b").DialContext}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := get(c, "http://a/"); err != nil {
			b.Fatal(err)
		}
	}
}
