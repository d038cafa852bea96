package server_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// Passwords, roles and modes are replaced while the node runs; a mistake changes nothing.
func TestCredentialsAreReplaced(t *testing.T) {
	cfg := server.Config{Auth: server.Auth{Password: "first"}}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	asks := func(password string) int {
		r := httptest.NewRequest("PUT", "/eureka/apps/A/1", nil)
		if password != "" {
			r.SetBasicAuth("user", password)
		}
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for _, step := range []struct {
		what                  string
		auth                  server.Auth
		fails                 bool
		first, second, nobody int
	}{
		{"as started", server.Auth{Password: "first"}, false, 404, 401, 401},
		{"both", server.Auth{Password: "second", Previous: "first"}, false, 404, 404, 401},
		{"a colon", server.Auth{Password: "thi:rd"}, true, 404, 404, 401},
		{"an encoding", server.Auth{Password: "{x}y"}, true, 404, 404, 401},
		{"nobody", server.Auth{Mode: "enforce"}, true, 404, 404, 401},
		{"no such mode", server.Auth{Password: "second", Mode: "x"}, true, 404, 404, 401},
		{"the new one", server.Auth{Password: "second"}, false, 401, 404, 401},
		{"fewer roles", server.Auth{Password: "second", Roles: []string{"read"}}, false, 401, 403, 401},
		{"observe", server.Auth{Password: "second", Roles: []string{"read"}, Mode: "observe"}, false, 404, 404, 404},
		{"anonymous", server.Auth{Password: "second", Anonymous: []string{"register"}}, false, 401, 404, 404},
	} {
		cfg.Auth = step.auth
		if err := srv.Apply(cfg); (err != nil) != step.fails {
			t.Fatalf("%s: %v", step.what, err)
		}
		if a, b, c := asks("first"), asks("second"), asks(""); a != step.first || b != step.second || c != step.nobody {
			t.Errorf("%s: %d with the first, %d with the second, %d with none, want %d, %d, %d", step.what, a, b, c, step.first, step.second, step.nobody)
		}
	}
	open, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Apply(server.Config{Auth: server.Auth{Password: "x"}}); err == nil || !strings.Contains(err.Error(), "restart") {
		t.Errorf("a node without credentials gets some: %v", err)
	}
}

// A store and its password are replaced one after the other, in either order; meanwhile the old certificate is served.
func TestStorePasswordIsReplaced(t *testing.T) {
	ca, dir := tlsconftest.New(t), t.TempDir()
	store := func(password string) string {
		p := ca.Sign(time.Now().Add(time.Hour))
		b, err := pkcs12.Modern.Encode(p.Key, p.Leaf, nil, password)
		if err != nil {
			t.Fatal(err)
		}
		tlsconftest.Write(t, dir, map[string][]byte{"store": b})
		return p.Leaf.SerialNumber.String()
	}
	cfg := server.Config{TLS: server.TLS{TLSFiles: server.TLSFiles{KeyStore: filepath.Join(dir, "store"), KeyStorePassword: "first"}}}
	first := store("first")
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx, ln) }()
	served := func() string {
		conn, err := tls.Dial("tcp", ln.Addr().String(), ca.TLS())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	apply := func(password string) {
		t.Helper()
		cfg.TLS.KeyStorePassword = password
		if err := srv.Apply(cfg); err != nil {
			t.Fatal(err)
		}
	}
	second := store("second")
	waitUntil(t, "the store is kept out", func() bool {
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Code == http.StatusOK && !strings.Contains(w.Body.String(), `heureka_tls_reload_failures_total{use="server"} 0`)
	})
	if got := served(); got != first {
		t.Errorf("with a store of another password: %s", got)
	}
	if apply("second"); served() != second {
		t.Error("with the right password the new certificate is not served")
	}
	if apply("third"); served() != second {
		t.Error("with a password before its store the certificate is not served")
	}
	third := store("third")
	waitUntil(t, "the third certificate is served", func() bool { return served() == third })
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
