//go:build interop

package interop

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A securedPair is a Java server that is secured in Java code and a heureka node that enforces, as each other's only peers,
// under TLS, with a password in each service URL.
type securedPair struct {
	ring
	files    vault
	gen      string
	javaPort int
	oursPort int
}

// TestSecuredPeer has such a pair exchange everything both ways. Then a password is wrong on each side in turn: that shows, and
// nothing is lost when it is mended.
func TestSecuredPeer(t *testing.T) {
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	for _, line := range []string{"2025", "2021"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			p := &securedPair{
				ring: ring{story: &story{name: "secured in Java code, " + line}}, files: newVault(t), gen: "secured-" + line,
				javaPort: freePort(t), oursPort: freePort(t),
			}
			p.setPassword(t, password)
			p.startOurs(t)
			p.startJava(t, password)
			ours, java := key{"LEASE", "beats-at-ours"}, key{"LEASE", "beats-at-java"}
			p.lease(t, p.ours, ours)
			p.lease(t, p.java, java)
			began := time.Now()
			p.operate(t, p.ours, p.java)
			p.operate(t, p.java, p.ours)
			p.outlive(t, began)
			p.onBoth(t, ours, "UP")
			p.onBoth(t, java, "UP")
			p.wrongHere(t, ours)
			p.wrongThere(t, ours)
			p.story.end("")
		})
	}
}

// wrongHere has our node show a wrong password: it says so, and what it was told meanwhile arrives in the end.
func (p *securedPair) wrongHere(t *testing.T, beating key) {
	t.Helper()
	p.setPassword(t, "falsch")
	p.says(t, `heureka_peer_refusing{peer="`+p.peerName()+`"} 1`)
	told, cancelled := key{"TOLD", "meanwhile"}, key{"TOLD", "cancelled"}
	for _, err := range []error{
		registerJSON(p.ours.url, told, 3600, nil), override(p.ours.url, beating, "OUT_OF_SERVICE"),
		registerJSON(p.ours.url, cancelled, 3600, nil), cancel(p.ours.url, cancelled),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p.waits(t, 3)
	if err := gone(p.java.url, told); err != nil {
		t.Error(err)
	}
	eventually(t, limit, func() error { // the second failure in a row is logged
		if log := p.ours.tail(1000); !strings.Contains(log, "peer denies replication, retrying") || strings.Contains(log, "falsch") {
			return fmt.Errorf("the log of our node:\n%s", log)
		}
		return nil
	})
	began := time.Now()
	p.setPassword(t, password)
	p.onBoth(t, told, "UP")
	p.onBoth(t, beating, "OUT_OF_SERVICE")
	p.says(t, `heureka_peer_refusing{peer="`+p.peerName()+`"} 0`)
	p.story.did("a password was mended here", time.Since(began))
}

// wrongThere has the Java server show a wrong password: our node answers 401, counts and audits it. When it is mended, both have
// what clients register again as Java's do, after a heartbeat that is answered 404.
func (p *securedPair) wrongThere(t *testing.T, beating key) {
	t.Helper()
	p.java.stop(t)
	p.startJava(t, "falsch")
	told := key{"TOLD", "there"}
	if err := registerJSON(p.java.url, told, leaseSecs, nil); err != nil {
		t.Fatal(err)
	}
	p.says(t, `heureka_auth_denied_total{mode="enforce",role="peer",why="wrong-credential"}`)
	eventually(t, limit, func() error {
		data, err := os.ReadFile(p.files.file("audit.log"))
		if !strings.Contains(string(data), `"outcome":"denied","reason":"wrong-credential, needs the role peer`) {
			return fmt.Errorf("not audited: %v %s", err, data)
		}
		return nil
	})
	if err := errors.Join(gone(p.ours.url, told), listed(p.ours.url, beating, "OUT_OF_SERVICE")); err != nil {
		t.Error(err)
	}
	p.java.stop(t)
	p.startJava(t, password)
	began := time.Now()
	p.onBoth(t, beating, "OUT_OF_SERVICE")
	if status, ok := errors.AsType[*statusError](renew(p.java.url, told)); !ok || status.code != 404 {
		t.Errorf("heartbeat: %v, want 404", status)
	}
	if err := registerJSON(p.java.url, told, leaseSecs, nil); err != nil {
		t.Fatal(err)
	}
	p.onBoth(t, told, "UP")
	p.story.did("a password was mended there", time.Since(began))
}

func (p *securedPair) peerName() string {
	return fmt.Sprintf("https://127.0.0.1:%d/eureka/", p.javaPort)
}

// waits waits until so many instances have something queued for the Java server.
func (p *securedPair) waits(t *testing.T, n int) {
	t.Helper()
	eventually(t, limit, func() error {
		var numbers string
		if err := do("GET", p.ours.url+"/actuator/prometheus", &numbers); err != nil {
			return err
		}
		var got int
		_, rest, _ := strings.Cut(numbers, `heureka_peer_pending{peer="`+p.peerName()+`"} `)
		if _, err := fmt.Sscan(rest, &got); err != nil || got < n {
			return fmt.Errorf("%d instances wait, want %d: %v", got, n, err)
		}
		return nil
	})
}

// says waits until the numbers of our node have what a line begins with.
func (p *securedPair) says(t *testing.T, line string) {
	t.Helper()
	eventually(t, limit, func() error {
		var numbers string
		if err := do("GET", p.ours.url+"/actuator/prometheus", &numbers); err != nil {
			return err
		}
		if !strings.Contains(numbers, "\n"+line) {
			return fmt.Errorf("the numbers lack %s", line)
		}
		return nil
	})
}

// setPassword is what our node shows to the Java server from now on.
func (p *securedPair) setPassword(t *testing.T, word string) {
	t.Helper()
	dir := p.files.file("tree")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/PEER_PASSWORD", []byte(inURL(word)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func inURL(word string) string { return strings.ReplaceAll(word, "@", "%40") }

func securedURL(word string, port int) string {
	return fmt.Sprintf("https://peer:%s@127.0.0.1:%d/eureka/", word, port)
}

func (p *securedPair) startOurs(t *testing.T) {
	t.Helper()
	p.ours = launch(t, heurekaGen, p.oursPort, []string{securedURL("${PEER_PASSWORD}", p.javaPort)}, append(p.files.settings("want"),
		"--spring.config.import=configtree:"+p.files.file("tree")+"/",
		"--spring.security.user.name=peer", "--spring.security.user.password="+password, "--spring.security.user.roles=peer,read,register",
		"--eureka.client.tls.enabled=true", "--eureka.client.tls.trust-store="+p.files.file("ca.pem"),
		"--heureka.audit.to="+p.files.file("audit.log"),
		"--eureka.server.max-time-for-replication=180000", // on a busy machine
	)...)
	if err := p.ours.awaitOpen(t); err != nil {
		t.Fatal(err)
	}
}

// startJava starts the Java server, which shows this password to our node.
func (p *securedPair) startJava(t *testing.T, word string) {
	t.Helper()
	p.java = launchWith(t, []string{p.files.trusting()}, p.gen, p.javaPort, []string{securedURL(inURL(word), p.oursPort)},
		tlsEnabled, "--server.ssl.key-store=file:"+p.files.file("server.p12"), "--server.ssl.key-store-type=PKCS12",
		"--server.ssl.key-store-password="+storeWord,
		"--spring.security.user.name=peer", "--spring.security.user.password="+password,
		"--eureka.server.my-url="+securedURL(inURL(password), p.javaPort),
	)
	p.java.url = fmt.Sprintf("https://peer:%s@127.0.0.1:%d", inURL(password), p.javaPort)
	if err := p.java.awaitOpen(t); err != nil {
		t.Fatal(err)
	}
}
