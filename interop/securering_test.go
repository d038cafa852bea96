//go:build interop

package interop

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A securedRing is two Java servers and two heureka nodes that go through the steps of docs/secure.md. Java servers stay
// under plain HTTP and only learn to show a password.
type securedRing struct {
	vault
	ports []int
	nodes []*server
	watch *observer
	story *story
}

// A stage is a step of docs/secure.md, as settings of the heureka nodes beside those of the stages before. Each is undone by
// the settings of the stage before it.
type stage struct {
	name     string
	settings []string
	java     bool // Java servers take part in it
	shown    bool // from here on, service URLs have user and password
	https    bool // from here on, those of heureka nodes among themselves are https
}

func (r *securedRing) stages() []stage {
	return []stage{
		{name: "as it was"},
		{name: "observe", settings: []string{
			"--spring.security.user.name=peer", "--spring.security.user.password=" + password, "--spring.security.user.roles=read,register,peer",
			"--heureka.auth.users-file=" + r.file("users"), "--heureka.auth.roles." + userName + "=read,register",
			"--heureka.auth.mode=observe",
		}},
		{name: "passwords between nodes", java: true, shown: true},
		{name: "TLS beside plain", settings: []string{
			"--server.ssl.certificate=" + r.file("server.pem"), "--server.ssl.certificate-private-key=" + r.file("server.key"),
			"--heureka.tls.accept-plain=true", "--eureka.client.tls.enabled=true", "--eureka.client.tls.trust-store=" + r.file("ca.pem"),
		}},
		{name: "https between nodes", https: true},
		{name: "enforce", settings: []string{"--heureka.auth.mode=enforce"}},
	}
}

// TestSecuredRing takes a running ring through docs/secure.md and back, node by node. Two Spring applications must be able to
// call each other all the time, and no answer may lack an instance.
func TestSecuredRing(t *testing.T) {
	nightly(t)
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	r := &securedRing{vault: newVault(t), story: &story{name: "a ring that is secured, and back"}}
	for range 4 {
		r.ports = append(r.ports, freePort(t))
	}
	all := r.stages()
	for i := range r.ports {
		r.nodes = append(r.nodes, r.launch(t, i, all[:1]))
	}
	for _, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	r.observe(t)
	defer r.watch.stop()
	for n := 2; n <= len(all); n++ {
		r.take(t, all[:n], all[n-1])
	}
	for _, n := range r.nodes[2:] {
		if status, ok := errors.AsType[*statusError](do("GET", fmt.Sprintf("http://127.0.0.1:%d/eureka/apps", n.port), nil)); !ok || status.code != 401 {
			t.Errorf("who shows nothing is answered %v, want 401", status)
		}
	}
	r.watch.outlive(t)
	for n := len(all) - 1; n >= 1; n-- {
		r.take(t, all[:n], all[n])
	}
	r.watch.outlive(t)
	r.watch.stop()
	r.watch.report(t, r.story)
	r.story.end("")
}

// launch starts the node of a seat at a stage, the last of so many. The first two seats are Java's.
func (r *securedRing) launch(t *testing.T, seat int, stages []stage) *server {
	gen, last := heurekaGen, stage{}
	if seat < 2 {
		gen = "2025"
	}
	var settings []string
	for _, s := range stages {
		settings = replacing(settings, s.settings)
		last.shown, last.https = last.shown || s.shown, last.https || s.https
	}
	var peers []string
	for i, port := range r.ports {
		peers = append(peers, peerURL(port, last.shown, last.https && i >= 2 && seat >= 2))
	}
	if gen != heurekaGen {
		settings = []string{"--eureka.server.my-url=" + peers[seat]}
	}
	n := launch(t, gen, r.ports[seat], peers, settings...)
	n.url = fmt.Sprintf("http://%s127.0.0.1:%d", urlUser, n.port) // clients show a password early
	return n
}

func peerURL(port int, shown, https bool) string {
	scheme, user := "http", ""
	if https {
		scheme = "https"
	}
	if shown {
		user = "peer:geheim%40registry@"
	}
	return fmt.Sprintf("%s://%s127.0.0.1:%d/eureka/", scheme, user, port)
}

// observe has two applications, and instances that nobody renews.
func (r *securedRing) observe(t *testing.T) {
	urls := ""
	for _, n := range r.nodes {
		urls += n.url + "/eureka/,"
	}
	patient := fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", 2*patientSecs)
	apps := startClients(t, r.nodes[0], "RING", clientStart{spring("2025", "restclient", patient), urls}, clientStart{spring("2021", "resttemplate", patient), urls})
	keys := []key{apps[0].key, apps[1].key}
	for i := range 20 {
		k := key{"KEPT", fmt.Sprint("kept-", i)}
		if err := registerJSON(r.nodes[i%4].url, k, 3600, nil); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasAll(n.url, keys) })
	}
	r.story.meet(t, r.nodes[0], apps[0], apps[1])
	r.watch = observe(apps, keys, r.nodes)
}

// take has each node that a step concerns start anew at these stages; then what is registered at any node must reach all.
func (r *securedRing) take(t *testing.T, stages []stage, step stage) {
	t.Helper()
	began := time.Now()
	for seat, old := range slices.Clone(r.nodes) {
		if seat < 2 && !step.java {
			continue
		}
		old.stop(t)
		n := r.launch(t, seat, stages)
		r.nodes[seat] = n
		r.watch.replace(seat, n)
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
		eventually(t, limit, func() error { return hasAll(n.url, r.watch.keys) })
	}
	var news []key
	for seat, n := range r.nodes {
		k := key{"NEWS", fmt.Sprintf("%s-%d-%d", step.name, len(stages), seat)}
		if err := registerJSON(n.url, k, 3600, nil); err != nil {
			t.Fatal(err)
		}
		news = append(news, k)
	}
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasAll(n.url, news) })
	}
	r.story.did(fmt.Sprintf("%s: %d stages", step.name, len(stages)), time.Since(began))
}
