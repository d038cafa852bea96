//go:build interop

package interop

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// An intruder shows something that proves nothing.
type intruder struct {
	name  string
	shown *tlsconftest.Pair
	auth  string // header
	path  string // "" for a heartbeat
	code  int    // 0: no answer, TLS refuses it
	says  string // of the reason in the audit log
}

// TestSecuredIntruders shows a real node every kind of credential that does not count: each is refused without a body, and the
// audit log tells why.
func TestSecuredIntruders(t *testing.T) {
	t.Parallel()
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	v := newVault(t)
	tokens := newIssuer(t, v)
	srv := startServer(t, heurekaGen, append(v.settings("want"),
		"--spring.security.oauth2.resourceserver.jwt.public-key-location="+v.file("issuer.pem"),
		"--spring.security.oauth2.resourceserver.jwt.audiences=eureka",
		"--spring.security.oauth2.resourceserver.jwt.jws-algorithms=EdDSA",
		"--heureka.audit.to="+v.file("audit.log"))...)
	if code, _, err := (&intruder{name: "known", auth: "Bearer " + tokens.sign(t, jose.EdDSA, tokens.key, time.Hour, "eureka")}).beat(srv); code != 404 {
		t.Fatalf("a good token: %d, %v", code, err)
	}
	for _, in := range append(tokens.intruders(t), withCertificates()...) {
		code, body, err := in.beat(srv)
		if code != in.code || body != "" {
			t.Errorf("%s: %d %q, %v; want %d without a body", in.name, code, body, err, in.code)
		}
		eventually(t, limit, func() error {
			log, err := os.ReadFile(v.file("audit.log"))
			if err != nil || !strings.Contains(string(log), in.says) {
				return fmt.Errorf("%s: the audit log does not say %q: %v\n%s", in.name, in.says, err, log)
			}
			return nil
		})
	}
}

// beat sends what the intruder wants, over a connection of its own.
func (in *intruder) beat(srv *server) (code int, body string, err error) {
	cfg := authority.TLS()
	if in.shown != nil { // whatever the server asks for
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &tls.Certificate{Certificate: [][]byte{in.shown.Leaf.Raw}, PrivateKey: in.shown.Key}, nil
		}
	}
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true}}
	method, path := "PUT", "/eureka/apps/ORDERS/"+strings.ReplaceAll(in.name, " ", "-")
	if in.path != "" {
		method, path = "POST", in.path
	}
	req, err := http.NewRequest(method, srv.url+path, nil)
	if err != nil {
		return 0, "", err
	}
	if in.auth != "" {
		req.Header.Set("Authorization", in.auth)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// An issuer signs tokens; the node has its public key in a file.
type issuer struct {
	key    ed25519.PrivateKey
	public []byte // in PEM
}

func newIssuer(t *testing.T, v vault) *issuer {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	tlsconftest.Write(t, string(v), map[string][]byte{"issuer.pem": i.public})
	return i
}

func (i *issuer) sign(t *testing.T, alg jose.SignatureAlgorithm, key any, lasts time.Duration, audience string) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(map[string]any{
		"sub": "app", "scope": "register", "aud": audience, "exp": time.Now().Add(lasts).Unix(),
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *issuer) intruders(t *testing.T) []intruder {
	t.Helper()
	good := i.sign(t, jose.EdDSA, i.key, time.Hour, "eureka")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + strings.Split(good, ".")[1] + "."
	bearer := func(name, token, says string) intruder {
		return intruder{name: name, auth: "Bearer " + token, code: 401, says: says}
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(userName+":falsch"))
	return []intruder{
		{name: "wrong password", auth: basic, code: 401, says: "unknown user or wrong password"},
		bearer("expired token", i.sign(t, jose.EdDSA, i.key, -time.Hour, "eureka"), "expired token"),
		bearer("another audience", i.sign(t, jose.EdDSA, i.key, time.Hour, "payments"), "token for another audience"),
		bearer("none", none, "not a token signed as this node wants it"),
		bearer("HS256", i.sign(t, jose.HS256, i.public, time.Hour, "eureka"), "not a token signed as this node wants it"), // in a line with the one before
		bearer("no token", "abc", "not a token signed as this node wants it"),
	}
}

func withCertificates() []intruder {
	issue := func(ca *tlsconftest.CA, change func(*x509.Certificate)) *tlsconftest.Pair {
		p := ca.Issue(change)
		return &p
	}
	named := func(c *x509.Certificate) { c.DNSNames = []string{"orders.apps.corp.example"} }
	return []intruder{
		{name: "foreign authority", shown: issue(tlsconftest.New(panics{}), named), code: 401, says: `"id":"foreign-authority"`},
		{name: "common name", shown: issue(authority, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "orders.apps.corp.example"} }),
			code: 401, says: `"id":"common-name"`},
		{name: "expired", shown: issue(authority, func(c *x509.Certificate) { named(c); c.NotAfter = time.Now().Add(-time.Minute) }),
			code: 401, says: `"id":"expired"`},
		{name: "name of no peer", path: "/eureka/peerreplication/batch/", code: 401, says: `needs the role peer`,
			shown: issue(authority, func(c *x509.Certificate) { c.DNSNames = []string{"elsewhere.corp.example"} })},
		{name: "application as peer", path: "/eureka/peerreplication/batch/", code: 403, says: `lacks-role, needs the role peer`, shown: issue(authority, named)},
	}
}
