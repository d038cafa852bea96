package server_test

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"heureka.internal/heureka/server"
)

// Nobody becomes somebody by a header that proxies, other programs or nodes would set.
func TestHeadersMakeNobody(t *testing.T) {
	h := guarded(t, func(c *server.Config) { c.Auth.Instances = "enforce" }).Handler()
	for _, header := range [][]string{
		{"X-Forwarded-Client-Cert", "By=spiffe://corp;URI=spiffe://corp/admin;DNS=admin.corp"}, {"X-Client-Cert", "admin.corp"}, {"Ssl-Client-Verify", "SUCCESS"},
		{"X-Forwarded-User", "admin"}, {"X-Remote-User", "admin"}, {"X-Forwarded-For", "127.0.0.1"}, {"X-Heureka-Operator", "admin"}, {"X-Heureka-Node", strings.Repeat("a", 32)},
		{"X-Heureka-Owners", "=admin"}, {"Proxy-Authorization", "Bearer token of admin"}, {"Cookie", "Authorization=Bearer token of admin"}, {"X-Http-Method-Override", "GET"},
	} {
		for path, want := range map[string]int{"/eureka/apps": 401, "/eureka/apps/A/1": 401, "/heureka/v1/admin/auth/denied": 401} {
			if w := askAs(h, "GET", path, "", "nothing", header...); w.Code != want {
				t.Errorf("%s with %q: %d, want %d", path, header, w.Code, want)
			}
		}
		if w := askAs(h, "POST", "/eureka/peerreplication/batch/", "register", "token", header...); w.Code != 403 {
			t.Errorf("a batch with %q: %d", header, w.Code)
		}
	}
	// A client does not say whose its instance is.
	r := httptest.NewRequest("POST", "/eureka/apps/A", strings.NewReader(record("A", "1")))
	r.Header.Set("Content-Type", "application/json")
	askRequestAs(h, r, "register", "token", "X-Heureka-Owners", "=operate")
	if w := askAs(h, "DELETE", "/eureka/apps/A/1", "register", "token"); w.Code != 200 {
		t.Errorf("who has registered it cancels it: %d", w.Code)
	}
}

// No spelling of a name passes by the list that it is in.
func TestSpellingsOfApplications(t *testing.T) {
	h := fleetNode(t, func(c *server.Config) {
		c.Auth.Applications = map[string][]string{"root": {"PAY-*", "straße", "Ping", " TRIM "}}
	}).Handler()
	for _, app := range []string{"PAY-X", "pay-x", "Pay-\u0131", "strasse", "STRASSE", "stra\u00dfe", "STRA\u1e9eE", "p\u0131ng", "PING", "pin\u01f5", "trim", "pay-", "pay-%2e", "pay-x;y", "pay-.."} {
		want := http.StatusForbidden
		if app == "STRA\u1e9eE" || app == "pin\u01f5" { // other letters: Java takes them for other applications too
			want = http.StatusNotFound
		}
		r := httptest.NewRequest("PUT", "/eureka/apps/"+strings.ReplaceAll(url.PathEscape(app), "%25", "%")+"/1", nil)
		if strings.Contains(app, ";") {
			r = httptest.NewRequest("PUT", "/eureka/apps/"+app+"/1", nil)
		}
		r.Header.Set("Authorization", "Bearer bob")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d, want %d", app, w.Code, want)
		}
	}
}

// What a certificate must not have in its names: an authority may have meant somebody else.
func TestNamesOfCertificatesAreTakenAsTheyAre(t *testing.T) {
	h := guarded(t, func(c *server.Config) {
		c.Auth.Certificates = []server.CertificateRule{{URI: "spiffe://corp/ns/*/sa/{app}", Roles: []string{"register"}}, {DNS: "*.corp", Roles: []string{"register"}}}
	}).Handler()
	for name, want := range map[string]int{"spiffe://corp/ns/shop/sa/a": 404, "a.corp": 404,
		"spiffe://corp/ns/../sa/a": 401, "spiffe://corp/ns/./sa/a": 401, "spiffe://corp/ns/%2e%2e/sa/a": 401, "spiffe://corp/ns/a/sa/..": 401, "spiffe://corp/ns/a/b/sa/a": 401, "spiffe://CORP/ns/a/sa/a": 401,
		"spiffe://corp/ns//sa/a": 401, "spiffe://corp/ns/*/sa/a": 401, "spiffe://corp@evil/ns/a/sa/a": 401,
		"evil.example\x00.corp": 401, "a b.corp": 401, "a\n.corp": 401, "*.corp": 401, ".corp": 401, "a.b.corp": 401, "a.corp.": 401, "a.corp\x00": 401, "\u00e4.corp": 401} {
		leaf := &x509.Certificate{}
		if u, err := url.Parse(name); err == nil && u.Scheme == "spiffe" {
			leaf.URIs = []*url.URL{u}
		} else {
			leaf.DNSNames = []string{name}
		}
		r := httptest.NewRequest("PUT", "/eureka/apps/A/1", nil)
		r.TLS = verified(leaf)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%q: %d, want %d", name, w.Code, want)
		}
	}
}

// Headers of a token choose nothing: no key, no algorithm, no meaning that this node does not know.
func TestTricksOfTokens(t *testing.T) {
	h := guarded(t, nil).Handler()
	forge := func(headers map[jose.HeaderKey]any, embed bool, claims string) string {
		t.Helper()
		opts := &jose.SignerOptions{EmbedJWK: embed, ExtraHeaders: headers}
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: issuerKey}, opts)
		if err != nil {
			t.Fatal(err)
		}
		sig, err := signer.Sign([]byte(claims))
		if err != nil {
			t.Fatal(err)
		}
		text, err := sig.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	end, _ := json.Marshal(time.Now().Add(time.Hour).Unix())
	good := `{"sub":"admin","scope":"admin","aud":"registry","exp":` + string(end) + `}`
	plain := forge(nil, false, good)
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"a good one":           {plain, 404},
		"kid of a path":        {forge(map[jose.HeaderKey]any{"kid": "../../etc/passwd"}, false, good), 404}, // the one key has no name: it has signed this
		"an unknown extension": {forge(map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}, false, good), 401},
		"b64":                  {forge(map[jose.HeaderKey]any{"b64": true}, false, good), 404},
		"another type":         {forge(map[jose.HeaderKey]any{"typ": "logout+jwt"}, false, good), 401},
		"a token in a token":   {forge(map[jose.HeaderKey]any{"cty": "JWT"}, false, plain), 401},
		"no object":            {forge(nil, false, `["admin"]`), 401},
		"a long name":          {forge(nil, false, strings.Replace(good, `"sub":"admin"`, `"sub":"`+strings.Repeat("a", 600)+`"`, 1)), 401},
		"a list for a name":    {forge(nil, false, strings.Replace(good, `"sub":"admin"`, `"sub":["admin"]`, 1)), 401},
		"five parts":           {plain + ".x.y", 401},
		"padding":              {plain + "=", 401},
		"very long":            {strings.Repeat("a", 40_000), 401},
		"very long parts":      {strings.Repeat("a", 20_000) + "." + strings.Repeat("b", 20_000) + ".c", 401},
	} {
		if w := askAs(h, "PUT", "/eureka/apps/A/1", "", "nothing", "Authorization", "Bearer "+tt.token); w.Code != tt.want {
			t.Errorf("%s: %d, want %d", name, w.Code, tt.want)
		}
	}
}

// A name with control characters is one line of the audit log, and none of them reaches a terminal.
func TestNamesWithControlCharacters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newRig(t), new(lockedBuffer)
		r.start(server.Config{Auth: server.Auth{Instances: "enforce", JWT: server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}}, Audit: server.Audit{Writer: log}})
		evil := "ann\n{\"outcome\":\"done\"}\x1b[2J\x00"
		r.do("POST", "/eureka/apps/A", record("A", "1"), "Authorization", "Bearer "+signed(t, evil, "register"))
		if code, _ := r.do("DELETE", "/eureka/apps/A/1", "", "Authorization", "Bearer "+signed(t, "bob", "register")); code != 403 {
			t.Errorf("bob cancels: %d", code)
		}
		time.Sleep(time.Second)
		for line := range strings.Lines(log.String()) {
			if !json.Valid([]byte(line)) || strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\x00\n") {
				t.Errorf("a line %q", line)
			}
		}
		a, err := r.server.Access(server.AccessRequest{Method: "DELETE", Path: "/eureka/apps/A/1", Authorization: "Bearer " + signed(t, "bob", "register")})
		if err != nil || !strings.Contains(a.Text, "registered by ann") || strings.ContainsAny(a.Text, "\x1b\x00\n") {
			t.Errorf("%q, %v", a.Text, err)
		}
	})
}
