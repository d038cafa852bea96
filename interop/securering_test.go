//go:build interop

package interop

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// A securedRing is Java servers and two heureka nodes that go through the steps of docs/secure.md. Java servers serve plain HTTP:
// they are secured in Java code. They learn to show a password, and to speak TLS and show a certificate to heureka nodes.
type securedRing struct {
	vault
	javas int // the first seats are theirs
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
	https    bool // from here on, those of heureka nodes are https
	clients  bool // from here on, clients speak TLS to heureka nodes and have a certificate
}

func (r *securedRing) stages() []stage {
	enforce := func(role string) stage {
		return stage{name: role + " enforced", settings: []string{"--heureka.auth.modes." + role + "=enforce"}}
	}
	all := r.settings("want")
	tls, certificates := all[:3:3], slices.Concat(all[3:5], all[7:]) // users are there from the beginning
	return []stage{
		{name: "as it was"},
		{name: "observe", settings: []string{
			"--spring.security.user.name=peer", "--spring.security.user.password=" + password, "--spring.security.user.roles=read,register,peer",
			"--heureka.auth.users-file=" + r.file("users"), "--heureka.auth.roles." + userName + "=read,register",
			"--heureka.auth.mode=observe",
		}},
		{name: "passwords between nodes", java: true, shown: true},
		{name: "TLS beside plain", settings: append(tls,
			"--heureka.tls.accept-plain=true",
			"--eureka.client.tls.enabled=true", "--eureka.client.tls.trust-store="+r.file("ca.pem"),
			"--eureka.client.tls.key-store="+r.file("app.p12"), "--eureka.client.tls.key-store-password="+storeWord,
		)},
		{name: "https between nodes", java: true, https: true},
		{name: "https of clients", clients: true},
		enforce("peer"), enforce("operate"), enforce("register"), enforce("read"),
		{name: "enforce", settings: []string{"--heureka.auth.mode=enforce"}},
		{name: "no plain HTTP", settings: []string{"--heureka.tls.accept-plain=false"}},
		{name: "client-auth want", settings: certificates},
		{name: "client-auth need", settings: []string{"--server.ssl.client-auth=need"}},
	}
}

// merged makes one stage of each so many.
func merged(all []stage, sizes ...int) (few []stage) {
	for _, n := range sizes {
		one := stage{}
		for _, s := range all[:n] {
			one.name, one.settings = strings.TrimPrefix(one.name+", "+s.name, ", "), replacing(one.settings, s.settings)
			one.java, one.shown = one.java || s.java, one.shown || s.shown
			one.https, one.clients = one.https || s.https, one.clients || s.clients
		}
		few, all = append(few, one), all[n:]
	}
	return few
}

// TestSecuredRing takes a running ring through docs/secure.md and back, node by node. Two Spring applications must be able to
// call each other all the time, and no answer may lack an instance. At every change it is a smaller ring, in strides.
func TestSecuredRing(t *testing.T) {
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	t.Run("strides", func(t *testing.T) {
		t.Parallel()
		r := &securedRing{vault: newVault(t), javas: 1, story: &story{name: "a ring that is secured in strides, and back"}}
		r.goThere(t, merged(r.stages(), 1, 3, 2, 5, 3))
	})
	t.Run("steps", func(t *testing.T) {
		nightly(t)
		r := &securedRing{vault: newVault(t), javas: 2, story: &story{name: "a ring that is secured, and back"}}
		r.goThere(t, r.stages())
	})
}

// goThere goes through all stages, and back.
func (r *securedRing) goThere(t *testing.T, all []stage) {
	for range r.javas + 2 {
		r.ports = append(r.ports, freePort(t))
	}
	for i := range r.ports {
		r.nodes = append(r.nodes, r.launch(t, i, all[:1]))
	}
	for _, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
	}
	r.observe(t, "BEFORE", false)
	defer func() { r.watch.stop() }()
	for n := 2; n <= len(all); n++ {
		r.take(t, all[:n], all[n-1])
	}
	r.isSecured(t)
	r.watch.outlive(t)
	for n := len(all) - 1; n >= 1; n-- {
		r.take(t, all[:n], all[n])
	}
	r.watch.outlive(t)
	r.watch.stop()
	r.watch.report(t, r.story)
	r.story.end("")
}

// isSecured looks whether the doors are closed that the last stages close.
func (r *securedRing) isSecured(t *testing.T) {
	t.Helper()
	stranger := &http.Client{Transport: &http.Transport{TLSClientConfig: authority.TLS(), DisableKeepAlives: true}}
	for _, n := range r.nodes[r.javas:] {
		if err := do("GET", fmt.Sprintf("http://127.0.0.1:%d/eureka/apps", n.port), nil); statusOf(err) != 400 {
			t.Errorf("plain HTTP: %v, want 400", err)
		}
		if resp, err := stranger.Get(fmt.Sprintf("https://%s127.0.0.1:%d/eureka/apps", urlUser, n.port)); err == nil {
			resp.Body.Close()
			t.Errorf("without a certificate: %s", resp.Status)
		}
		if err := do("GET", fmt.Sprintf("https://app:falsch@127.0.0.1:%d/eureka/apps", n.port), nil); statusOf(err) != 401 {
			t.Errorf("a wrong password beside a certificate: %v, want 401", err)
		}
	}
}

func statusOf(err error) int {
	if status, ok := errors.AsType[*statusError](err); ok {
		return status.code
	}
	return 0
}

// launch starts the node of a seat at a stage, the last of so many.
func (r *securedRing) launch(t *testing.T, seat int, stages []stage) *server {
	gen, now := heurekaGen, merged(stages, len(stages))[0]
	if seat < r.javas {
		gen = "2025"
	}
	var peers []string
	for i, port := range r.ports {
		peers = append(peers, peerURL(port, now.shown, now.https && i >= r.javas))
	}
	settings, env := now.settings, []string(nil)
	if gen != heurekaGen {
		settings = []string{"--eureka.server.my-url=" + peers[seat]}
	}
	if gen != heurekaGen && now.https {
		settings = append(settings, r.java(true)...)
		env = []string{r.trusting() + " -Djavax.net.ssl.keyStore=" + r.file("app.p12") +
			" -Djavax.net.ssl.keyStoreType=PKCS12 -Djavax.net.ssl.keyStorePassword=" + storeWord +
			" -Dcom.netflix.eureka.shouldSSLConnectionsUseSystemSocketFactory=true"} // or it shows no certificate when it replicates
	}
	n := launchWith(t, env, gen, r.ports[seat], peers, settings...)
	n.url = r.clientURL(seat, now.clients)
	return n
}

// clientURL is where clients look for the node of a seat; they show a password early.
func (r *securedRing) clientURL(seat int, secured bool) string {
	scheme := "http"
	if secured && seat >= r.javas {
		scheme = "https"
	}
	return fmt.Sprintf("%s://%s127.0.0.1:%d", scheme, urlUser, r.ports[seat])
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

// observe has two applications, and instances that nobody renews. Those that were there before go when these have come.
func (r *securedRing) observe(t *testing.T, name string, secured bool) {
	t.Helper()
	urls := ""
	for seat := range r.nodes {
		urls += r.clientURL(seat, secured) + "/eureka/,"
	}
	settings := []string{fmt.Sprintf("--eureka.instance.lease-expiration-duration-in-seconds=%d", 2*patientSecs)}
	if secured {
		settings = append(settings, r.java(true)...)
	}
	apps := startClients(t, r.nodes[0], name, clientStart{spring("2025", "restclient", settings...), urls}, clientStart{spring("2021", "resttemplate", settings...), urls})
	keys := []key{apps[0].key, apps[1].key}
	for i := range 20 {
		k := key{"KEPT", fmt.Sprint("kept-", i)}
		if r.watch == nil {
			if err := registerJSON(r.nodes[i%len(r.nodes)].url, k, 3600, nil); err != nil {
				t.Fatal(err)
			}
		}
		keys = append(keys, k)
	}
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasAll(n.url, keys) })
	}
	r.story.meet(t, r.nodes[0], apps[0], apps[1])
	old := r.watch
	r.watch = observe(apps, keys, r.nodes)
	if old != nil {
		old.stop()
		old.report(t, r.story)
		old.apps[0].stop(t)
		old.apps[1].stop(t)
	}
}

// take has each node that a step concerns start anew at these stages; then what is registered at any node must reach all.
func (r *securedRing) take(t *testing.T, stages []stage, step stage) {
	t.Helper()
	began := time.Now()
	now := merged(stages, len(stages))[0]
	for seat := range r.nodes {
		if changed := step.java || seat >= r.javas && (step.https || step.settings != nil); !changed {
			continue
		}
		r.renew(t, seat, stages)
	}
	if step.clients {
		r.move(t, now.clients)
	}
	var news []key
	for seat, n := range r.nodes {
		k := key{"NEWS", fmt.Sprintf("%s-%d-%d", strings.Fields(step.name)[0], len(stages), seat)}
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

// renew starts the node of a seat anew.
func (r *securedRing) renew(t *testing.T, seat int, stages []stage) {
	t.Helper()
	r.nodes[seat].stop(t)
	n := r.launch(t, seat, stages)
	r.nodes[seat] = n
	r.watch.replace(seat, n)
	if err := n.awaitOpen(t); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return hasAll(n.url, r.watch.keys) })
}

// move has clients go to TLS, or back: the test itself, and new applications in place of the old ones.
func (r *securedRing) move(t *testing.T, secured bool) {
	t.Helper()
	for seat, n := range r.nodes {
		moved := *n
		moved.url = r.clientURL(seat, secured)
		r.nodes[seat] = &moved
	}
	name := "BACK"
	if secured {
		name = "SECURED"
	}
	r.observe(t, name, secured)
	if secured {
		for _, n := range r.nodes[r.javas:] {
			var numbers string
			if err := do("GET", n.url+"/actuator/prometheus", &numbers); err != nil || strings.Contains(numbers, `heureka_auth_denied_total{mode="observe",role="peer"`) {
				t.Errorf("peers would be denied, %v: %s", err, numbers)
			}
		}
	}
}
