package replication_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// S-REPL-1, S-REPL-2, S-PEER-3: what a client does reaches every peer at once, by one hop, and goes no further.
func TestRepl1OneHop(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"a", "b", "c"})
		b := r.start("b", []string{"a", "b", "c"})
		c := r.start("c", []string{"a", "b", "c"}, java)
		r.wait(time.Second)
		steps := []struct {
			do   func()
			want string
		}{
			{func() { a.register("1") }, "Register 1"},
			{func() { a.override("1", heureka.StatusOutOfService) }, "StatusUpdate 1"},
			{func() {
				_ = a.reg.ClearOverride(keyOf("1"), heureka.StatusUp, 0, registry.FromClient, time.Now())
				a.peers.Add(wire.DeleteStatusOverride, keyOf("1"), time.Now())
			}, "DeleteStatusOverride 1"},
			{func() { a.cancel("1") }, "Cancel 1"},
		}
		for _, s := range steps {
			s.do()
			r.wait(20 * time.Millisecond) // far below the reference's half second (S-DISP-7)
			for _, n := range []*node{b, c} {
				if got := n.got(); !cmp.Equal(got, []string{s.want}) {
					t.Errorf("%s received %q, want %s", n.name, got, s.want)
				}
			}
			if !agree(a, b) || a.statusOf("1") != c.statusOf("1") {
				t.Errorf("after %s: a %s, b %s, c %s", s.want, a.statusOf("1"), b.statusOf("1"), c.statusOf("1"))
			}
		}
		r.wait(time.Minute)
		if got := append(a.got(), c.got()...); len(got) > 0 {
			t.Errorf("what came from a peer was sent on: %q", got)
		}
	})
}

// Heartbeats gather for half a second; whatever is urgent takes them along.
func TestHeartbeatsShareBatches(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		b := r.start("b", nil)
		for i := range 100 {
			a.register(fmt.Sprint(i))
		}
		r.wait(5 * time.Second)
		b.posts()
		for i := range 100 {
			a.renew(fmt.Sprint(i))
			time.Sleep(time.Millisecond)
		}
		r.wait(time.Second)
		if n := len(b.posts()); n != 1 {
			t.Errorf("100 heartbeats within 0.1 s took %d batches, want 1", n)
		}
	})
}

// S-BATCH-1, W-REPL-1.
func TestBatch1Request(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"u:p@b"}, func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.ClientID = "10.0.0.1" })
		b := r.start("b", nil, java)
		a.register("1")
		r.wait(time.Second)
		post := b.posts()[0]
		want := map[string]string{
			"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "gzip",
			wire.HeaderClientName: "DefaultServer", wire.HeaderClientVer: "1.0", wire.HeaderClientID: "10.0.0.1",
			wire.HeaderReplication: "", "Content-Encoding": "", replication.HeaderNode: a.peers.NodeID(),
		}
		for k, v := range want {
			if got := post.Header.Get(k); got != v {
				t.Errorf("%s: %q, want %q", k, got, v)
			}
		}
		if user, password, _ := post.BasicAuth(); user != "u" || password != "p" { // S-PEER-5
			t.Errorf("credentials %s:%s", user, password)
		}
		if u := a.status().URL; u != url("b") {
			t.Errorf("shown as %s", u)
		}
	})
}

// S-BATCH-2, W-REPL-13.
func TestBatch2Compression(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"}, func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.Compress = true })
		encodings := make(chan string, 100)
		r.serve("b", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			encodings <- req.Header.Get("Content-Encoding")
			_, _ = io.WriteString(w, `{"responseList":[]}`)
		}))
		a.register("1")
		r.wait(time.Second)
		if got := <-encodings; got != "gzip" {
			t.Errorf("encoding %q", got)
		}
	})
}

// S-DISP-11: what a peer does decides what becomes of tasks and what is shown.
func TestDisp11Peers(t *testing.T) {
	answer := func(code int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	status := func(code int) http.HandlerFunc { return answer(code, "application/json", "") }
	tests := []struct {
		name      string
		handler   http.Handler
		link      memnet.Link
		says      string
		kept      bool
		permanent bool
	}{
		{"503", status(503), memnet.Link{}, "answered 503", true, false},
		{"429", status(429), memnet.Link{}, "answered 429", true, false},
		{"502 of a proxy", status(502), memnet.Link{}, "answered 502", true, false},
		{"504 of a proxy", status(504), memnet.Link{}, "answered 504", true, false},
		{"425 again and again", status(425), memnet.Link{}, "answered 425", true, false},
		{"400", status(400), memnet.Link{}, "answered 400", false, true},
		{"S-PEER-5 401", status(401), memnet.Link{}, "answered 401", true, true},
		{"403", status(403), memnet.Link{}, "answered 403", true, true},
		{"404", status(404), memnet.Link{}, "answered 404", false, true},
		{"500", status(500), memnet.Link{}, "answered 500", false, true},
		{"redirect", http.RedirectHandler("http://b:8761/login", http.StatusFound), memnet.Link{}, "answered 302", false, true},
		{"HTML", answer(200, "text/html", "<html>hello</html>"), memnet.Link{}, "response is not from a Eureka server", false, true},
		{"nothing", answer(200, "", ""), memnet.Link{}, "response is not from a Eureka server", false, true},
		{"endless", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}), memnet.Link{}, "too large", false, true},
		{"silent", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does net/http notice that the asker hangs up
			<-r.Context().Done()
		}), memnet.Link{}, "no answer for 5s", true, false},
		{"trickle", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte(" "))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(time.Second)
			}
		}), memnet.Link{}, "no whole answer within 20s", true, false},
		{"hangs up", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }), memnet.Link{}, "EOF", true, false},
		{"resets", status(200), memnet.Link{ResetChance: 1}, "connection reset", true, false},
		{"refused", nil, memnet.Link{}, "connection refused", true, false},
		{"black hole", status(200), memnet.Link{Drop: true}, "i/o timeout", true, false},
		{"unreachable", status(200), memnet.Link{Unreachable: true}, "no route to host", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				r.net.Host("b")
				r.net.SetLink("a", "b", tt.link)
				if tt.handler != nil {
					r.serve("b", tt.handler)
				}
				a := r.start("a", []string{"u:secret@b"})
				r.wait(30 * time.Second) // the first contact, and some probes
				a.register("1")
				r.wait(25 * time.Second)
				s := a.status()
				if s.State != replication.StateFailing || s.Permanent != tt.permanent || !strings.Contains(s.Error, tt.says) {
					t.Errorf("state %s, permanent %t, error %q; want failing, %t, %q", s.State, s.Permanent, s.Error, tt.permanent, tt.says)
				}
				if kept := s.Counts.Refused == 0; kept != tt.kept {
					t.Errorf("kept %t, counts %+v", kept, s.Counts)
				}
				if n := a.logs.count("level=WARN") + a.logs.count("level=ERROR"); n != 1 {
					t.Errorf("logged %d times, want once:\n%s", n, a.logs.b.String())
				}
				if strings.Contains(a.logs.b.String()+fmt.Sprint(a.peers.Status(time.Now())), "secret") {
					t.Error("a password is shown")
				}
				if s.Failed < 2 || s.Failed > 60 {
					t.Errorf("asked %d times in 55 s", s.Failed)
				}
			})
		})
	}
}

// Design: exponential pauses, one probe at a time; and a peer that is back is used at once, whatever was queued.
func TestPeerComesBack(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		b := r.start("b", []string{"a"}, java)
		a.register("1")
		r.wait(time.Minute)
		if s := a.status(); s.State != replication.StateOK || s.Lag != 0 || s.LastSuccess.IsZero() {
			t.Fatalf("status %+v", s)
		}
		r.net.Partition([]string{"a"}, []string{"b"})
		for range 10 {
			a.renew("1")
			a.register("2")
			r.wait(30 * time.Second)
		}
		s := a.status()
		if s.State != replication.StateFailing || s.Pending != 2 || s.Lag < 4*time.Minute {
			t.Errorf("in the partition: %+v", s)
		}
		if s.Failed < 10 || s.Failed > 200 {
			t.Errorf("tried %d times in 5 minutes", s.Failed)
		}
		b.got()
		r.net.Heal()
		took := r.waitFor("a sends again", time.Minute, func() bool { return a.status().State == replication.StateOK })
		if took > 3500*time.Millisecond { // a connection attempt under way takes a second
			t.Errorf("took %v, longer than between two probes", took)
		}
		r.wait(time.Second)
		if s := a.status(); s.State != replication.StateOK || s.Pending != 0 || s.Error != "" || !b.has("2") {
			t.Errorf("after healing: %+v", s)
		}
		if w, i := a.logs.count("level=WARN"), a.logs.count("replication to peer recovered"); w > 2 || i != 1 {
			t.Errorf("logged %d warnings and %d recoveries:\n%s", w, i, a.logs.b.String())
		}
	})
}

// A node that speaks to this one is worth a try, however long the pause towards it.
func TestContactEndsAPause(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		a.register("1")
		r.net.Host("b")
		r.wait(10 * time.Minute)
		r.start("b", []string{"a"})
		took := r.waitFor("a replicates to b", time.Minute, func() bool { return a.status().State == replication.StateOK })
		if took > 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// S-SYNC-7, S-DEF-31 and S-DISP-11: a request that arrives although its answer is lost is harmless when it comes again.
func TestDuplicateDelivery(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"}, func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true })
		b := r.start("b", nil, java)
		r.wait(time.Second)
		r.net.SetLink("b", "a", memnet.Link{ResetChance: 1}) // every answer is lost
		a.register("1")
		a.register("2")
		a.override("2", heureka.StatusOutOfService)
		r.wait(2 * time.Second)
		if !b.has("1") || b.statusOf("2") != a.statusOf("2") {
			t.Fatal("the requests did not arrive")
		}
		a.cancel("1")
		r.wait(5 * time.Second)
		r.net.SetLink("b", "a", memnet.Link{})
		r.wait(30 * time.Second)
		if b.has("1") || b.statusOf("2") != "OUT_OF_SERVICE/OUT_OF_SERVICE" {
			t.Errorf("1 is there: %t, 2 is %s", b.has("1"), b.statusOf("2"))
		}
		if c := a.status().Counts; c.Retried < 3 || c.Refused+c.Overflowed > 0 {
			t.Errorf("counts %+v", c)
		}
	})
}

// S-SYNC-5, S-SYNC-7: a lost registration is healed by the next heartbeat.
func TestSync7LostRegister(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		b := r.start("b", nil, java)
		r.wait(time.Second)
		if _, err := a.reg.Register(instance("1"), registry.FromClient, time.Now()); err != nil { // never replicated
			t.Fatal(err)
		}
		a.renew("1")
		took := r.waitFor("b has 1", 5*time.Second, func() bool { return b.has("1") })
		if took > time.Second {
			t.Errorf("took %v", took)
		}
		if got, want := b.got(), []string{"Heartbeat 1", "Register 1"}; !cmp.Equal(got, want) {
			t.Errorf("b received %q", got)
		}
	})
}

// S-SYNC-6: a peer's newer record is adopted, with its override, and not replicated.
func TestSync6Adopt(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b", "c"}, func(_ *node, cfg *replication.Config, _ *http.Handler) { cfg.DisableAntiEntropy = true })
		b := r.start("b", nil, java)
		c := r.start("c", nil, java)
		a.register("1")
		r.wait(time.Second)
		b.register("1", func(in *heureka.Instance) { in.HomePageURL = "http://newer/" })
		b.override("1", heureka.StatusOutOfService)
		c.got()
		a.renew("1")
		r.wait(2 * time.Second)
		rec, _ := a.reg.Find(keyOf("1"))
		if rec.Instance().HomePageURL != "http://newer/" || a.statusOf("1") != "OUT_OF_SERVICE/OUT_OF_SERVICE" {
			t.Errorf("a has %q %s", rec.Instance().HomePageURL, a.statusOf("1"))
		}
		if got := c.got(); !cmp.Equal(got, []string{"Heartbeat 1"}) {
			t.Errorf("c received %q", got)
		}
	})
}

// S-SYNC-8: of two records the one stays that its client dated later, whenever and wherever it came.
func TestSync8LaterDateStays(t *testing.T) {
	for kind, setups := range map[string][]setup{"heureka": nil, "Java": {java}} {
		t.Run(kind, func(t *testing.T) {
			inRing(t, func(t *testing.T, r *ring) {
				a, b := r.start("a", []string{"b"}), r.start("b", []string{"a"}, setups...)
				r.net.Partition([]string{"a"}, []string{"b"})
				a.register("1", func(in *heureka.Instance) { in.LastDirtyMS, in.HomePageURL = 2000, "http://later/" })
				r.wait(time.Minute)
				b.register("1", func(in *heureka.Instance) { in.LastDirtyMS, in.HomePageURL = 1000, "http://earlier/" })
				r.wait(time.Minute)
				r.net.Heal()
				a.renew("1")
				b.renew("1")
				r.wait(time.Minute)
				for _, n := range []*node{a, b} {
					if rec, ok := n.reg.Find(keyOf("1")); !ok || rec.Instance().HomePageURL != "http://later/" {
						t.Errorf("%s has %+v", n.name, rec.Instance())
					}
				}
			})
		})
	}
}

// S-PEER-2, S-DEF-15: peers come and go without a restart; an empty or failing resolution changes nothing.
func TestPeer2Resolution(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b"})
		for _, name := range []string{"b", "c", "d"} {
			r.start(name, nil)
		}
		look := func(want ...string) {
			t.Helper()
			r.wait(time.Second)
			if diff := cmp.Diff(want, a.peerStates()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		look("b ok")
		a.urls.set(nil, url("b"), url("c"))
		look("b ok")
		r.wait(13 * time.Minute)
		look("b ok", "c ok")
		a.urls.set(nil, url("c"), url("d"))
		a.peers.Reload()
		look("c ok", "d ok")
		a.urls.set(nil)
		for range 3 {
			a.peers.Reload()
			look("c ok", "d ok")
		}
		a.urls.set(errors.New("server misbehaving"), url("b"))
		for range 3 {
			a.peers.Reload()
			look("c ok", "d ok", "b ok")
		}
		a.urls.set(nil, url("c"), "http://%zz/", url("c"))
		a.peers.Reload()
		look("c ok")
		if n := a.logs.count("level=WARN"); n != 3 {
			t.Errorf("%d warnings, want one for each trouble:\n%s", n, a.logs.b.String())
		}
	})
}

// A failing resolution is repeated sooner than a good one.
func TestResolutionIsRetried(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", nil, func(n *node, _ *replication.Config, _ *http.Handler) { n.urls.set(errors.New("no DNS yet")) })
		r.start("b", nil)
		r.wait(time.Second)
		a.urls.set(nil, url("b"))
		r.wait(time.Minute)
		if got := a.peerStates(); !cmp.Equal(got, []string{"b ok"}) {
			t.Errorf("peers %q", got)
		}
	})
}

// The queue of a removed peer is dropped, and its goroutines end.
func TestPeer2RemovedPeer(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b", "c"})
		r.net.Host("b")
		c := r.start("c", nil)
		a.register("1")
		r.wait(time.Minute)
		a.urls.set(nil, url("c"))
		a.peers.Reload()
		r.wait(time.Second)
		b := r.start("b", nil)
		r.wait(time.Minute)
		if got := b.got(); len(got) > 0 || !c.has("1") {
			t.Errorf("a removed peer received %q", got)
		}
	})
}

func TestDrain(t *testing.T) {
	inRing(t, func(t *testing.T, r *ring) {
		a := r.start("a", []string{"b", "c"})
		b := r.start("b", nil)
		r.net.Host("c") // never answers
		r.net.PartitionOneWay([]string{"a"}, []string{"c"})
		r.wait(5 * time.Second)
		r.net.SetLink("a", "b", memnet.Link{Latency: 500 * time.Millisecond})
		a.register("1")
		if err := a.peers.Drain(t.Context()); err != nil || !b.has("1") {
			t.Errorf("Drain = %v, b has 1: %t", err, b.has("1"))
		}
		a.register("2")
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := a.peers.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Drain = %v, want a time-out", err)
		}
	})
}

func TestClockSkew(t *testing.T) {
	for _, skew := range []time.Duration{0, 90 * time.Second, -time.Hour} {
		inRing(t, func(t *testing.T, r *ring) {
			a := r.start("a", []string{"b"})
			r.start("b", nil, func(n *node, _ *replication.Config, h *http.Handler) {
				inner := *h
				*h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
					inner.ServeHTTP(w, r)
				})
			})
			r.net.SetLink("a", "b", memnet.Link{Latency: 400 * time.Millisecond})
			r.net.SetLink("b", "a", memnet.Link{Latency: 400 * time.Millisecond})
			r.wait(time.Minute)
			s := a.status()
			if s.ClockSkew == nil || (*s.ClockSkew-skew).Abs() > time.Second || s.RTT < 800*time.Millisecond {
				t.Errorf("skew %v, want %v; round trip %v", s.ClockSkew, skew, s.RTT)
			}
		})
	}
}

func TestNewReportsMistakes(t *testing.T) {
	_, err := replication.New(replication.Config{MyURL: "not a URL"})
	if err == nil || !strings.Contains(err.Error(), "own URL") || !strings.Contains(err.Error(), "a store") {
		t.Errorf("New = %v", err)
	}
}
