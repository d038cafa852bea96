//go:build interop

package interop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestGateway is the shape of Spring's petclinic: a config server, a gateway that balances over what it finds in the registry, and
// three services, ten calls a second. The registry is a ring whose nodes are rolled twice, killed two at a time and all at once:
// no call may fail. The nodes and the gateway take their settings from the config server. INTEROP_SERVER=2025 counts the calls
// that fail with a Java ring.
func TestGateway(t *testing.T) {
	t.Parallel()
	url := startConfigServer(t, map[string]string{
		"registry.yml": "eureka.environment: petclinic\n",
		"gateway.yml":  "spring.cloud.gateway.server.webflux.discovery.locator: {enabled: true, lower-case-service-id: true}\n",
	})
	imported := "--spring.config.import=configserver:" + url
	g := &gatewayRing{trio: newTrio(t), extra: []string{closed, "--eureka.server.enable-self-preservation=true"}}
	if target == heurekaGen {
		g.extra = append(g.extra, imported)
	}
	g.restart(t, 0, 1, 2)
	urls := strings.Join(g.peers, ",")
	patient := fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", patientSecs)
	service := clientStart{spring("2025", "restclient", patient), urls}
	services := startClients(t, g.nodes[0], "PET", service, service, service)
	port := freePort(t)
	gateway := start(t, "gateway", javaCommand(need(t, javaFixtures), "gateway-2025", nil, "heureka.interop.Gateway", 128,
		replacing(springSettings("gateway", urls, "gateway", port), []string{patient, imported})))
	call := func(to *client) error {
		var id string
		err := do("GET", fmt.Sprintf("http://127.0.0.1:%d/%s/hello", port, strings.ToLower(to.key.app)), &id)
		if err == nil && id != to.key.id {
			err = fmt.Errorf("%s answered for %s", id, to.key.id)
		}
		return err
	}
	awaitReady(t, gateway, func() error { return errors.Join(call(services[0]), call(services[1]), call(services[2])) })

	o, turn := observe(nil, nil, nil), 0
	defer o.stop()
	o.done.Go(func() {
		o.every(100*time.Millisecond, func() {
			to := services[turn%len(services)]
			turn++
			err := call(to)
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.calls++; err != nil {
				o.fail("%v", err)
			}
		})
	})
	s := &story{name: "a gateway and three services"}
	g.shake(t, s, o)
	o.outlive(t)
	o.stop()
	s.steps = append(s.steps, fmt.Sprintf("%d calls, %d failed", o.calls, len(o.errors)))
	for _, err := range o.errors[:min(5, len(o.errors))] {
		if target == heurekaGen {
			t.Error(err)
		}
	}
	s.end("")
}

// A gatewayRing is the registry of TestGateway.
type gatewayRing struct {
	*trio
	extra []string
}

// restart starts nodes in these seats, and waits for nothing.
func (g *gatewayRing) restart(t *testing.T, seats ...int) {
	if g.nodes == nil {
		g.nodes = make([]*server, len(g.ports))
	}
	for _, i := range seats {
		g.nodes[i] = launch(t, target, g.ports[i], g.peers, g.extra...)
	}
}

func (g *gatewayRing) awaitOpen(t *testing.T) {
	t.Helper()
	for _, n := range g.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
}

// shake does to the ring what its operators and their machines do, and says how many calls had failed after each.
func (g *gatewayRing) shake(t *testing.T, s *story, o *observer) {
	step := func(what string, do func()) {
		began := time.Now()
		do()
		g.awaitOpen(t)
		o.mu.Lock()
		failed := len(o.errors)
		o.mu.Unlock()
		s.did(fmt.Sprintf("%s: %d failed", what, failed), time.Since(began))
	}
	for range 2 {
		step("rolled", func() {
			for i, n := range g.nodes {
				n.stop(t)
				g.restart(t, i)
				g.awaitOpen(t)
			}
		})
	}
	step("two killed", func() { g.kill(1, 2); g.restart(t, 1, 2) })
	step("all killed", func() { g.kill(0, 1, 2); g.restart(t, 0, 1, 2) })
	step("all killed once more", func() { g.kill(0, 1, 2); g.restart(t, 0, 1, 2) })
}

func (g *gatewayRing) kill(seats ...int) {
	for _, i := range seats {
		g.nodes[i].kill()
	}
}
