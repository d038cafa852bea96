package replication_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
)

// sync runs one round and returns what each peer gave.
func (n *node) sync() (all []replication.Copied) {
	for c := range n.peers.Sync(n.t.Context()) {
		all = append(all, c)
	}
	return all
}

// quiet keeps peers from telling a starting node anything by themselves.
func quiet(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.Linger = time.Hour }

// S-DEF-21: everything is copied, with overrides and cancellations, whatever its status.
func TestSyncFromHeureka(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil)
		for i, s := range []heureka.Status{heureka.StatusUp, heureka.StatusDown, heureka.StatusStarting, heureka.StatusOutOfService} {
			a.register(fmt.Sprint(i), func(in *heureka.Instance) { in.Status = s })
		}
		a.override("0", heureka.StatusOutOfService)
		a.register("gone")
		a.cancel("gone")
		r.wait(20 * time.Second)
		b := r.start("b", []string{"b", "a"}, quiet)
		got := b.sync()
		if len(got) != 1 || !got[0].Heureka || got[0].Instances != 4 || !got[0].Complete() || got[0].Phase != replication.PhaseOpen {
			t.Fatalf("Sync = %+v", got)
		}
		if !agree(a, b) || b.statusOf("0") != "OUT_OF_SERVICE/OUT_OF_SERVICE" || b.has("gone") {
			t.Errorf("0 is %s, gone is there: %t", b.statusOf("0"), b.has("gone"))
		}
		rec, _ := b.reg.Find(keyOf("1"))
		renewed := time.UnixMilli(rec.Lease().LastRenewalMS).Add(-90 * time.Second) // W-FLD-9
		if age := time.Since(renewed); age < 20*time.Second {
			t.Errorf("the lease was renewed by being copied, %v ago", age)
		}
		if len(a.got()) > 0 {
			t.Error("what was copied has been replicated") // S-REPL-2
		}
	})
}

// A Java server gives what it lists; a record that is here already and as new stays.
func TestSyncFromJava(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil, java)
		for i, s := range []heureka.Status{heureka.StatusUp, heureka.StatusDown, heureka.StatusOutOfService} {
			a.register(fmt.Sprint(i), func(in *heureka.Instance) { in.Status = s })
		}
		a.override("0", heureka.StatusOutOfService)
		b := r.start("b", []string{"a"}, quiet)
		r.wait(time.Minute)
		a.renew("0")
		b.register("1", func(in *heureka.Instance) { in.HomePageURL = "http://newer/" })
		got := b.sync()
		if len(got) != 1 || got[0].Heureka || got[0].Instances != 3 || got[0].Changed != 2 || !got[0].Complete() {
			t.Fatalf("Sync = %+v", got)
		}
		rec, _ := b.reg.Find(keyOf("1"))
		if rec.Instance().HomePageURL != "http://newer/" || b.statusOf("0") != a.statusOf("0") || b.reg.Len() != 3 {
			t.Errorf("1 has %q, 0 is %s, %d instances", rec.Instance().HomePageURL, b.statusOf("0"), b.reg.Len())
		}
	})
}

// A Java server does not say that it has just started: what it has then is taken, but it is no whole registry.
func TestSyncFromYoungJava(t *testing.T) {
	for name, tt := range map[string]struct {
		fill  func(a *node)
		whole bool
	}{
		"nobody":               {func(*node) {}, false},
		"all have just come":   {func(a *node) { a.register("1"); a.register("2") }, false},
		"a heartbeat is later": {func(a *node) { a.register("1"); a.wait(time.Minute); a.renew("1") }, true},
		"another is later":     {func(a *node) { a.register("1"); a.wait(time.Minute); a.register("2") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				a := r.start("a", nil, java)
				tt.fill(a)
				b := r.start("b", []string{"a"}, quiet)
				got := b.sync()
				if len(got) != 1 || got[0].Complete() != tt.whole || errors.Is(got[0].Err, heureka.ErrNotReady) == tt.whole || b.reg.Len() != a.reg.Len() {
					t.Errorf("Sync = %+v, want whole: %t", got, tt.whole)
				}
			})
		})
	}
}

// What a Java server has not heard the end of does not come back with its copy; what its client has changed since does.
func TestSyncFromJavaThatMissedACancellation(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, c := r.start("a", nil), r.start("c", nil, java)
		for _, n := range []*node{a, c} {
			n.register("same")
			n.register("changed")
		}
		a.cancel("same")
		a.cancel("changed")
		c.register("changed", func(in *heureka.Instance) { in.LastDirtyMS++ })
		b := r.start("b", []string{"a", "c"}, quiet)
		if got := b.sync(); len(got) != 2 || got[1].Instances != 2 || got[1].Changed != 1 {
			t.Errorf("Sync = %+v", got)
		}
		if b.has("same") || !b.has("changed") {
			t.Errorf("the cancelled instance is back: %t; the one registered since is there: %t", b.has("same"), b.has("changed"))
		}
	})
}

// Brief, row 4: all peers are tried, in turn, and what the others know better is merged.
func TestSyncAsksEveryPeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a, c := r.start("a", nil, java), r.start("c", nil)
		for _, n := range []*node{a, c} {
			n.register("both", func(in *heureka.Instance) { in.HomePageURL = "http://" + n.name })
			n.register("only " + n.name)
			r.wait(time.Second)
		}
		r.wait(time.Minute)
		a.renew("both")
		r.net.Host("dead")
		b := r.start("b", []string{"dead", "a", "hole", "b", "c"}, quiet)
		r.net.Host("hole")
		r.net.SetLink("b", "hole", memnet.Link{Drop: true})
		var order []string
		for copied := range b.peers.Sync(t.Context()) {
			order = append(order, fmt.Sprint(copied.Peer, " ", copied.Complete()))
			if copied.Peer == url("a") && !b.has("only a") {
				t.Error("the first answer is not taken over at once")
			}
		}
		want := []string{url("dead") + " false", url("a") + " true", url("hole") + " false", url("c") + " true"}
		if strings.Join(order, "\n") != strings.Join(want, "\n") {
			t.Errorf("asked %q, want %q", order, want)
		}
		rec, _ := b.reg.Find(keyOf("both"))
		if !b.has("only a") || !b.has("only c") || rec.Instance().HomePageURL != "http://c" {
			t.Errorf("both is from %s", rec.Instance().HomePageURL)
		}
		for copied := range b.peers.Sync(t.Context()) {
			if copied.Peer != url("dead") {
				t.Errorf("went on with %s after the caller stopped", copied.Peer)
			}
			break
		}
	})
}

// Bad peers are named, and cost bounded time.
func TestSyncFromBadPeers(t *testing.T) {
	page := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	tests := []struct {
		name     string
		handler  http.HandlerFunc
		says     string
		notReady bool
		within   time.Duration
	}{
		{"garbage", page(200, "application/json", `{"applications":`), "unreadable application/json", false, time.Second},
		{"HTML", page(200, "text/html", "<html>"), "response is not from a Eureka server", false, time.Second},
		{"nothing", page(200, "", ""), "empty answer", false, time.Second},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusFound) }, "answered 302", false, time.Second},
		{"401", page(401, "", ""), "answered 401", false, time.Second},
		{"W-GATE-1 403 of a starting Java server", page(403, "", ""), "answered 403", true, time.Second},
		{"503", page(503, "", ""), "answered 503", true, time.Second},
		{"silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer for 5s", false, 6 * time.Second},
		{"trickle", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}, "no whole answer within 2m0s", false, 121 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				r.serve("a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					_, _ = io.Copy(io.Discard, req.Body)
					if strings.HasSuffix(req.URL.Path, "/batch/") {
						_, _ = io.WriteString(w, `{"responseList":[]}`)
						return
					}
					tt.handler(w, req)
				}))
				b := r.start("b", []string{"u:secret@a"}, quiet)
				began := time.Now()
				got := b.sync()
				if len(got) != 1 || got[0].Complete() || got[0].Err == nil || !strings.Contains(got[0].Err.Error(), tt.says) {
					t.Fatalf("Sync = %+v, want an error that says %q", got, tt.says)
				}
				if errors.Is(got[0].Err, heureka.ErrNotReady) != tt.notReady || strings.Contains(fmt.Sprint(got), "secret") {
					t.Errorf("error %v", got[0].Err)
				}
				if took := time.Since(began); took > tt.within || b.reg.Len() > 0 {
					t.Errorf("took %v, got %d instances", took, b.reg.Len())
				}
			})
		})
	}
}

// A peer that keeps sending and never finishes does not hold up the next, and is left alone when the caller has enough.
func TestSyncDoesNotWaitForASlowPeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		slow := func(w http.ResponseWriter, req *http.Request) {
			for req.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}
		r.serve("slow", http.HandlerFunc(slow))
		r.serve("slower", http.HandlerFunc(slow))
		r.start("whole", nil).register("1")
		r.start("last", nil).register("2")
		b := r.start("b", []string{"slow", "slower", "whole", "last"}, quiet)
		began := time.Now()
		var order []string
		for c := range b.peers.Sync(t.Context()) {
			order = append(order, fmt.Sprint(c.Peer, " ", c.Complete(), " ", time.Since(began).Round(time.Second)))
		}
		want := []string{url("whole") + " true 6s", url("last") + " true 6s", url("slow") + " false 2m0s", url("slower") + " false 2m3s"}
		if diff := cmp.Diff(want, order); diff != "" || !b.has("1") || !b.has("2") {
			t.Errorf("answers (-want +got):\n%s", diff)
		}
		began = time.Now()
		for range b.peers.Sync(t.Context()) {
			break
		}
		if took := time.Since(began); took > 7*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
}

// While nobody has a whole registry, a peer that keeps sending does not keep the others from being asked again, and what it has
// sent in the end counts in whatever round that is.
func TestASlowPeerIsLeftBehind(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var phase atomic.Value
		phase.Store("waiting")
		ready := make(chan struct{})
		var asked atomic.Int32
		r.start("slow", nil, java, func(_ *node, _ *replication.Config, h *http.Handler) {
			plain := *h
			*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if strings.HasSuffix(req.URL.Path, "/apps/") {
					asked.Add(1)
					w = trickling(w, req, ready)
				}
				plain.ServeHTTP(w, req)
			})
		}).register("1")
		r.start("starts", nil, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Phase = func() string { return phase.Load().(string) }
		})
		b := r.start("b", []string{"slow", "starts"}, quiet)
		copier := b.peers.Copier(t.Context())
		defer copier.Close()
		round := func() (order []string) {
			began := time.Now()
			for c := range copier.Round(t.Context()) {
				order = append(order, fmt.Sprint(c.Peer, " ", c.Complete(), " ", time.Since(began).Round(time.Second)))
			}
			return order
		}
		if diff := cmp.Diff([]string{url("starts") + " false 3s", url("slow") + " false 11s"}, round()); diff != "" {
			t.Errorf("the first round (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{url("starts") + " false 0s", url("slow") + " false 8s"}, round()); diff != "" {
			t.Errorf("the second round (-want +got):\n%s", diff)
		}
		close(ready)
		r.wait(2 * time.Second)
		phase.Store(replication.PhaseOpen)
		if got := round(); len(got) != 2 || !b.has("1") || asked.Load() != 1 {
			t.Errorf("the third round brings %q; 1 is there: %t; asked %d times", got, b.has("1"), asked.Load())
		}
	})
}

// trickling holds an answer back until ready is closed, and sends a blank each second meanwhile.
func trickling(w http.ResponseWriter, req *http.Request, ready <-chan struct{}) http.ResponseWriter {
	for {
		select {
		case <-ready:
			return w
		case <-req.Context().Done():
			return w
		case <-time.After(time.Second):
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// What a node that is itself starting knows is taken, but is no complete registry.
func TestSyncFromStartingHeureka(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Phase = func() string { return "waiting" }
		})
		a.register("1")
		b := r.start("b", []string{"a"}, quiet)
		got := b.sync()
		if len(got) != 1 || !errors.Is(got[0].Err, heureka.ErrNotReady) || got[0].Phase != "waiting" || !b.has("1") {
			t.Errorf("Sync = %+v", got)
		}
	})
}

// A node that starts gets what its peers have by its copy alone; once it is open, it compares.
func TestStartingNodeIsNotToldTwice(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		var phase atomic.Value
		phase.Store("syncing")
		a := r.start("a", nil)
		a.register("1")
		b := r.start("b", []string{"a"}, func(_ *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Phase = func() string { return phase.Load().(string) }
		})
		r.wait(20 * time.Second)
		if s := b.status(); s.Exchanges > 0 || b.has("1") {
			t.Errorf("compared %d times while starting", s.Exchanges)
		}
		phase.Store(replication.PhaseOpen)
		r.waitFor("b has 1", replication.ProbeInterval*5/4+replication.SettleTime+time.Second, func() bool { return b.has("1") })
	})
}

// A node that cannot tell that a URL is its own does not copy from itself (S-BOOT-7).
func TestSyncNotFromItself(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		r.net.Alias("10.0.0.1", "a")
		r.net.SetLink("a", "a", memnet.Link{Latency: 200 * time.Millisecond}) // it copies before it has heard from itself
		a := r.start("a", []string{"10.0.0.1"}, quiet)
		a.seed("1")
		if got := a.sync(); len(got) > 0 {
			t.Errorf("Sync = %+v", got)
		}
		c := r.start("c", []string{"c"}, quiet) // known by its name, and perhaps not listening yet
		r.net.PartitionOneWay([]string{"c"}, []string{"c"})
		if got := c.sync(); len(got) > 0 {
			t.Errorf("Sync = %+v", got)
		}
	})
}

func TestSyncEndsWithItsContext(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		r.net.Host("hole")
		b := r.start("b", []string{"hole"}, quiet)
		r.net.SetLink("b", "hole", memnet.Link{Drop: true})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		for c := range b.peers.Sync(ctx) {
			t.Errorf("got %+v", c)
		}
		unresolved, err := replication.New(replicationtest.Config(replication.Config{Store: b.reg, Resolver: b.urls, Transport: r.transport("b")}))
		if err != nil {
			t.Fatal(err)
		}
		for c := range unresolved.Sync(ctx) { // Run was never called
			t.Errorf("got %+v", c)
		}
	})
}

// A record without a data centre, or worse, from a peer does not stop the copy.
func TestSyncSkipsWhatTheRegistryRefuses(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		r.serve("a", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if !strings.HasSuffix(req.URL.Path, "/apps/") {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			_, _ = io.WriteString(w, `{"applications":{"versions__delta":"1","apps__hashcode":"","application":[{"name":"APP","instance":[
				{"hostName":"x"},
				{"instanceId":"1","hostName":"h","app":"APP","ipAddr":"1","status":"UP","lastDirtyTimestamp":"1",
				"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}]}]}}`)
		}))
		b := r.start("b", []string{"a"}, quiet)
		got := b.sync()
		if len(got) != 1 || !got[0].Complete() || !b.has("1") {
			t.Errorf("Sync = %+v, b has %d", got, b.reg.Len())
		}
		for rec := range b.reg.All() {
			if rec.Instance().Key() == (heureka.Key{}) || rec.Instance().App == "" {
				t.Errorf("took %+v", rec.Instance())
			}
		}
	})
}

var _ replication.Store = (*registry.Registry)(nil)

// refusing takes no registration.
type refusing struct{ *registry.Registry }

func (refusing) Register(*heureka.Instance, registry.Origin, time.Time) (registry.Change, error) {
	return registry.Change{}, errors.New("no room")
}

// A peer that is open and cannot be copied, in whatever way, does not count as one that starts: the node stays closed and
// says why, until the wait is over.
func TestWhatCannotBeCopiedKeepsTheNodeClosed(t *testing.T) {
	broken := func(_ *node, _ *replication.Config, h *http.Handler) {
		whole := *h
		*h = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if strings.HasSuffix(req.URL.Path, "/buckets") || strings.HasSuffix(req.URL.Path, "/apps/") || strings.HasSuffix(req.URL.Path, "/apps") {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			whole.ServeHTTP(w, req)
		})
	}
	full := func(n *node, cfg *replication.Config, _ *http.Handler) { cfg.Store = refusing{n.reg} }
	for _, tt := range []struct {
		name       string
		peer, mine setup
	}{
		{"buckets and applications are refused", broken, quiet},
		{"records are refused here", java, full},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				r.start("a", nil, tt.peer).register("1")
				b := r.start("b", []string{"a"}, quiet, tt.mine)
				join := replication.Join{Began: time.Now(), Limit: 5 * time.Minute, Interval: 30 * time.Second, Lease: 90 * time.Second}
				var round replication.Round
				for _, c := range b.sync() {
					if !errors.Is(c.Err, replication.ErrUncopied) || errors.Is(c.Err, heureka.ErrNotReady) {
						t.Errorf("Err = %v", c.Err)
					}
					round.Note(&c)
				}
				why, open := join.Open(&round, new(replication.Arrivals), join.Began.Add(join.Limit-time.Second))
				if open || !strings.Contains(why, "1 have one that this node cannot accept") {
					t.Errorf("open: %t, %s", open, why)
				}
				if why, open := join.Open(&round, new(replication.Arrivals), join.Began.Add(join.Limit)); !open {
					t.Errorf("closed after the wait: %s", why)
				}
			})
		})
	}
}
