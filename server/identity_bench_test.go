package server_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/bcrypt"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// BenchmarkIdentity is what it costs a heartbeat on a kept connection to tell who sends it. Each credential is shown, in turns, to a node
// that asks for it and to one that asks nobody; ratio is that of the medians, so that load from elsewhere meets both.
func BenchmarkIdentity(b *testing.B) {
	ca := tlsconftest.New(b)
	own, app := ca.Sign(time.Now().Add(time.Hour)), ca.Issue(func(c *x509.Certificate) { alternative(c, "spiffe://corp/sa/orders") })
	token, err := tokenOf(jose.EdDSA, issuerKey, map[string]any{"sub": "orders", "scope": "register", "groups": strings.Repeat("x", 600)})
	if err != nil {
		b.Fatal(err)
	}
	files := server.TLSFiles{Certificate: string(own.Cert), PrivateKey: string(own.PEM), TrustCertificate: string(ca.PEM)}
	for _, bm := range []struct {
		name, header string
		tls          server.TLS
		shown        []tlsconftest.Pair
	}{
		{name: "password", header: basic("orders", "p")}, {name: "token", header: "Bearer geheim"}, {name: "jwt", header: "Bearer " + token},
		{name: "tls-password", header: basic("orders", "p"), tls: server.TLS{TLSFiles: files}},
		{name: "tls-jwt", header: "Bearer " + token, tls: server.TLS{TLSFiles: files}},
		{name: "tls-certificate", tls: server.TLS{TLSFiles: files, ClientAuth: "want"}, shown: []tlsconftest.Pair{app}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			var took [2][]time.Duration
			var beat [2]func()
			for i, a := range []server.Auth{{}, knowing(b)} {
				beat[i] = beating(b, server.Config{TLS: bm.tls, Auth: a}, ca.TLS(bm.shown...), bm.header)
			}
			for b.Loop() {
				for i := range beat {
					began := time.Now()
					beat[i]()
					took[i] = append(took[i], time.Since(began))
				}
			}
			for i := range took {
				slices.Sort(took[i])
			}
			unasked, asked := took[0][len(took[0])/2], took[1][len(took[1])/2]
			b.ReportMetric(float64(unasked.Nanoseconds()), "unasked-ns")
			b.ReportMetric(float64(asked.Nanoseconds()), "asked-ns")
			b.ReportMetric(float64(asked)/float64(unasked), "ratio")
		})
	}
}

// knowing knows the application orders by each kind of credential.
func knowing(b *testing.B) server.Auth {
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	if err != nil {
		b.Fatal(err)
	}
	a := server.Auth{
		UsersFile: filepath.Join(b.TempDir(), "users"), UserRoles: map[string][]string{"orders": {"register"}}, TokensFile: filepath.Join(b.TempDir(), "tokens"),
		JWT:          server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}},
		Certificates: []server.CertificateRule{{URI: "spiffe://corp/sa/{app}", Roles: []string{"register"}}},
		Applications: map[string][]string{"orders": {"ORDERS"}},
	}
	for name, text := range map[string]string{a.UsersFile: "orders:" + string(hash), a.TokensFile: fmt.Sprintf("orders:%x:register", sha256.Sum256([]byte("geheim")))} {
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	return a
}

// beating returns what sends one heartbeat on a kept connection to a node of its own, which ends with the benchmark.
func beating(b *testing.B, cfg server.Config, shows *tls.Config, header string) func() {
	srv, err := server.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	addr := serveTCP(b, srv)
	tr := &http.Transport{TLSClientConfig: shows}
	b.Cleanup(tr.CloseIdleConnections)
	url := "http://" + addr
	if cfg.TLS.Certificate != "" {
		url = "https://" + addr
	}
	ask := func(method, path string, body []byte, want int) {
		req, err := http.NewRequest(method, url+path, bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if header != "" {
			req.Header.Set("Authorization", header)
		}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			b.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode != want {
			b.Fatalf("%s %s: %d", method, path, resp.StatusCode)
		}
	}
	ask("POST", "/eureka/apps/ORDERS", wire.AppendRegistration(nil, instance("ORDERS", "1")), http.StatusNoContent)
	return func() { ask("PUT", "/eureka/apps/ORDERS/1", nil, http.StatusOK) }
}
