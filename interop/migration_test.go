//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"
)

// TestMigration turns a ring of two reference servers into a ring of two of ours,
// one node at a time on the same ports with the same settings, under two live Spring
// applications; and, each night, back. Their calls must all succeed, and no answer of
// any node may lack an instance.
func TestMigration(t *testing.T) {
	for _, gen := range []string{"2025", "2021"} {
		t.Run(gen, func(t *testing.T) {
			t.Parallel()
			migrate(t, gen)
		})
	}
}

// patientSecs is the lease of the applications here: starting servers may keep the
// processors from them for seconds, and that is not what this test is about.
const patientSecs = 15

func migrate(t *testing.T, gen string) {
	ports := []int{freePort(t), freePort(t)}
	peers := []string{eurekaURL(ports[0]), eurekaURL(ports[1])} // the same on all nodes
	nodes := []*server{launch(t, gen, ports[0], peers), launch(t, gen, ports[1], peers)}
	for _, n := range nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	urls := peers[0] + "," + peers[1]
	patient := fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", patientSecs)
	apps := startClients(t, nodes[0], "MIGRATE",
		clientStart{spring("2025", "restclient", patient), urls}, clientStart{spring("2021", "resttemplate", patient), urls})
	if err := registerJSON(nodes[1].url, kept, 3600, nil); err != nil {
		t.Fatal(err)
	}
	keys := []key{apps[0].key, apps[1].key, kept}
	eventually(t, limit, func() error { return errors.Join(hasAll(nodes[0].url, keys), hasAll(nodes[1].url, keys)) })
	s := &story{name: "migration from " + gen}
	s.meet(t, nodes[0], apps[0], apps[1])

	w := observe(apps, keys, nodes)
	defer w.stop()
	s.takeOver(t, w, nodes, target, peers)
	// The applications have to stay registered by their heartbeats to the new ring.
	w.outlive(t)
	if os.Getenv("INTEROP_NIGHTLY") != "" { // and back
		s.takeOver(t, w, nodes, gen, peers)
		w.outlive(t)
	}
	w.stop()
	w.report(t, s)
	s.end("")
}

// takeOver replaces each node by one of another generation on the same port.
func (s *story) takeOver(t *testing.T, w *observer, nodes []*server, gen string, peers []string) {
	t.Helper()
	for i, old := range nodes {
		began := time.Now()
		old.stop(t)
		s.did(fmt.Sprintf("stopped node %d", i), time.Since(began))
		began = time.Now()
		nodes[i] = launch(t, gen, old.port, peers)
		w.replace(i, nodes[i])
		if gen == heurekaGen {
			awaitReadiness(t, nodes[i])
		}
		if err := nodes[i].awaitOpen(t); err != nil {
			t.Fatal(err)
		}
		eventually(t, limit, func() error { return hasAll(nodes[i].url, w.keys) })
		s.did(fmt.Sprintf("%s took its place, with all instances", gen), time.Since(began))
	}
}

// awaitReadiness polls the probes of a node of ours, as an orchestrator does, until it is ready. Whatever its phase, it is
// alive; one whose health says otherwise would be restarted before it has copied the registry.
func awaitReadiness(t *testing.T, node *server) {
	t.Helper()
	awaitReady(t, node.proc, func() error {
		for _, path := range []string{"", "/liveness"} {
			err := do("GET", node.url+"/actuator/health"+path, nil)
			if _, answered := errors.AsType[*statusError](err); answered {
				return &fatalError{err}
			}
		}
		return do("GET", node.url+"/actuator/health/readiness", nil)
	})
}

// An observer calls one application through another and reads every node, over and
// over, while the ring changes under them.
type observer struct {
	apps []*client
	keys []key
	end  chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex
	seats  []*seat
	calls  int
	errors []string
}

// A seat is a node's place in the ring, whoever has it at the moment.
type seat struct {
	node     *server
	complete bool // node has once listed all keys
	answers  int
	silent   int // attempts that got no registry: no node, or one not yet open
	partial  int // answers that lacked a key before the node was complete
}

func observe(apps []*client, keys []key, nodes []*server) *observer {
	o := &observer{apps: apps, keys: keys, end: make(chan struct{})}
	for _, n := range nodes {
		o.seats = append(o.seats, &seat{node: n})
	}
	o.done.Go(func() { o.every(200*time.Millisecond, o.call) })
	for i := range nodes {
		o.done.Go(func() { o.every(100*time.Millisecond, func() { o.read(i) }) })
	}
	return o
}

func (o *observer) every(interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-o.end:
			return
		case <-tick.C:
			do()
		}
	}
}

// stop ends the observation; it may be called again.
func (o *observer) stop() {
	select {
	case <-o.end:
	default:
		close(o.end)
	}
	o.done.Wait()
}

// call has each application call the other.
func (o *observer) call() {
	for i, from := range o.apps {
		to := o.apps[1-i]
		var id string
		err := from.ask(&id, "/call", "app", to.key.app, "path", "/hello")
		o.mu.Lock()
		o.calls++
		if err != nil || id != to.key.id {
			o.fail("%s calls %s: got %q, %v", from.name, to.name, id, err)
		}
		o.mu.Unlock()
	}
}

// read asks the node in one seat for its registry. The reference answers with what
// it has while it still starts; ours must never give a partial answer.
func (o *observer) read(i int) {
	o.mu.Lock()
	s := o.seats[i]
	node := s.node
	o.mu.Unlock()
	err := hasAll(node.url, o.keys)
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.node != node {
		return // replaced meanwhile
	}
	missing, partial := errors.AsType[*missingError](err)
	switch {
	case err == nil:
		s.answers++
		s.complete = true
	case !partial:
		s.silent++
	case node.gen != heurekaGen && node.gen != previousGen && !s.complete:
		s.partial++
	default:
		o.fail("%s (%s, complete before: %v): %v", node.name, node.gen, s.complete, missing)
	}
}

// fail notes what went wrong; the caller holds mu.
func (o *observer) fail(format string, args ...any) {
	o.errors = append(o.errors, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// replace puts another node into a seat.
func (o *observer) replace(i int, node *server) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seats[i].node, o.seats[i].complete = node, false
}

// outlive goes on observing for longer than the applications' leases.
func (o *observer) outlive(t *testing.T) {
	t.Helper()
	began := time.Now()
	eventually(t, limit, func() error {
		if age := time.Since(began); age <= (patientSecs+2)*time.Second {
			return fmt.Errorf("observed for only %v", age)
		}
		return nil
	})
}

// report adds what was seen to the story and fails the test for what should not be.
func (o *observer) report(t *testing.T, s *story) {
	t.Helper()
	line := fmt.Sprintf("%d calls", o.calls)
	for i, seat := range o.seats {
		line += fmt.Sprintf("; node %d: %d full answers, %d silent, %d partial while starting", i, seat.answers, seat.silent, seat.partial)
	}
	s.steps = append(s.steps, line)
	for _, err := range o.errors[:min(5, len(o.errors))] {
		t.Error(err)
	}
}
