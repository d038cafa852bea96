package client_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
)

// headersOf makes one fetch with cfg and returns the headers it was sent with.
func headersOf(t *testing.T, cfg client.Config) http.Header {
	var got http.Header
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server("eureka").interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			got = r.Header
			return false
		})
		if cfg.Servers == nil {
			cfg.Servers = []string{url("eureka")}
		}
		if _, err := w.client(cfg).API().Applications(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	return got
}

func TestHeaders(t *testing.T) { // C-HT-2, C-HT-3, C-VP-8, W-GOCLI-12
	tests := []struct {
		name      string
		cfg       client.Config
		key, want string
	}{
		{"accept", client.Config{}, "Accept", "application/json"},
		{"gzip", client.Config{}, "Accept-Encoding", "gzip"},
		{"no gzip", client.Config{HTTP: client.HTTPConfig{DisableGzip: true}}, "Accept-Encoding", "identity"},
		{"full", client.Config{}, "X-Eureka-Accept", ""},
		{"compact", client.Config{Compact: true}, "X-Eureka-Accept", "compact"},
		{"name", client.Config{}, "DiscoveryIdentity-Name", "DefaultClient"},
		{"version", client.Config{}, "DiscoveryIdentity-Version", "1.4"},
		{"no redirects", client.Config{}, "X-Discovery-AllowRedirect", ""},
		{"redirects", client.Config{HTTP: client.HTTPConfig{AllowRedirects: true}}, "X-Discovery-AllowRedirect", "true"},
		{"own header", client.Config{HTTP: client.HTTPConfig{Header: http.Header{"Authorization": {"Bearer x"}}}}, "Authorization", "Bearer x"},
		{"own header and redirects", client.Config{HTTP: client.HTTPConfig{Header: http.Header{"x-own": {"y"}}, AllowRedirects: true}}, "X-Own", "y"},
		{"C-AU-1 credentials", client.Config{Servers: []string{"http://u:p%40:s@eureka:8761/eureka"}}, "Authorization", "Basic dTpwQDpz"},
		{"no credentials", client.Config{}, "Authorization", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := headersOf(t, tt.cfg).Get(tt.key); got != tt.want {
				t.Errorf("%s = %q, want %q", tt.key, got, tt.want)
			}
		})
	}
	if id := headersOf(t, client.Config{}).Get("DiscoveryIdentity-Id"); strings.Count(id, ".") != 3 {
		t.Errorf("own address %q", id)
	}
}

// TestCredentialsAreForTheirServer is C-AU-3.
func TestCredentialsAreForTheirServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		seen := map[string]string{}
		for _, h := range []string{"s1", "s2", "s3"} {
			w.server(h).interfere(func(rw http.ResponseWriter, r *http.Request) bool {
				user, _, _ := r.BasicAuth()
				seen[h] = user
				return answerAll(500)(rw, r)
			})
		}
		c := w.client(client.Config{Servers: []string{"http://one:x@s1:8761/", "http://two:x@s2:8761/", "http://s3:8761/"}})
		_, err := c.API().Applications(t.Context())
		if err == nil || strings.Contains(err.Error(), ":x@") || strings.Contains(err.Error(), "one") {
			t.Errorf("error %v", err)
		}
		if seen["s1"] != "one" || seen["s2"] != "two" || seen["s3"] != "" {
			t.Errorf("credentials %v", seen)
		}
	})
}

// TestCredentialsAppearNowhere is G-RQ-9: not in logs, statistics, hooks or errors, whatever happens.
func TestCredentialsAppearNowhere(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.server("eureka").interfere(fault)
				var out safeBuffer
				log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
				cfg := client.Config{Servers: []string{"http://user:s3cret@eureka:8761/eureka/"}, Logger: log}
				cfg.Hooks = client.Hooks{
					Request:   func(i client.RequestInfo) { log.Info("hook", "info", i) },
					Heartbeat: func(i client.HeartbeatInfo) { log.Info("hook", "info", i) },
					Refresh:   func(i client.RefreshInfo) { log.Info("hook", "info", i) },
					Servers:   func(i client.ServersInfo) { log.Info("hook", "info", i) },
				}
				c := w.client(cfg)
				if _, err := c.Register(orders("h1")); err != nil {
					t.Fatal(err)
				}
				stop := w.run(c)
				sleep(5 * time.Minute)
				log.Info("statistics", "stats", c.Stats())
				if err := stop(); err != nil {
					log.Info("end", "err", err)
				}
				if got := out.String(); strings.Contains(got, "s3cret") || strings.Contains(got, "user") || got == "" {
					t.Errorf("log:\n%s", got)
				}
			})
		})
	}
}

// TestTLS is C-TL-1 and C-TL-2: verified with the configured roots, with a client certificate, and refused without the roots.
func TestTLS(t *testing.T) {
	f := &fake{host: "eureka"}
	srv := httptest.NewUnstartedServer(f)
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	srv.StartTLS()
	defer srv.Close()
	dir := t.TempDir()
	roots, own := filepath.Join(dir, "roots.pem"), filepath.Join(dir, "own.pem")
	writePEM(t, roots, "CERTIFICATE", srv.Certificate().Raw)
	writeOwnPair(t, own, srv.TLS.Certificates[0])
	for name, tt := range map[string]struct {
		cfg client.Config
		ok  bool
	}{
		"files":         {client.Config{HTTP: client.HTTPConfig{TLSCAFile: roots, TLSCertFile: own}}, true},
		"tls.Config":    {client.Config{HTTP: client.HTTPConfig{TLS: &tls.Config{RootCAs: poolOf(srv.Certificate()), Certificates: srv.TLS.Certificates}}}, true},
		"both":          {client.Config{HTTP: client.HTTPConfig{TLS: &tls.Config{Certificates: srv.TLS.Certificates}, TLSCAFile: roots}}, true},
		"unknown roots": {client.Config{HTTP: client.HTTPConfig{TLSCertFile: own}}, false},
		"no own":        {client.Config{HTTP: client.HTTPConfig{TLSCAFile: roots}}, false},
	} {
		tt.cfg.Servers = []string{srv.URL + "/eureka/"}
		c, err := client.New(tt.cfg)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := c.API().Applications(t.Context()); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func poolOf(c *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: der}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// writeOwnPair writes certificate and key to one file, as key stores have them.
func writeOwnPair(t *testing.T, file string, pair tls.Certificate) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, file, "CERTIFICATE", pair.Certificate[0])
	writePEM(t, file, "PRIVATE KEY", key)
}

// TestGzip: an answer arrives compressed and is taken apart, which is the usual case with real servers.
func TestGzip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.put(inst("a", "1", up))
		eureka.zip = true
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		w.run(c)
		sleep(time.Second)
		if got := ids(c.Instances(client.App("A"))); len(got) != 1 {
			t.Errorf("instances %v", got)
		}
	})
}
