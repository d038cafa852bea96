package server_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heureka.internal/heureka/server"
)

// A change of the settings of tokens counts at once, also for tokens that have been verified; a mistake changes nothing, and is counted.
func TestJWTSettingsAreReplaced(t *testing.T) {
	cfg := server.Config{Auth: server.Auth{Password: "p", JWT: server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}}}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	other := ed25519.NewKeyFromSeed([]byte("the seed of another key, of tests"[:32]))
	good := signed(t, "app", "register")
	ofOther, err := tokenOf(jose.EdDSA, other, map[string]any{"sub": "app", "scope": "register"})
	if err != nil {
		t.Fatal(err)
	}
	asks := func(token string) int {
		return as(t, srv.Handler(), token, "PUT", "/eureka/apps/A/1", "")
	}
	with := func(change func(*server.JWT)) server.Auth {
		a := server.Auth{Password: "p", JWT: server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}}
		change(&a.JWT)
		return a
	}
	for _, step := range []struct {
		what           string
		auth           server.Auth
		fails          bool
		first, ofOther int
	}{
		{"as started", with(func(*server.JWT) {}), false, 404, 401},
		{"another audience", with(func(j *server.JWT) { j.Audiences = []string{"x"} }), false, 401, 401},
		{"and back", with(func(*server.JWT) {}), false, 404, 401},
		{"other authorities", with(func(j *server.JWT) { j.Authorities = "groups" }), false, 403, 401},
		{"another key", with(func(j *server.JWT) { j.PublicKey = publicPEM(other.Public()) }), false, 401, 404},
		{"no audience", with(func(j *server.JWT) { j.Audiences = nil }), true, 401, 404},
		{"a shared secret", with(func(j *server.JWT) { j.Algorithms = []string{"HS256"} }), true, 401, 404},
		{"no tokens", server.Auth{Password: "p"}, false, 401, 401},
		{"tokens again", with(func(*server.JWT) {}), false, 404, 401},
	} {
		cfg.Auth = step.auth
		if err := srv.Apply(cfg); (err != nil) != step.fails {
			t.Fatalf("%s: %v", step.what, err)
		}
		if a, b := asks(good), asks(ofOther); a != step.first || b != step.ofOther {
			t.Errorf("%s: %d and %d, want %d and %d", step.what, a, b, step.first, step.ofOther)
		}
	}
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.SetBasicAuth("user", "p")
	w := httptest.NewRecorder()
	srv.Handler().ServeHTTP(w, r)
	if want := "heureka_auth_reload_failures_total 2"; !strings.Contains(w.Body.String(), want) {
		t.Errorf("no %s", want)
	}
}

// issuers answer with keys by their hosts.
type issuers struct{ keys sync.Map }

func (is *issuers) RoundTrip(r *http.Request) (*http.Response, error) {
	key, there := is.keys.Load(r.URL.Host)
	if !there {
		return nil, errors.New("no such host")
	}
	set, err := (&jose.JSONWebKey{Key: key, KeyID: r.URL.Host, Use: "sig"}).MarshalJSON()
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"keys":[` + string(set) + `]}`))}, err
}

// Another issuer counts once it has told its keys. One that does not answer changes nothing, and the old one's keys are followed on.
func TestIssuerIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		keys := map[string]ed25519.PrivateKey{}
		is := new(issuers)
		for _, host := range []string{"a", "b"} {
			keys[host] = ed25519.NewKeyFromSeed([]byte(strings.Repeat(host, 32)))
			is.keys.Store(host, keys[host].Public())
		}
		of := func(host string) server.Auth {
			return server.Auth{Password: "p", JWT: server.JWT{JWKSetURI: "http://" + host + "/keys", Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}}
		}
		cfg := server.Config{Auth: of("a"), Transport: is}
		r.start(cfg)
		time.Sleep(time.Second)
		want := func(what string, a, b int) {
			t.Helper()
			for host, want := range map[string]int{"a": a, "b": b} {
				token, err := tokenOf(jose.EdDSA, keys[host], map[string]any{"sub": "app", "scope": "read"})
				if err != nil {
					t.Fatal(err)
				}
				if got, _ := r.do("GET", "/eureka/apps", "", "Authorization", "Bearer "+token); got != want {
					t.Errorf("%s: a token of %s: %d, want %d", what, host, got, want)
				}
			}
		}
		want("as started", 200, 401)
		cfg.Auth = of("nobody")
		if err := r.server.Apply(cfg); err == nil || !strings.Contains(err.Error(), "cannot fetch") {
			t.Errorf("an issuer that does not answer: %v", err)
		}
		want("one that does not answer", 200, 401)
		cfg.Auth = of("b")
		if err := r.server.Apply(cfg); err != nil {
			t.Fatal(err)
		}
		want("another one", 401, 200)
		is.keys.Store("b", keys["a"].Public()) // it has other keys now
		time.Sleep(10 * time.Minute)
		want("with other keys", 200, 401)
	})
}

// Other rules count for certificates of connections that are open.
func TestCertificateRulesAreReplaced(t *testing.T) {
	var cfg server.Config
	n := mutualNode(t, func(c *server.Config) { cfg = *c })
	client := n.client(n.of("spiffe://corp/sa/orders"))
	asks := func() int {
		t.Helper()
		r, err := http.NewRequest("PUT", n.url+"/eureka/apps/ORDERS/1", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode
	}
	for _, step := range []struct {
		what  string
		rule  server.CertificateRule
		fails bool
		want  int
	}{
		{"as started", server.CertificateRule{URI: "spiffe://corp/sa/{app}", Roles: []string{"register"}}, false, 404},
		{"fewer roles", server.CertificateRule{URI: "spiffe://corp/sa/{app}", Roles: []string{"read"}}, false, 403},
		{"a mistake", server.CertificateRule{Subject: "CN=orders"}, true, 403},
		{"no such role", server.CertificateRule{URI: "spiffe://corp/sa/{app}", Roles: []string{"x"}}, true, 403},
		{"other applications", server.CertificateRule{URI: "spiffe://corp/sa/*", Roles: []string{"register"}, Applications: []string{"SHOP"}}, false, 403},
		{"theirs", server.CertificateRule{URI: "spiffe://corp/sa/*", Roles: []string{"register"}, Applications: []string{"orders"}}, false, 404},
		{"another name", server.CertificateRule{URI: "spiffe://other/sa/*", Roles: []string{"register"}}, false, 401},
	} {
		cfg.Auth.Certificates = []server.CertificateRule{step.rule}
		if err := n.srv.Apply(cfg); (err != nil) != step.fails {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := asks(); got != step.want {
			t.Errorf("%s: %d, want %d", step.what, got, step.want)
		}
	}
}

// A token's line may have applications: they are its own, nobody else's, and make ownership count by default.
func TestTokensOwnApplications(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "tokens")
		write := func(shop string) {
			text := fmt.Sprintf("shop:%x:register%s\nfree:%x:register\n", sha256.Sum256([]byte("shop")), shop, sha256.Sum256([]byte("free")))
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("")
		r := newRig(t)
		r.start(server.Config{Auth: server.Auth{TokensFile: file}})
		want := func(what string, shopsOwn, shopsOther, freesShop int) {
			t.Helper()
			for _, tt := range []struct {
				who, app string
				want     int
			}{{"shop", "SHOP-1", shopsOwn}, {"shop", "X", shopsOther}, {"free", "shop-1", freesShop}, {"free", "X", 404}} {
				if got, _ := r.do("PUT", "/eureka/apps/"+tt.app+"/1", "", "Authorization", "Bearer "+tt.who); got != tt.want {
					t.Errorf("%s: %s for %s: %d, want %d", what, tt.who, tt.app, got, tt.want)
				}
			}
		}
		want("nobody's", 404, 404, 404)
		for _, step := range []struct {
			column     string
			own, other int
			frees      int
		}{{":Shop-*,basket", 404, 403, 403}, {":", 404, 403, 403}, {":A,,B", 404, 403, 403}, {":A:B", 403, 403, 404}, {"", 404, 404, 404}} {
			write(step.column)
			time.Sleep(3 * time.Second)
			want(step.column, step.own, step.other, step.frees)
		}
	})
}
