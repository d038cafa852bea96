//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// closed makes a node wait for the fleet as it does by default, while the other tests have nodes that open at once.
const closed = "--eureka.server.wait-time-in-ms-when-sync-empty=300000"

// TestClosedRing starts three nodes at once under a fleet that comes, and kills and starts all of them again: each stays closed
// until it has everybody. Two Spring applications keep what they have meanwhile, call each other, and fetch again soon after:
// refusals must not slow their fetch timers down.
func TestClosedRing(t *testing.T) {
	t.Parallel()
	if target != heurekaGen {
		t.Skip("the reference does not promise this")
	}
	r, s := newTrio(t), &story{name: "a ring that starts as a whole"}
	r.launchAll(t)
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return do("GET", n.url+"/actuator/health/liveness", nil) })
	}
	fleet := startFleet(t, r)
	first := observe(nil, fleet.keys, r.nodes)
	s.awaitWhole(t, "open, with all instances", r.nodes, fleet.keys)

	urls := strings.Join(r.peers, ",")
	timer := []string{
		fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", patientSecs),
		"--eureka.client.registry-fetch-interval-seconds=5",
		"--eureka.client.cache-refresh-executor-exponential-back-off-bound=10", // the default
	}
	apps := startClients(t, r.nodes[0], "CLOSED",
		clientStart{spring("2025", "restclient", timer...), urls}, clientStart{spring("2025", "resttemplate", timer...), urls})
	s.meet(t, r.nodes[0], apps[0], apps[1])
	for _, c := range apps {
		eventually(t, limit, func() error { return seesFleet(c, "FLEET-0") })
	}
	first.stop()
	first.report(t, s)

	keys := append(fleet.keys, apps[0].key, apps[1].key)
	w := observe(apps, keys, r.nodes)
	defer w.stop()
	for _, c := range apps {
		w.done.Go(func() { w.every(200*time.Millisecond, func() { w.view(c, "FLEET-0") }) })
	}
	for _, n := range r.nodes {
		n.kill()
	}
	r.launchAll(t)
	for i, n := range r.nodes {
		w.replace(i, n)
	}
	s.awaitWhole(t, "open again, with all instances", r.nodes, keys)
	opened, before := time.Now(), [2]int{apps[0].fetches(t), apps[1].fetches(t)}
	for i, c := range apps {
		eventually(t, 30*time.Second, func() error {
			if c.fetches(t) == before[i] {
				return fmt.Errorf("%s has not fetched for %v, though every 5 s is asked of it", c.name, time.Since(opened))
			}
			return nil
		})
	}
	s.did("both applications have fetched again", time.Since(opened))
	w.outlive(t)
	w.stop()
	w.report(t, s)
	s.end("")
}

// launchAll starts all nodes at once and waits for nothing.
func (r *trio) launchAll(t *testing.T) {
	r.nodes = nil
	for _, port := range r.ports {
		r.nodes = append(r.nodes, r.launch(t, port, closed))
	}
}

// awaitWhole waits until all nodes list all keys.
func (s *story) awaitWhole(t *testing.T, what string, nodes []*server, keys []key) {
	t.Helper()
	began := time.Now()
	for _, n := range nodes {
		eventually(t, limit, func() error { return hasAll(n.url, keys) })
	}
	s.did(what, time.Since(began))
}

// fetches returns how often an application has got something from the registry.
func (c *client) fetches(t *testing.T) int {
	t.Helper()
	st := c.stats(t)
	return st.Full + st.Delta
}

// seesFleet returns nil if an application knows all 20 instances of one application of the fleet.
func seesFleet(c *client, app string) error {
	var all []found
	if err := c.ask(&all, "/instances", "app", app); err != nil {
		return err
	}
	if len(all) != 20 {
		return fmt.Errorf("%s sees %d instances of 20", c.name, len(all))
	}
	return nil
}

// view looks at what an application sees of the fleet.
func (o *observer) view(c *client, app string) {
	err := seesFleet(c, app)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.fail("%v", err)
	}
}

// TestMixedRingRestarts kills and starts all nodes of a ring at once, two of ours and one of the reference. That one answers with the
// few that it has heard of; ours must not take those for everybody.
func TestMixedRingRestarts(t *testing.T) {
	t.Parallel()
	if target != heurekaGen {
		t.Skip("the reference does not promise this")
	}
	r, s := newTrio(t), &story{name: "a mixed ring that starts as a whole"}
	launchMixed := func(extra ...string) {
		r.nodes = []*server{r.launch(t, r.ports[0], extra...), r.launch(t, r.ports[1], extra...), launch(t, "2025", r.ports[2], r.peers)}
	}
	launchMixed()
	for _, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	fleet := &fleet{every: 20 * time.Second, leaseSecs: 60} // slower than the reference starts
	fleet.start(t, r)
	s.awaitWhole(t, "whole", r.nodes, fleet.keys)
	w := observe(nil, fleet.keys, r.nodes)
	defer w.stop()
	for _, n := range r.nodes {
		n.kill()
	}
	launchMixed(closed)
	for i, n := range r.nodes {
		w.replace(i, n)
	}
	s.awaitWhole(t, "whole again", r.nodes, fleet.keys)
	w.outlive(t)
	w.stop()
	w.report(t, s)
	s.end("")
}
