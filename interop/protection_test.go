//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A loss is a fleet of which a part falls silent at once, told to a heureka node and to a Java server at the same time.
type loss struct {
	name            string
	clients, silent int
	every           time.Duration // interval of all clients; leases last three
	fast            time.Duration // at which the first client beats, if not 0
	left            int           // instances on heureka in the end
}

// losses are the stories of docs/self-preservation.md that fit into some minutes of real time.
var losses = []loss{
	{name: "1 of 4", clients: 4, silent: 1, every: 30 * time.Second, left: 3},
	{name: "2 of 10", clients: 10, silent: 2, every: 30 * time.Second, left: 10},
	{name: "10 of 20", clients: 20, silent: 10, every: 30 * time.Second, left: 20},
	{name: "36 of 40, and one of the rest beats 12 times a second", clients: 40, silent: 36, every: 30 * time.Second, fast: time.Second / 12, left: 40},
	{name: "10 of 20 with leases of 6 s", clients: 20, silent: 10, every: 2 * time.Second, left: 20},
}

// TestProtection tells what becomes of the silent instances on either server. What the Java server does is told, not
// demanded. It takes nine minutes of waiting, so it is for the night:
//
//	INTEROP_NIGHTLY=1 go test -tags interop -timeout 30m -parallel 5 -v -run TestProtection ./interop/...
func TestProtection(t *testing.T) {
	nightly(t)
	for _, l := range losses {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			f := newLossFleet(t, l)
			f.run(t, 150*time.Second, nil)
			f.silent = l.silent
			died := time.Now()
			var told [2][]string
			last := f.counts(t)
			f.run(t, 6*time.Minute, func() {
				for i, n := range f.counts(t) {
					if n != last[i] {
						last[i] = n
						told[i] = append(told[i], fmt.Sprintf("%d after %.0f s", n, time.Since(died).Seconds()))
					}
				}
			})
			logf("%s silent: heureka %s; Java 2025 %s", l.name, toldOf(told[0], l), toldOf(told[1], l))
			if last[0] != l.left {
				t.Errorf("heureka lists %d of %d instances in the end, want %d", last[0], l.clients, l.left)
			}
		})
	}
}

func toldOf(told []string, l loss) string {
	if len(told) == 0 {
		return fmt.Sprintf("keeps all %d", l.clients)
	}
	return "has " + strings.Join(told, ", ")
}

// A lossFleet sends the same heartbeats to both servers.
type lossFleet struct {
	loss
	servers [2]*server // heureka, Java
	keys    []key
	due     []time.Time
	silent  int // the last so many
}

func newLossFleet(t *testing.T, l loss) *lossFleet {
	settings := []string{
		"--eureka.server.enable-self-preservation=true", "--eureka.server.eviction-interval-timer-in-ms=5000",
		"--eureka.server.renewal-threshold-update-interval-ms=900000", "--eureka.client.register-with-eureka=false",
	}
	f := &lossFleet{loss: l}
	for i, gen := range []string{heurekaGen, "2025"} {
		f.servers[i] = startServer(t, gen, settings...)
	}
	for i := range l.clients {
		k := key{app: "ORDERS", id: fmt.Sprint("i", i)}
		f.keys = append(f.keys, k)
		f.due = append(f.due, time.Now().Add(l.every*time.Duration(i)/time.Duration(l.clients)))
		for _, s := range f.servers {
			rec := record(k, 8080, int(3*l.every/time.Second), nil)
			rec["leaseInfo"].(map[string]any)["renewalIntervalInSecs"] = int(l.every / time.Second)
			eventually(t, limit, func() error { return register(s.url, k, rec) })
		}
	}
	return f
}

// run sends heartbeats for so long, and calls check every second.
func (f *lossFleet) run(t *testing.T, d time.Duration, check func()) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end, next := time.Now().Add(d), time.Now()
	for now := range tick.C {
		if now.After(end) {
			return
		}
		for i := range len(f.keys) - f.silent {
			if now.After(f.due[i]) {
				f.beat(t, i)
			}
		}
		if check != nil && now.After(next) {
			next = now.Add(time.Second)
			check()
		}
	}
}

// beat sends one heartbeat to both. A client that is not known any more does not come back here: it would hide that it was
// evicted.
func (f *lossFleet) beat(t *testing.T, i int) {
	f.due[i] = f.due[i].Add(f.every)
	if i == 0 && f.fast > 0 {
		f.due[i] = time.Now().Add(f.fast)
	}
	for n, s := range f.servers {
		if err := renew(s.url, f.keys[i]); err != nil && n == 0 {
			t.Errorf("%s evicted %s, which is alive: %v", s.name, f.keys[i], err)
		}
	}
}

// counts returns how many instances each server lists.
func (f *lossFleet) counts(t *testing.T) (n [2]int) {
	for i, s := range f.servers {
		all, err := apps(s.url)
		if err != nil {
			t.Fatal(err)
		}
		n[i] = len(names(all))
	}
	return n
}
