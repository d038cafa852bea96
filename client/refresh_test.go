package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

const (
	getApps  = "GET /eureka/apps/"
	getDelta = "GET /eureka/apps/delta"
)

var up = heureka.StatusUp

// refreshes counts what the hooks tell.
func refreshes(cfg *client.Config) *journal[client.RefreshInfo] {
	seen := new(journal[client.RefreshInfo])
	cfg.Hooks.Refresh = seen.add
	return seen
}

func TestRefreshByDelta(t *testing.T) { // C-RF-1, C-RF-13, C-ST-9
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		eureka.put(inst("b", "1", heureka.StatusDown))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		synctest.Wait()
		if got := c.Snapshot(); got.Len() != 2 || got.Hash() != "DOWN_1_UP_1_" || got.Source() != client.FromServer {
			t.Errorf("after start: %d instances, hash %s, from %s", got.Len(), got.Hash(), got.Source())
		}
		if got := c.Stats().LastFetch; !got.Equal(time.Now()) { // the first fetch counts
			t.Errorf("last fetch %v, now it is %v", got, time.Now())
		}
		eureka.put(inst("a", "2", up))
		eureka.remove(heureka.Key{App: "B", ID: "1"})
		sleep(31 * time.Second)
		if got := ids(c.Instances(client.App("a"))); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("a = %v", got)
		}
		if got := c.Snapshot().Apps(); !slices.Equal(got, []string{"A"}) {
			t.Errorf("applications = %v", got)
		}
		if diff := cmp.Diff([]string{getApps, getDelta}, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
	})
}

// TestWhenToFetchTheWhole is C-RF-2, C-RF-6 and C-RF-7: what two refreshes ask for.
func TestWhenToFetchTheWhole(t *testing.T) {
	deltaAnswers := func(h http.HandlerFunc) func(*fake) {
		return func(f *fake) {
			f.interfere(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/delta") {
					return false
				}
				h(w, r)
				return true
			})
		}
	}
	one := func(f *fake) { f.put(inst("a", "1", up)) }
	tests := []struct {
		name string
		cfg  client.Config
		prep func(*fake)
		want []string
	}{
		{"delta", client.Config{}, one, []string{getApps, getDelta}},
		{"empty copy", client.Config{}, func(*fake) {}, []string{getApps, getApps}},
		{"delta disabled here", client.Config{DisableDelta: true}, one, []string{getApps, getApps}},
		{"C-VP-7 only a VIP", client.Config{OnlyVIP: "a"}, one, []string{"GET /eureka/vips/a", "GET /eureka/vips/a"}},
		{"C-RR-1 regions", client.Config{RemoteRegions: []string{"x", "w"}}, one, []string{getApps + "?regions=w,x", getDelta + "?regions=w,x"}},
		{"delta 403", client.Config{}, deltaAnswers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }), []string{getApps, getDelta, getApps}},
		{"delta 404 with HTML", client.Config{}, deltaAnswers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(404)
			_, _ = io.WriteString(w, "<html>no</html>")
		}), []string{getApps, getDelta, getApps}},
		{"delta without a body", client.Config{}, deltaAnswers(func(http.ResponseWriter, *http.Request) {}), []string{getApps, getDelta, getApps}},
		{"hash differs", client.Config{}, func(f *fake) { f.badHash = true }, []string{getApps, getDelta, getApps}},
		{"C-RF-3 version -1", client.Config{}, func(f *fake) {
			f.interfere(func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write(document([]*heureka.Instance{inst("a", "1", up)}, -1, "UP_1_"))
				return true
			})
		}, []string{getApps, getApps}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				if !strings.Contains(tt.name, "empty") {
					one(eureka)
				}
				tt.prep(eureka)
				tt.cfg.Servers = []string{url("eureka")}
				c := w.client(tt.cfg)
				w.run(c)
				sleep(31 * time.Second)
				if diff := cmp.Diff(tt.want, eureka.requests()); diff != "" {
					t.Errorf("requests (-want +got):\n%s", diff)
				}
				if got := len(c.Instances(client.App("a"))); got != 1 && tt.name != "empty copy" {
					t.Errorf("%d instances", got)
				}
				if got := c.Stats(); got.FetchFailures != 0 || got.Fetches != 2 {
					t.Errorf("stats = %+v", got)
				}
			})
		})
	}
}

// TestFailedFetchKeepsTheCopy is C-RF-10, C-RF-5 and G-RQ-2, for everything that can go wrong with an answer.
func TestFailedFetchKeepsTheCopy(t *testing.T) {
	for how, disableDelta := range map[string]bool{"full": true, "delta": false} {
		for name, fault := range faults {
			t.Run(how+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { failFetches(t, disableDelta, fault) })
			})
		}
	}
}

func failFetches(t *testing.T, disableDelta bool, fault func(http.ResponseWriter, *http.Request) bool) {
	w := newWorld(t)
	eureka := w.server("eureka")
	eureka.put(inst("a", "1", up))
	cfg := client.Config{Servers: []string{url("eureka")}, DisableDelta: disableDelta}
	seen := refreshes(&cfg)
	c := w.client(cfg)
	w.run(c)
	sleep(time.Second)
	before := c.Snapshot()
	eureka.interfere(fault)
	sleep(5 * time.Minute)
	if c.Snapshot() != before {
		t.Error("the copy has changed")
	}
	if got := seen.take(); len(got) < 3 || got[len(got)-1].Err == nil {
		t.Errorf("refreshes: %+v", got)
	}
	eureka.put(inst("a", "2", up))
	eureka.interfere(nil)
	sleep(5*time.Minute + time.Second) // the longest pause
	if got := ids(c.Instances(client.App("A"))); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("afterwards: %v", got)
	}
}

func TestEmptyRegistryEmptiesTheCopy(t *testing.T) { // C-RF-11
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}, DisableDelta: true})
		w.run(c)
		sleep(time.Second)
		eureka.remove(heureka.Key{App: "A", ID: "1"})
		sleep(31 * time.Second)
		if got := c.Snapshot(); got.Len() != 0 || got.Generation() != 2 {
			t.Errorf("%d instances, generation %d", got.Len(), got.Generation())
		}
	})
}

// TestMismatchWithoutWhole is G-CA-3: the delta counts until the whole can be fetched.
func TestMismatchWithoutWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		cfg := client.Config{Servers: []string{url("eureka")}}
		seen := refreshes(&cfg)
		c := w.client(cfg)
		w.run(c)
		sleep(time.Second)
		eureka.put(inst("a", "2", up))
		eureka.mu.Lock()
		eureka.badHash = true
		eureka.mu.Unlock()
		eureka.interfere(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/delta") {
				return false
			}
			w.WriteHeader(500)
			return true
		})
		eureka.requests()
		sleep(30 * time.Second)
		if got := ids(c.Instances(client.App("A"))); !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("after the mismatch: %v", got)
		}
		eureka.interfere(nil)
		sleep(30 * time.Second)
		want := []string{getDelta, getApps, getApps, getApps} // a second try at the one server, then the next cycle
		if diff := cmp.Diff(want, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if got := seen.take(); got[2].Err != nil || !got[2].Full || got[2].Mismatch || !got[1].Mismatch || got[1].Err == nil {
			t.Errorf("refreshes: %+v", got)
		}
	})
}

// TestSwitchOfServerFetchesTheWhole is G-FO-2.
func TestSwitchOfServerFetchesTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		servers := map[string]*fake{"s1": w.server("s1"), "s2": w.server("s2")}
		for _, f := range servers {
			f.put(inst("a", "1", up))
		}
		c := w.client(client.Config{Servers: []string{url("s1"), url("s2")}})
		w.run(c)
		sleep(31 * time.Second)
		first, second := servers["s1"], servers["s2"]
		if c.Stats().QueryServer == url("s2") {
			first, second = second, first
		}
		first.interfere(answerAll(503))
		sleep(60 * time.Second)
		if diff := cmp.Diff([]string{getApps, getDelta, getDelta}, first.requests()); diff != "" {
			t.Errorf("requests to the first (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{getApps, getDelta}, second.requests()); diff != "" {
			t.Errorf("requests to the second (-want +got):\n%s", diff)
		}
	})
}

func TestUnchangedAnswers(t *testing.T) {
	for name, disableDelta := range map[string]bool{"full": true, "delta": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				eureka := w.server("eureka")
				eureka.etags = true
				eureka.put(inst("a", "1", up))
				cfg := client.Config{Servers: []string{url("eureka")}, DisableDelta: disableDelta}
				seen := refreshes(&cfg)
				c := w.client(cfg)
				w.run(c)
				sleep(100 * time.Second)
				eureka.put(inst("a", "2", up))
				sleep(30 * time.Second)
				if got := ids(c.Instances(client.App("A"))); !slices.Equal(got, []string{"1", "2"}) {
					t.Errorf("copy = %v", got)
				}
				var unchanged []bool
				for _, i := range seen.take() {
					unchanged = append(unchanged, i.Unchanged)
					if i.Err != nil {
						t.Errorf("refresh: %v", i.Err)
					}
				}
				if !slices.Equal(unchanged, []bool{false, true, true, true, false}) {
					t.Errorf("unchanged = %v", unchanged)
				}
			})
		})
	}
}

// TestTagsOfOtherStatesAreNotSent: a tag stands for the copy, or for the delta that led to it, and for one server.
func TestTagsOfOtherStatesAreNotSent(t *testing.T) {
	tags := func(f *fake) []bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		var sent []bool
		for _, tag := range f.tags {
			sent = append(sent, tag != "")
		}
		f.tags = nil
		return sent
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		servers := map[string]*fake{url("s1"): w.server("s1"), url("s2"): w.server("s2")}
		for _, f := range servers {
			f.etags = true
			f.put(inst("a", "1", up))
		}
		c := w.client(client.Config{Servers: []string{url("s1"), url("s2")}})
		w.run(c)
		sleep(91 * time.Second)
		first := servers[c.Stats().QueryServer]
		if got := tags(first); !slices.Equal(got, []bool{false, false, true, true}) { // whole, delta, the same delta twice
			t.Errorf("tags sent at the start: %v", got)
		}
		first.remove(heureka.Key{App: "A", ID: "1"})
		sleep(60 * time.Second)
		if got := tags(first); !slices.Equal(got, []bool{true, false}) { // delta, then whole because nothing is left
			t.Errorf("tags sent after a change: %v", got)
		}
		first.interfere(answerAll(503))
		sleep(70 * time.Second)
		second := servers[c.Stats().QueryServer]
		if got := tags(second); second == first || len(got) < 2 || got[0] || got[1] {
			t.Errorf("tags sent to another server: %v", got)
		}
	})
}

func TestRefreshOnRequest(t *testing.T) { // G-CA-4
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		stop := w.run(c)
		sleep(time.Second)
		eureka.requests()
		eureka.interfere(func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(time.Second)
			return false
		})
		errs := make(chan error)
		for range 10 {
			go func() { errs <- c.Refresh(t.Context()) }()
		}
		for range 10 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if got := len(eureka.requests()); got > 2 {
			t.Errorf("10 refreshes took %d requests", got)
		}
		eureka.interfere(answerAll(500))
		if err := c.Refresh(t.Context()); err == nil {
			t.Error("no error from a refresh that failed")
		}
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Refresh = %v, want the context's error", err)
		}
		synctest.Wait()
		go func() { errs <- c.Refresh(t.Context()) }()
		synctest.Wait()
		_ = stop()
		if err := <-errs; err == nil {
			t.Error("a refresh outlived the client")
		}
		if err := c.Refresh(t.Context()); !errors.Is(err, client.ErrStopped) {
			t.Errorf("Refresh after the end = %v", err)
		}
	})
}

func TestLogDeltaDiff(t *testing.T) { // C-RF-8
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		var log safeBuffer
		c := w.client(client.Config{Servers: []string{url("eureka")}, LogDeltaDiff: true, Logger: log.logger()})
		w.run(c)
		sleep(time.Second)
		eureka.mu.Lock() // changes that no delta tells
		eureka.records[heureka.Key{App: "B", ID: "7"}] = inst("b", "7", up)
		eureka.mu.Unlock()
		sleep(30 * time.Second)
		if got := log.String(); !strings.Contains(got, "how=missing app=B id=7 status=UP") {
			t.Errorf("log:\n%s", got)
		}
		eureka.requests()
		sleep(30 * time.Second)
		if diff := cmp.Diff([]string{getDelta}, eureka.requests()); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
	})
}
