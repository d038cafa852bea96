//go:build interop

package interop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// A rotation is two nodes as each other's peers, under TLS, whose certificates are replaced all the time.
type rotation struct {
	vault
	nodes []*server
	keys  []key

	mu     sync.Mutex
	good   map[string]bool // serial numbers of what may be served
	shown  map[string]bool
	asked  int
	errors []string
}

// TestSecuredRotation replaces the certificates of two nodes every second, for a minute each night: no request fails, whether its
// connection is new or kept, and what is expired, half-written or does not belong together is never served.
func TestSecuredRotation(t *testing.T) {
	t.Parallel()
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	seconds := 12
	if os.Getenv("INTEROP_NIGHTLY") != "" {
		seconds = 60
	}
	r := &rotation{vault: newVault(t), keys: []key{{"ROTATED", "0"}, {"ROTATED", "1"}}, good: map[string]bool{}, shown: map[string]bool{}}
	r.replace(t)
	r.startNodes(t)
	end, load := r.load()
	for range seconds {
		for _, bad := range []func(*testing.T){r.expired, r.halfWritten, r.mismatched} {
			bad(t)
			time.Sleep(150 * time.Millisecond) // real processes look at real files
		}
		r.replace(t)
		time.Sleep(690 * time.Millisecond) // files are looked at each second: not always at the same of these
	}
	close(end)
	load.Wait()
	r.check(t, seconds)
}

func (r *rotation) startNodes(t *testing.T) {
	t.Helper()
	ports := []int{freePort(t), freePort(t)}
	peers := []string{peerURL(ports[0], true, true), peerURL(ports[1], true, true)}
	for _, port := range ports {
		r.nodes = append(r.nodes, launch(t, heurekaGen, port, peers, replacing(r.settings("want"), []string{
			"--server.ssl.certificate=" + r.file("node.pem"), "--server.ssl.certificate-private-key=" + r.file("node.key"),
			"--spring.security.user.name=peer", "--spring.security.user.password=" + password, "--spring.security.user.roles=peer",
			"--eureka.client.tls.enabled=true", "--eureka.client.tls.trust-store=" + r.file("ca.pem"),
			"--eureka.client.tls.key-store=" + r.file("both.pem"),
		})...))
	}
	for i, n := range r.nodes {
		if err := n.awaitOpen(t); err != nil {
			t.Fatal(err)
		}
		if err := registerJSON(n.url, r.keys[i], 3600, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range r.nodes {
		eventually(t, limit, func() error { return hasAll(n.url, r.keys) })
	}
}

// pair is a new certificate for a node and, as the same alternative names have no rule, for a client of a rule.
func (r *rotation) pair(notAfter time.Time) tlsconftest.Pair {
	return authority.Sign(notAfter, "node.apps.corp.example")
}

// replace writes a certificate that may be served.
func (r *rotation) replace(t *testing.T) {
	p := r.pair(time.Now().Add(time.Hour))
	r.mu.Lock()
	r.good[p.Leaf.SerialNumber.String()] = true
	r.mu.Unlock()
	tlsconftest.Write(t, string(r.vault), map[string][]byte{"node.pem": p.Cert, "node.key": p.PEM, "both.pem": append(p.Cert, p.PEM...)})
}

func (r *rotation) expired(t *testing.T) {
	p := r.pair(time.Now().Add(-time.Minute))
	tlsconftest.Write(t, string(r.vault), map[string][]byte{"node.pem": p.Cert, "node.key": p.PEM, "both.pem": append(p.Cert, p.PEM...)})
}

func (r *rotation) mismatched(t *testing.T) {
	p, other := r.pair(time.Now().Add(time.Hour)), r.pair(time.Now().Add(time.Hour))
	tlsconftest.Write(t, string(r.vault), map[string][]byte{"node.pem": p.Cert, "node.key": other.PEM, "both.pem": append(p.Cert, other.PEM...)})
}

func (r *rotation) halfWritten(t *testing.T) {
	p := r.pair(time.Now().Add(time.Hour))
	for name, whole := range map[string][]byte{"node.pem": p.Cert, "node.key": p.PEM, "both.pem": append(p.Cert, p.PEM...)} {
		if err := os.WriteFile(r.file(name), whole[:len(whole)/2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// load reads and renews at both nodes, over new connections and kept ones, until end is closed.
func (r *rotation) load() (end chan struct{}, done *sync.WaitGroup) {
	end, done = make(chan struct{}), new(sync.WaitGroup)
	for _, kept := range []bool{false, true} {
		for i, n := range r.nodes {
			client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: authority.TLS(operator), DisableKeepAlives: !kept}}
			for _, ask := range [][2]string{{"GET", "/eureka/apps"}, {"PUT", "/eureka/apps/" + r.keys[i].path() + "?status=UP"}} {
				done.Go(func() {
					for !over(end) {
						r.ask(client, ask[0], n.url+ask[1])
					}
				})
			}
		}
	}
	return end, done
}

func over(end chan struct{}) bool {
	select {
	case <-end:
		return true
	default:
		return false
	}
}

func (r *rotation) ask(client *http.Client, method, url string) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	resp, err := client.Do(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if err != nil {
		r.errors = append(r.errors, err.Error())
		return
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		r.errors = append(r.errors, method+" "+url+": "+resp.Status)
	}
	r.shown[serial(resp.TLS)] = true
}

func serial(state *tls.ConnectionState) string {
	return state.PeerCertificates[0].SerialNumber.String()
}

// check looks at what was served, and whether nodes still tell each other.
func (r *rotation) check(t *testing.T, rotations int) {
	t.Helper()
	for _, err := range r.errors[:min(5, len(r.errors))] {
		t.Error(err)
	}
	for number := range r.shown {
		if !r.good[number] {
			t.Errorf("certificate %s was served", number)
		}
	}
	if len(r.shown) < 2 {
		t.Errorf("%d certificates were served, want some of %d", len(r.shown), rotations)
	}
	news := key{"ROTATED", "in the end"}
	if err := registerJSON(r.nodes[0].url, news, 3600, nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return listed(r.nodes[1].url, news, "UP") })
	r.mismatched(t) // and stays, so that it is seen for certain
	eventually(t, limit, func() error {
		var numbers string
		err := do("GET", r.nodes[0].url+"/actuator/prometheus", &numbers)
		if failures := `heureka_tls_reload_failures_total{use="server"} `; err == nil && (!strings.Contains(numbers, failures) || strings.Contains(numbers, failures+"0")) {
			return errors.New("no failure is counted")
		}
		return err
	})
	s := &story{name: "certificates replaced all the time", steps: []string{fmt.Sprintf("%d requests, %d of %d certificates seen, %d failed", r.asked, len(r.shown), rotations, len(r.errors))}}
	s.end("")
}
