package server_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
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
	addr := serveTCP(t, srv)
	served := func() string {
		conn, err := tls.Dial("tcp", addr, ca.TLS())
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
}

// Certificates are replaced each second for a minute, under load: no request fails, and what is expired, half-written or does not
// fit its key is never shown. Long connections stay.
func TestCertificatesAreReplacedEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, ca, dir := newRig(t), tlsconftest.New(t), t.TempDir()
		file := func(name string) string { return filepath.Join(dir, name) }
		good := map[string]int{} // by serial number, in which second they came
		write := func(second int) {
			p := ca.Sign(time.Now().Add(time.Hour), "a")
			good[p.Leaf.SerialNumber.String()] = second
			tlsconftest.Write(t, dir, map[string][]byte{"c": p.Cert, "k": p.PEM})
		}
		spoil := func(second int) {
			p, bad := ca.Sign(time.Now().Add(time.Hour), "a"), map[string][]byte{}
			switch second % 5 {
			case 0: // another key
				bad["c"] = p.Cert
			case 1: // half of it
				bad["c"], bad["k"] = p.Cert[:len(p.Cert)/2], p.PEM
			case 2:
				p = ca.Sign(time.Now().Add(-time.Minute), "a") // expired
				bad["c"], bad["k"] = p.Cert, p.PEM
			case 3:
				bad["k"] = nil // empty
			case 4:
				if err := os.Remove(file("c")); err != nil {
					t.Error(err)
				}
			}
			tlsconftest.Write(t, dir, bad)
		}
		write(-1)
		cfg := r.config()
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.TLS = server.TLS{TLSFiles: server.TLSFiles{Certificate: file("c"), PrivateKey: file("k")}}
		r.start(cfg)
		get := func(transport *http.Transport) (serial string) {
			resp, err := (&http.Client{Transport: transport}).Get("https://a:8761/actuator/prometheus")
			if err != nil {
				t.Errorf("a request failed: %v", err)
				return ""
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("answered %d, %v", resp.StatusCode, err)
			}
			return resp.TLS.PeerCertificates[0].SerialNumber.String()
		}
		kept, anew := r.transport("kept"), r.transport("anew")
		kept.TLSClientConfig, anew.TLSClientConfig, anew.DisableKeepAlives = ca.TLS(), ca.TLS(), true
		first := get(kept)
		for second := range 60 {
			if second%2 == 0 {
				write(second)
			} else {
				spoil(second)
			}
			newest := ""
			for range 5 {
				time.Sleep(210 * time.Millisecond)
				newest = get(anew)
				if _, ok := good[newest]; !ok {
					t.Fatalf("second %d: a certificate is shown that should not be", second)
				}
			}
			if want := second - second%2; good[newest] != want {
				t.Errorf("second %d: the certificate of second %d is shown, want that of %d", second, good[newest], want)
			}
			if get(kept) != first {
				t.Errorf("second %d: a long connection was closed", second)
			}
		}
	})
}

// A ring replaces the password that clients and nodes share, node by node and under load: no request is denied, and each change
// goes on reaching all nodes.
func TestRingReplacesItsPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		names := []string{"a", "b", "c"}
		cfgs := map[string]server.Config{}
		urls := func(password string) map[string][]string {
			var all []string
			for _, n := range names {
				all = append(all, "http://user:"+password+"@"+n+":8761/eureka/")
			}
			return map[string][]string{"defaultZone": all}
		}
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: names, Seed: 11, Configure: func(node string, cfg *server.Config) {
			cfg.ServiceURLs, cfg.Auth = urls("old"), server.Auth{Password: "old"}
			cfgs[node] = *cfg
		}})
		time.Sleep(2 * time.Minute)
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		conn := func(node, password string) *remote.Conn {
			conn, err := remote.New(remote.Config{URL: "http://user:" + password + "@" + node + ":8761/eureka/", Transport: transport})
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		asks := "old" // what clients show
		works := func(when string) {
			t.Helper()
			for _, node := range names {
				id := strings.ReplaceAll(when, " ", "-") + "-" + node
				register(t, conn(node, asks), instance("ORDERS", id))
				time.Sleep(3 * time.Second)
				for _, other := range names {
					if !c.Node(other).Has("ORDERS", id) {
						t.Errorf("%s: what registers at %s is not on %s", when, node, other)
					}
				}
			}
		}
		apply := func(when string, change func(*server.Config)) {
			t.Helper()
			for _, node := range names {
				cfg := cfgs[node]
				change(&cfg)
				if err := c.Node(node).Server().Apply(cfg); err != nil {
					t.Fatal(err)
				}
				cfgs[node] = cfg
				works(when + " on " + node)
			}
		}
		works("at first")
		apply("both", func(cfg *server.Config) { cfg.Auth.Password, cfg.Auth.Previous = "new", "old" })
		apply("new URLs", func(cfg *server.Config) { cfg.ServiceURLs = urls("new") })
		asks = "new"
		works("new clients")
		apply("only the new one", func(cfg *server.Config) { cfg.Auth.Previous = "" })
		for _, node := range names {
			w := httptest.NewRecorder()
			r := httptest.NewRequest("GET", "/metrics", nil)
			r.SetBasicAuth("user", "new")
			c.Node(node).Server().Handler().ServeHTTP(w, r)
			if strings.Contains(w.Body.String(), "heureka_auth_denied_total{") || w.Code != http.StatusOK {
				t.Errorf("%s denied requests: %d", node, w.Code)
			}
		}
		if err := conn("a", "old").Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "x"}); !strings.Contains(fmt.Sprint(err), "401") {
			t.Errorf("with the old password: %v", err)
		}
	})
}
