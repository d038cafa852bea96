package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// A mutual is a node that asks clients for certificates.
type mutual struct {
	*tlsconftest.CA
	t   *testing.T
	srv *server.Server
	dir string
	url string
}

// mutualNode serves until the test ends. Orders has the role register, nodes "b" and "c" are its peers.
func mutualNode(t *testing.T, change func(*server.Config)) *mutual {
	n := &mutual{CA: tlsconftest.New(t), t: t, dir: t.TempDir()}
	p := n.Sign(time.Now().Add(time.Hour))
	tlsconftest.Write(t, n.dir, map[string][]byte{"ca": n.PEM})
	cfg := server.Config{
		TLS: server.TLS{ClientAuth: "want", TLSFiles: server.TLSFiles{Certificate: string(p.Cert), PrivateKey: string(p.PEM), TrustCertificate: filepath.Join(n.dir, "ca")}},
		Auth: server.Auth{Password: "p", Anonymous: []string{"probe"},
			Certificates: []server.CertificateRule{{URI: "spiffe://corp/sa/{app}", Roles: []string{"register"}}}},
		SyncRetries: -1, HostName: "a.corp", Port: 8761,
		ServiceURLs: map[string][]string{"defaultZone": {"https://a.corp:8761/eureka/", "https://B.corp:8761/eureka/", "https://192.0.2.7:8761/eureka/",
			"https://shared:8761/eureka/", "https://shared:8762/eureka/", "https://localhost:8763/eureka/", "https://127.0.0.1:8764/eureka/"}},
	}
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.srv = srv
	n.url = "https://" + serveTCP(t, srv)
	return n
}

// of returns a certificate with an alternative name, or none.
func (n *mutual) of(name string) tlsconftest.Pair {
	return n.Issue(func(c *x509.Certificate) { alternative(c, name) })
}

func alternative(c *x509.Certificate, name string) {
	switch u, err := url.Parse(name); {
	case name == "":
	case net.ParseIP(name) != nil:
		c.IPAddresses = []net.IP{net.ParseIP(name)}
	case err == nil && u.Scheme != "":
		c.URIs = []*url.URL{u}
	default:
		c.DNSNames = []string{name}
	}
}

// client shows these certificates. It shows them whatever authorities the server names.
func (n *mutual) client(own ...tlsconftest.Pair) *http.Client {
	cfg := n.TLS(own...)
	if len(own) > 0 {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cfg.Certificates[0], nil }
	}
	tr := &http.Transport{TLSClientConfig: cfg}
	n.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: time.Minute}
}

// ask returns the status of an answer, 0 without one; the answer to who is refused must be empty.
func (n *mutual) ask(c *http.Client, method, path string, header ...string) (status int, closes bool) {
	n.t.Helper()
	req, err := http.NewRequest(method, n.url+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0, true
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // or the connection is not kept
	if (resp.StatusCode == 401 || resp.StatusCode == 403) && resp.ContentLength != 0 {
		n.t.Errorf("%s %s: %d with a body", method, path, resp.StatusCode)
	}
	return resp.StatusCode, resp.Close
}

const (
	beatPath   = "/eureka/apps/ORDERS/1"          // PUT takes register: 404
	digestPath = "/eureka/peerreplication/digest" // GET takes peer: 200
	livePath   = "/actuator/health/liveness"      // GET takes nothing: 200
)

// What a certificate proves counts, and what it does not prove is refused, even where nothing is needed.
func TestCertificatesProveWhoTheyAreOf(t *testing.T) {
	n := mutualNode(t, nil)
	foreign := tlsconftest.New(t)
	old := n.Issue(func(c *x509.Certificate) {
		alternative(c, "spiffe://corp/sa/orders")
		c.NotAfter = time.Now().Add(-time.Minute)
	})
	servers := n.Issue(func(c *x509.Certificate) {
		alternative(c, "spiffe://corp/sa/orders")
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	commonName := n.Issue(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "b.corp"} })
	admin, bad := basic("user", "p"), basic("user", "q")
	for name, tt := range map[string]struct {
		shown  []tlsconftest.Pair
		header []string

		beat, heard, live int
	}{
		"nothing":                      {nil, nil, 401, 401, 200},
		"an application":               {[]tlsconftest.Pair{n.of("spiffe://corp/sa/orders")}, nil, 404, 403, 200},
		"a peer":                       {[]tlsconftest.Pair{n.of("b.corp")}, nil, 403, 200, 200},
		"a peer by address":            {[]tlsconftest.Pair{n.of("192.0.2.7")}, nil, 403, 200, 200},
		"a stranger":                   {[]tlsconftest.Pair{n.of("other.corp")}, nil, 401, 401, 401},
		"a wildcard":                   {[]tlsconftest.Pair{n.of("*.corp")}, nil, 401, 401, 401},
		"a name of two nodes":          {[]tlsconftest.Pair{n.of("shared")}, nil, 401, 401, 401},
		"loopback":                     {[]tlsconftest.Pair{n.of("localhost")}, nil, 401, 401, 401},
		"loopback's address":           {[]tlsconftest.Pair{n.of("127.0.0.1")}, nil, 401, 401, 401},
		"a common name":                {[]tlsconftest.Pair{commonName}, nil, 401, 401, 401},
		"another authority":            {[]tlsconftest.Pair{foreign.Issue(func(c *x509.Certificate) { alternative(c, "b.corp") })}, nil, 401, 401, 401},
		"an end that is over":          {[]tlsconftest.Pair{old}, nil, 401, 401, 401},
		"what is for servers":          {[]tlsconftest.Pair{servers}, nil, 401, 401, 401},
		"an application, with admin":   {[]tlsconftest.Pair{n.of("spiffe://corp/sa/orders")}, []string{"Authorization", admin}, 404, 200, 200},
		"an application, with a wrong": {[]tlsconftest.Pair{n.of("spiffe://corp/sa/orders")}, []string{"Authorization", bad}, 401, 401, 401},
		"a stranger, with admin":       {[]tlsconftest.Pair{n.of("other.corp")}, []string{"Authorization", admin}, 404, 200, 200},
		"another authority, and admin": {[]tlsconftest.Pair{foreign.Issue(func(*x509.Certificate) {})}, []string{"Authorization", admin}, 401, 401, 401},
	} {
		c := n.client(tt.shown...)
		for range 2 { // the second time from memory, if the connection is kept
			b, _ := n.ask(c, "PUT", beatPath, tt.header...)
			h, _ := n.ask(c, "GET", digestPath, tt.header...)
			l, closes := n.ask(c, "GET", livePath, tt.header...)
			if b != tt.beat || h != tt.heard || l != tt.live {
				t.Errorf("%s: %d, %d, %d, want %d, %d, %d", name, b, h, l, tt.beat, tt.heard, tt.live)
			}
			if l == 200 && closes {
				t.Errorf("%s: the connection is not kept", name)
			}
		}
	}
}

// A switch turns the rule about peers off, and where nobody has made rules, a certificate is no credential.
func TestCertificatesOfPeersCanBeOff(t *testing.T) {
	off := mutualNode(t, func(c *server.Config) { c.Auth.NoPeerCertificates = true })
	if got, _ := off.ask(off.client(off.of("b.corp")), "GET", digestPath); got != 401 {
		t.Errorf("switched off, a peer is answered %d", got)
	}
	fleet := mutualNode(t, func(c *server.Config) { c.Auth.Certificates = nil })
	c := fleet.client(fleet.of("spiffe://corp/sa/orders"))
	if got, _ := fleet.ask(c, "GET", livePath); got != 200 {
		t.Errorf("without rules, a probe with a certificate is answered %d", got)
	}
	if got, _ := fleet.ask(c, "PUT", beatPath); got != 401 {
		t.Errorf("without rules, a heartbeat with a certificate is answered %d", got)
	}
}

// Who must have a certificate of a known authority gets no answer without.
func TestNeedRefusesStrangersInTheHandshake(t *testing.T) {
	n := mutualNode(t, func(c *server.Config) { c.TLS.ClientAuth, c.Auth.Mode = "need", "observe" })
	foreign := tlsconftest.New(t)
	if got, _ := n.ask(n.client(foreign.Issue(func(*x509.Certificate) {})), "GET", livePath); got != 0 {
		t.Errorf("another authority: %d", got)
	}
	if got, _ := n.ask(n.client(), "GET", livePath); got != 0 {
		t.Errorf("no certificate: %d", got)
	}
	if got, _ := n.ask(n.client(n.of("spiffe://corp/sa/orders")), "GET", livePath); got != 200 {
		t.Errorf("a good one: %d", got)
	}
}

// Observing refuses nobody.
func TestObservedCertificates(t *testing.T) {
	n := mutualNode(t, func(c *server.Config) { c.Auth.Mode = "observe" })
	foreign := tlsconftest.New(t)
	if got, closes := n.ask(n.client(foreign.Issue(func(*x509.Certificate) {})), "GET", digestPath); got != 200 || closes {
		t.Errorf("%d, closes %v", got, closes)
	}
}

// An authority that is trusted no more counts no more on connections that are kept either; they end, so that the next one can show
// another certificate.
func TestTrustIsTakenBackOnKeptConnections(t *testing.T) {
	n := mutualNode(t, nil)
	c := n.client(n.of("b.corp"))
	if got, closes := n.ask(c, "GET", digestPath); got != 200 || closes {
		t.Fatalf("%d, closes %v", got, closes)
	}
	tlsconftest.Write(t, n.dir, map[string][]byte{"ca": tlsconftest.New(t).PEM})
	waitUntil(t, "the peer is refused, and its connection ends", func() bool {
		got, closes := n.ask(c, "GET", digestPath)
		return got == 401 && closes
	})
}

// A certificate that ends while its connection is kept counts no more.
func TestCertificateEndsOnAKeptConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		wantsCertificates(r, &cfg)
		r.start(cfg)
		tr := r.transport("client")
		tr.TLSClientConfig = r.ca.TLS(r.ca.Issue(func(c *x509.Certificate) { alternative(c, "b.corp"); c.NotAfter = time.Now().Add(10 * time.Minute) }))
		for minute := range 15 {
			resp, err := tr.RoundTrip(httptest.NewRequest("GET", "https://a:8761"+digestPath, nil))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if over := minute > 10; over != (resp.StatusCode == 401) || over != resp.Close {
				t.Errorf("after %d minutes: %d, closes %v", minute, resp.StatusCode, resp.Close)
			}
			time.Sleep(time.Minute)
		}
	})
}

// Peers are those of the service URLs as they are now.
func TestPeersOfCertificatesFollowTheServiceURLs(t *testing.T) {
	n := mutualNode(t, nil)
	c := n.client(n.of("c.corp"))
	if got, _ := n.ask(c, "GET", digestPath); got != 401 {
		t.Errorf("before: %d", got)
	}
	if err := n.srv.SetServiceURLs(map[string][]string{"defaultZone": {"https://c.corp/eureka/"}}); err != nil {
		t.Fatal(err)
	}
	if got, _ := n.ask(c, "GET", digestPath); got != 200 {
		t.Errorf("after: %d", got)
	}
}
