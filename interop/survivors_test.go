//go:build interop

package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const fleetSize = 200

// TestSurvivors runs three of our nodes on one machine with identical configuration,
// 200 instances that send heartbeats, and a real Java and a real Python client. Any
// two nodes are then killed at once, in turn: the one that is left has a full,
// correct registry and accepts writes, the clients of the dead ones move on, and
// each node that returns is whole before it answers reads.
func TestSurvivors(t *testing.T) {
	t.Parallel()
	if target != heurekaGen {
		t.Skip("the reference does not promise this")
	}
	r := startTrio(t)
	s := &story{name: "three nodes, two killed at a time"}
	patient := fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", patientSecs)
	urls := strings.Join(r.peers, ",")
	apps := startClients(t, r.nodes[0], "SURVIVE", clientStart{spring("2025", "restclient", patient), urls}, clientStart{python(), urls})
	fleet := startFleet(t, r)
	keys := append(fleet.keys, apps[0].key, apps[1].key)
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasAll(n.url, keys) })
	}
	s.meet(t, r.nodes[0], apps[0], apps[1])
	for left := range r.nodes {
		r.killAllBut(t, s, left, keys)
	}
	for _, n := range r.nodes {
		if err := hasAll(n.url, keys); err != nil {
			t.Error(err)
		}
	}
	s.meet(t, r.nodes[0], apps[0], apps[1])
	t.Logf("interop: %d heartbeats, %d of them to another node than the one before, %d registrations again", fleet.beats.Load(), fleet.moves.Load(), fleet.again.Load())
	s.end("")
}

// A trio is three nodes that have the same list of peers.
type trio struct {
	ports []int
	peers []string
	nodes []*server
}

// newTrio has ports, and no nodes yet.
func newTrio(t *testing.T) *trio {
	r := &trio{}
	for range 3 {
		port := freePort(t)
		r.ports = append(r.ports, port)
		r.peers = append(r.peers, eurekaURL(port))
	}
	return r
}

func startTrio(t *testing.T) *trio {
	r := newTrio(t)
	for _, port := range r.ports {
		r.nodes = append(r.nodes, r.launch(t, port))
	}
	for _, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// launch starts a node with self-preservation, as in production.
func (r *trio) launch(t *testing.T, port int, extra ...string) *server {
	return launch(t, heurekaGen, port, r.peers, append(extra, "--eureka.server.enable-self-preservation=true")...)
}

// killAllBut kills the other two nodes, looks at the one that is left, and starts them again.
func (r *trio) killAllBut(t *testing.T, s *story, left int, keys []key) {
	var dead []int
	for i, n := range r.nodes {
		if i != left {
			n.kill()
			dead = append(dead, i)
		}
	}
	survivor := r.nodes[left]
	if err := hasAll(survivor.url, keys); err != nil {
		t.Errorf("right after the others were killed: %v", err)
	}
	fresh := key{"FRESH", fmt.Sprint("written-to-", left)}
	if err := registerJSON(survivor.url, fresh, 3600, nil); err != nil {
		t.Errorf("the node that is left refused a registration: %v", err)
	}
	// Everybody lives past the lease on the one node.
	began := time.Now()
	for time.Since(began) < (leaseSecs+2)*time.Second {
		if err := hasAll(survivor.url, append(keys, fresh)); err != nil {
			t.Fatalf("%v after the others were killed: %v", time.Since(began), err)
		}
		awaitTick()
	}
	s.did(fmt.Sprintf("node %d alone kept %d instances", left, len(keys)), time.Since(began))
	for _, i := range dead {
		began := time.Now()
		r.nodes[i] = r.launch(t, r.ports[i])
		r.firstAnswerIsWhole(t, r.nodes[i], append(keys, fresh))
		s.did(fmt.Sprintf("node %d came back whole", i), time.Since(began))
	}
}

// awaitTick spaces the reads of a watched condition.
func awaitTick() { <-time.After(100 * time.Millisecond) }

// firstAnswerIsWhole asks from the node's first moment on. Refusals are fine; the
// first answer must have everybody.
func (r *trio) firstAnswerIsWhole(t *testing.T, n *server, keys []key) {
	t.Helper()
	eventually(t, limit, func() error {
		err := hasAll(n.url, keys)
		if missing, ok := errors.AsType[*missingError](err); ok {
			t.Errorf("the first answer of a node that came back is not whole: %v", missing)
			return nil
		}
		return err
	})
}

// A fleet is many instances, each with heartbeats to the node of its choice, and to
// another one when that fails, as every real client does.
type fleet struct {
	keys                []key
	every               time.Duration // between two heartbeats
	leaseSecs           int
	beats, moves, again atomic.Int64
}

func startFleet(t *testing.T, r *trio) *fleet {
	f := &fleet{every: time.Second, leaseSecs: patientSecs}
	f.start(t, r)
	return f
}

// start has the instances come at once, and their heartbeats spread over the interval.
func (f *fleet) start(t *testing.T, r *trio) {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	var done sync.WaitGroup
	t.Cleanup(func() { end(); done.Wait() })
	for i := range fleetSize {
		k := key{fmt.Sprintf("FLEET-%d", i/20), fmt.Sprint("instance-", i)}
		f.keys = append(f.keys, k)
		if err := registerJSON(r.nodes[i%3].url, k, f.leaseSecs, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, k := range f.keys {
		done.Go(func() { f.live(ctx, r, i, k) })
	}
}

func (f *fleet) live(ctx context.Context, r *trio, i int, k key) {
	at := i % 3
	for wait := f.every * time.Duration(i) / fleetSize; ; wait = f.every {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			at = f.beat(r, at, k)
		}
	}
}

// beat returns the node that took the heartbeat.
func (f *fleet) beat(r *trio, at int, k key) int {
	for try := range 3 {
		node := (at + try) % 3
		base := strings.TrimSuffix(r.peers[node], "/eureka/")
		err := renew(base, k)
		if status, ok := errors.AsType[*statusError](err); ok && status.code == http.StatusNotFound {
			f.again.Add(1)
			err = registerJSON(base, k, f.leaseSecs, nil)
		}
		if err == nil {
			f.beats.Add(1)
			f.moves.Add(int64(min(try, 1)))
			return node
		}
	}
	return at
}
