//go:build interop

package interop

import (
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
			p.story.end("")
		})
	}
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
		"--spring.security.user.name=peer", "--spring.security.user.password="+password, "--spring.security.user.roles=peer,read",
		"--eureka.client.tls.enabled=true", "--eureka.client.tls.trust-store="+p.files.file("ca.pem"),
		"--heureka.audit.to="+p.files.file("audit.log"),
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
