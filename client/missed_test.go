package client_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/wire"
)

// TestViewIsTheServers lets a client follow releases that replace instances and keep the counts, with pauses, server
// switches and restarts: after every refresh that succeeds the client sees what the server has.
func TestViewIsTheServers(t *testing.T) {
	for _, says := range []bool{false, true} { // how far its deltas reach back: heureka does, Java does not
		t.Run(fmt.Sprintf("reach=%v", says), func(t *testing.T) {
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			synctest.Test(t, func(t *testing.T) { follow(t, rand.New(rand.NewPCG(seed, 1)), says, steps()) })
		})
	}
}

// long makes the tests that follow a registry or make calls do so for as long as it takes to be sure: .ci/run nightly.
var long = flag.Bool("long", false, "follow for 10,000 steps, and make 10,000 calls")

// steps is how long the test follows.
func steps() int {
	if *long {
		return 10_000
	}
	return 1_000
}

func follow(t *testing.T, r *rand.Rand, says bool, steps int) {
	w := newWorld(t)
	pair := map[string]*fake{"one": w.server("one"), "two": w.server("two")}
	both := func(f func(*fake)) { f(pair["one"]); f(pair["two"]) }
	both(func(f *fake) { f.says = says })
	for i := range 5 {
		both(func(f *fake) { f.put(inst("a", strconv.Itoa(i), up)) })
	}
	c := w.client(client.Config{Servers: []string{url("one"), url("two")}, FetchInterval: time.Hour})
	w.run(c)
	synctest.Wait()
	for step := range steps {
		for range r.IntN(3) {
			release(r, pair["one"], both, step)
		}
		disturb(r, pair, says)
		sleep(time.Duration(r.Int64N(int64([]time.Duration{time.Second, time.Minute, 10 * time.Minute}[r.IntN(3)]))))
		if err := c.Refresh(t.Context()); err != nil {
			continue // both are down
		}
		if diff := cmp.Diff(states(pair["one"].view()), states(c.Snapshot().Applications())); diff != "" {
			t.Fatalf("step %d (-server +client):\n%s", step, diff)
		}
	}
}

// release replaces an instance by one of the same status, or changes its address.
func release(r *rand.Rand, f *fake, both func(func(*fake)), step int) {
	f.mu.Lock()
	all := f.all()
	f.mu.Unlock()
	old := all[r.IntN(len(all))].Clone()
	if r.IntN(2) == 0 {
		id := fmt.Sprintf("%d-%d", step, r.IntN(1000))
		both(func(f *fake) {
			f.remove(old.Key())
			f.put(inst("a", id, up))
		})
		return
	}
	old.IPAddr = fmt.Sprintf("192.0.2.%d", step%250)
	both(func(f *fake) { f.put(old) })
}

// disturb makes a server fail or recover, or start anew without memory of what changed.
func disturb(r *rand.Rand, pair map[string]*fake, restarts bool) {
	f := pair[[]string{"one", "two"}[r.IntN(2)]]
	switch r.IntN(10) {
	case 0:
		f.interfere(answerAll(503))
	case 1, 2:
		f.interfere(nil)
	case 3:
		if restarts {
			f.restart()
		}
	}
}

// restart forgets what changed, as a server does that has copied the registry of another.
func (f *fake) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes, f.began = nil, time.Now()
}

// sayReach is what heureka's servers do.
func (f *fake) sayReach(h http.Header) {
	if f.says {
		h.Set(wire.HeaderDeltaReach, strconv.Itoa(int(min(retention, time.Since(f.began))/time.Second)))
	}
}

func (f *fake) view() *heureka.Applications {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &heureka.Applications{Apps: []*heureka.Application{{Name: "A", Instances: f.all()}}}
}

// states is what callers need of the instances.
func states(doc *heureka.Applications) map[string]string {
	m := make(map[string]string)
	for _, a := range doc.Apps {
		for _, in := range a.Instances {
			m[in.ResolvedID()] = in.Status.String() + " " + in.IPAddr
		}
	}
	return m
}

// A program that was frozen for longer than servers keep changes, and came back in the middle of a refresh, does not
// apply the delta that it had asked for before.
func TestDeltaThatComesTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "old", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 80 * time.Second, HTTP: client.HTTPConfig{ReadTimeout: time.Hour}})
		w.run(c)
		sleep(79 * time.Second)
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.RequestURI == "/eureka/apps/delta" {
				eureka.remove(heureka.Key{App: "A", ID: "old"})
				eureka.put(inst("a", "new", up))
				eureka.mu.Lock()
				eureka.changes = nil // so late is it that the changes are forgotten
				eureka.mu.Unlock()
				time.Sleep(60 * time.Second)
			}
			return false
		})
		sleep(70 * time.Second)
		if diff := cmp.Diff([]string{"new"}, ids(c.Instances(client.App("a")))); diff != "" {
			t.Errorf("instances (-want +got):\n%s", diff)
		}
	})
}
