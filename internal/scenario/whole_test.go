package scenario_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/scenario"
)

// Real servers, HTTP over a network in memory, and faults from a seed. Clients have clocks of their own; the nodes share
// one, and have theirs in the exact simulation.
func TestWholeClusters(t *testing.T) {
	for seed := uint64(1); seed <= howMany(24, 4); seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("again with: go test ./internal/scenario -run 'TestWholeClusters/seed_%d$' -seeds %d", seed, seed)
				}
			}()
			synctest.Test(t, func(t *testing.T) { newWhole(t, seed).play() })
		})
	}
}

// A whole is a ring with faults from a seed.
type whole struct {
	*ring
	rng       *rand.Rand
	cancelled []heureka.Key
	next      int
}

func newWhole(t *testing.T, seed uint64) *whole {
	names := []string{"a", "b", "c"}
	w := &whole{ring: newRing(t, seed, names...), rng: rand.New(rand.NewPCG(seed, 3))}
	time.Sleep(time.Minute) // until all are open
	for range 8 {
		w.register()
	}
	return w
}

func (w *whole) register() {
	w.next++
	nodes := append([]string(nil), w.names...)
	w.rng.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
	every := []time.Duration{10 * time.Second, 30 * time.Second}[w.rng.IntN(2)]
	w.skew = []time.Duration{0, -time.Hour, time.Hour}[w.rng.IntN(3)]
	w.run(heureka.Key{App: "APP", ID: fmt.Sprintf("i%03d", w.next)}, every, nodes...)
}

// play lets faults come and go, one after the other, and looks whether all is well in the end.
func (w *whole) play() {
	for range 4 {
		heal := w.fault()
		for range 3 {
			w.step(w.upTo(40 * time.Second))
			w.change()
		}
		heal()
		w.step(w.upTo(30 * time.Second))
	}
	w.step(scenario.Agreement + 30*time.Second)
	w.converged()
}

func (w *whole) upTo(d time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(d))) }

func (w *whole) pick() string { return w.names[w.rng.IntN(len(w.names))] }

// fault begins one, and returns what ends it.
func (w *whole) fault() (heal func()) {
	a := w.pick()
	var others []string
	for _, n := range w.names {
		if n != a {
			others = append(others, n)
		}
	}
	kind := w.rng.IntN(6)
	w.t.Logf("%v: fault %d at %s", time.Now().Format(time.TimeOnly), kind, a)
	switch kind {
	case 0:
		w.c.Partition([]string{a}, others)
	case 1:
		w.c.Net.PartitionOneWay([]string{a}, others)
	case 2: // black hole: established connections fall silent
		w.c.Net.PartitionOneWay([]string{a}, others[:1])
	case 3:
		return w.link(a, others[0], memnet.Link{Latency: time.Millisecond, ResetChance: 0.2})
	case 4:
		return w.link(a, others[0], memnet.Link{Latency: time.Second, Jitter: 5 * time.Second})
	case 5:
		w.c.Node(a).Kill()
		return w.c.Node(a).Start
	}
	return w.c.Heal
}

// link makes the link between two nodes bad, both ways.
func (w *whole) link(a, b string, l memnet.Link) (heal func()) {
	out, back := w.c.Net.Link(a, b), w.c.Net.Link(b, a)
	w.c.Net.SetLink(a, b, l)
	w.c.Net.SetLink(b, a, l)
	return func() {
		w.c.Net.SetLink(a, b, out)
		w.c.Net.SetLink(b, a, back)
	}
}

// change registers or cancels an instance. One is cancelled where it was heard last, at a node that knows all of it.
func (w *whole) change() {
	if w.rng.IntN(2) == 0 {
		w.register()
		return
	}
	for _, id := range w.ids() {
		c := w.clients[id]
		node, heard := c.last()
		if w.c.Node(node).Server() != nil && w.c.Node(node).Has(id.App, id.ID) && time.Since(heard) < c.every {
			if err := w.cancel(node, id); err == nil {
				w.cancelled = append(w.cancelled, id)
			}
			return
		}
	}
}

// ids returns the clients in an order that the seed decides alone.
func (w *whole) ids() []heureka.Key {
	var all []heureka.Key
	for i := range w.next {
		if k := (heureka.Key{App: "APP", ID: fmt.Sprintf("i%03d", i+1)}); w.clients[k] != nil {
			all = append(all, k)
		}
	}
	w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// step lets time pass and looks at what must hold all the time.
func (w *whole) step(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	for _, name := range w.names {
		if w.c.Node(name).Server() == nil {
			continue
		}
		for url, p := range w.health(name).Components.Peers.Details {
			if p.Pending > w.next+len(w.names) {
				w.t.Errorf("%s has %d instances pending for %s, of %d that there ever were", name, p.Pending, url, w.next+len(w.names))
			}
		}
		w.heardHere(name)
	}
}

// heardHere: an instance that a node has just answered is listed there.
func (w *whole) heardHere(name string) {
	for id, c := range w.clients {
		_, _, since := w.c.Node(name).Server().Phase() // before it, another life of the node heard the instance
		node, heard := c.last()
		here := node == name && time.Since(heard) <= c.every && heard.After(since)
		if here && !w.c.Node(name).Has(id.App, id.ID) {
			w.t.Errorf("%s does not list %s, which it heard %v ago", name, id, time.Since(heard))
		}
	}
}

// converged: all nodes list the same, everybody who is alive and nobody who cancelled.
func (w *whole) converged() {
	want := w.c.Node("a").Server().Applications().Hash
	for _, name := range w.names {
		n := w.c.Node(name)
		if got := n.Server().Applications().Hash; got != want {
			w.t.Errorf("%s has hash %s, a has %s", name, got, want)
		}
		for id := range w.clients {
			if !n.Has(id.App, id.ID) {
				w.t.Errorf("%s does not list %s", name, id)
			}
		}
		for _, id := range w.cancelled {
			if n.Has(id.App, id.ID) {
				w.t.Errorf("%s lists %s, which was cancelled", name, id)
			}
		}
		for url, p := range w.health(name).Components.Peers.Details {
			if p.State != "ok" || p.Pending > len(w.clients) {
				w.t.Errorf("%s: peer %s is %s, %d pending", name, url, p.State, p.Pending)
			}
		}
	}
}
