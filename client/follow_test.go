package client_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// followed is a node and a client that follows it.
func followed(t *testing.T, cfg client.Config, configure func(*server.Config), test func(t *testing.T, n *heurekatest.Node, c *client.Client)) {
	synctest.Test(t, func(t *testing.T) {
		cl := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Configure: func(_ string, s *server.Config) {
			s.ServiceURLs, s.RegisterWithEureka = nil, new(false)
			if configure != nil {
				configure(s)
			}
		}})
		c, _ := member(t, cl, "app", cfg)
		sleep(time.Second)
		test(t, cl.Node("a"), c)
	})
}

// waits returns how long it takes until the client knows so many instances of ORDERS.
func waits(c *client.Client, n int) time.Duration {
	began := time.Now()
	for len(c.Instances(client.App("orders"))) != n && time.Since(began) < 5*time.Minute {
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began)
}

// What is registered at a heureka server is known to its clients within a second, by a delta; where nobody tells them, at the next
// fetch.
func TestClientsHearOfChanges(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg       client.Config
		configure func(*server.Config)
		watching  bool
	}{
		"watching":        {watching: true},
		"VIP":             {cfg: client.Config{OnlyVIP: "orders"}, watching: true},
		"no deltas":       {cfg: client.Config{DisableDelta: true}, watching: true},
		"not wanted":      {cfg: client.Config{DisableWatch: true}},
		"read-only cache": {configure: func(s *server.Config) { s.UseReadOnlyResponseCache = new(true) }},
		"no limit":        {configure: func(s *server.Config) { s.Limits.Watchers = -1 }, watching: true},
	} {
		t.Run(name, func(t *testing.T) {
			followed(t, tt.cfg, tt.configure, func(t *testing.T, n *heurekatest.Node, c *client.Client) {
				if got := c.Stats().Watching; got != tt.watching {
					t.Errorf("Watching = %v", got)
				}
				for i := 1; i <= 3; i++ {
					in := inst("orders", fmt.Sprint(i), heureka.StatusUp)
					in.VIPAddress = "orders"
					n.Register(in)
					if took := waits(c, i); (took < time.Second) != tt.watching || took > time.Minute+time.Second {
						t.Errorf("change %d took %v", i, took)
					}
					sleep(10 * time.Second)
				}
			})
		})
	}
}

// Many changes are fetched together, twice a second at most, and nobody fetches more often while there are none.
func TestNewsIsFetchedInTurn(t *testing.T) {
	followed(t, client.Config{}, nil, func(t *testing.T, n *heurekatest.Node, c *client.Client) {
		n.Register(inst("orders", "0", heureka.StatusUp))
		sleep(time.Second)
		before := c.Stats().Fetches
		for i := range 200 {
			n.Register(inst("orders", fmt.Sprint(i+1), heureka.StatusUp))
			sleep(50 * time.Millisecond)
		}
		sleep(time.Second)
		if got := c.Stats().Fetches - before; got < 15 || got > 22 {
			t.Errorf("%d fetches in 11 s with 20 changes a second, want 2 a second", got)
		}
		if n := len(c.Instances(client.App("orders"))); n != 201 {
			t.Errorf("%d instances are known of 201", n)
		}
		before = c.Stats().Fetches
		sleep(5 * time.Minute)
		if got := c.Stats().Fetches - before; got > 12 {
			t.Errorf("%d fetches in five minutes without a change", got)
		}
		if full := c.Stats().FullFetches; full > 2 {
			t.Errorf("%d fetches of everything", full)
		}
	})
}

// A client whose server ends finds another one before its next refresh, and hears from that.
func TestFollowingGoesOnAtAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 5})
		sleep(time.Minute)
		c, _ := member(t, cl, "app", client.Config{})
		if err := c.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		sleep(time.Second)
		first := c.Stats().QueryServer
		for i, url := range cl.URLs() {
			if url == first {
				cl.Node(string(rune('a' + i))).Kill()
			}
		}
		sleep(20 * time.Second)
		if s := c.Stats(); s.QueryServer == first || !s.Watching {
			t.Fatalf("20 seconds after the end of %s: at %s, watching %v", first, s.QueryServer, s.Watching)
		}
		for i, url := range cl.URLs() {
			if url != first {
				cl.Node(string(rune('a' + i))).Register(inst("orders", "x", heureka.StatusUp))
				break
			}
		}
		if took := waits(c, 1); took > 2*time.Second {
			t.Errorf("a change took %v at the next server", took)
		}
	})
}

// A server that offers to tell of changes and then does not, or tells nonsense, costs a request now and then and nothing else.
func TestServersThatOnlyOffer(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"404":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) },
		"503":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) },
		"a page":  func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("<html>")) },
		"silence": func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"nonsense": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Write(make([]byte, 1<<20))
		},
		"an end at once": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Write([]byte("event: change\n\n"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				f := w.server("eureka")
				f.interfere(func(rw http.ResponseWriter, r *http.Request) bool {
					rw.Header().Set("X-Heureka-Version", "1")
					if r.URL.Path != "/heureka/v1/watch" {
						return false
					}
					answer(rw, r)
					return true
				})
				c := w.client(client.Config{Servers: []string{url("eureka")}})
				stop := w.run(c)
				sleep(10 * time.Minute)
				if s := c.Stats(); s.Fetches < 20 || s.FetchFailures != 0 {
					t.Errorf("%d fetches of which %d failed", s.Fetches, s.FetchFailures)
				}
				if n := len(f.requests()); n > 600 {
					t.Errorf("%d requests in ten minutes", n)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
