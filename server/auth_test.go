package server_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/crypto/bcrypt"

	"heureka.internal/heureka/server"
)

// roles are all there are; endpoints are what there is to be asked for, with the role that it takes.
var (
	roles     = []string{"probe", "read", "register", "operate", "peer", "metrics", "admin"}
	endpoints = []struct{ method, path, role string }{
		{"GET", "/eureka/apps", "read"}, {"HEAD", "/eureka/apps", "read"}, {"GET", "/eureka/apps/delta", "read"}, {"GET", "/eureka/apps/A", "read"},
		{"GET", "/eureka/apps/A/1", "read"}, {"GET", "/eureka/instances/1", "read"}, {"GET", "/eureka/vips/v", "read"}, {"GET", "/eureka/svips/v", "read"},
		{"GET", "/eureka/status", "read"}, {"GET", "/eureka/serverinfo/statusoverrides", "read"}, {"GET", "/heureka/v1/history", "read"},
		{"GET", "/heureka/v1/apps", "read"}, {"GET", "/", "read"}, {"GET", "/lastn", "read"}, {"GET", "/actuator", "read"}, {"GET", "/actuator/info", "read"},
		{"GET", "/actuator/health/ping", "read"}, {"GET", "/heureka/v1/watch?wait=1ms", "read"},
		{"POST", "/eureka/apps/A", "register"}, {"PUT", "/eureka/apps/A/1", "register"}, {"DELETE", "/eureka/apps/A/1", "register"}, {"PUT", "/eureka/apps/A/1/metadata?k=v", "register"},
		{"PUT", "/eureka/apps/A/1/status?value=DOWN", "operate"}, {"DELETE", "/eureka/apps/A/1/status", "operate"}, {"PUT", "/eureka/asg/x/status?value=DISABLED", "operate"},
		{"POST", "/heureka/v1/protection/release", "operate"}, {"POST", "/heureka/v1/evict", "operate"}, {"POST", "/heureka/v1/instance/cancel?app=A&id=1", "operate"},
		{"POST", "/act?action=override", "operate"}, {"POST", "/instances", "operate"},
		{"POST", "/eureka/peerreplication/batch/", "peer"}, {"GET", "/eureka/peerreplication/digest", "peer"}, {"POST", "/eureka/peerreplication/buckets", "peer"},
		{"POST", "/eureka/peerreplication/heard", "peer"},
		{"GET", "/metrics", "metrics"}, {"GET", "/actuator/prometheus", "metrics"}, {"GET", "/actuator/metrics", "metrics"},
		{"POST", "/actuator/loggers/ROOT", "admin"}, {"GET", "/actuator/loggers", "admin"}, {"GET", "/nothing", "admin"},
		{"GET", "/heureka/v1/admin/auth/denied", "admin"}, {"POST", "/heureka/v1/admin/auth/check", "admin"}, {"GET", "/heureka/v1/admin/", "admin"},
		{"GET", "/actuator/health", "probe"}, {"GET", "/actuator/health/liveness", "probe"}, {"GET", "/actuator/health/readiness", "probe"}, {"GET", "/eureka/healthcheck", "probe"},
	}
)

// spelled returns the path in the forms that lead, or seem to lead, to the same place.
func spelled(path string) []string {
	all := []string{path, "/" + path, strings.Replace(path, "/", "/%2e/", 1), path + "/", path + ";x=y", strings.Replace(path, "a", "%61", 1),
		strings.Replace(path, "p", "%70", 1), strings.ToUpper(path)}
	if rest, ok := strings.CutPrefix(path, "/eureka/"); ok {
		all = append(all, "/eureka/v2/"+rest, "/v2/"+rest, "/eureka;x=y/"+rest, "/eureka//"+rest, "/eureka/./"+rest)
	}
	return all
}

// guarded returns a node on which each role has a user, password "p", a token, and certificates with the name ROLE.corp, all named after
// the role. It takes tokens of an issuer.
func guarded(t *testing.T, change func(*server.Config)) *server.Server {
	t.Helper()
	dir, users, tokens := t.TempDir(), "# users\n", ""
	hash, err := bcrypt.GenerateFromPassword([]byte("p"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	cfg := server.Config{Auth: server.Auth{UserRoles: map[string][]string{}, UsersFile: filepath.Join(dir, "users"), TokensFile: filepath.Join(dir, "tokens")}}
	for _, role := range append(roles, "none") {
		users += role + ":" + string(hash) + "\n"
		if role != "none" {
			cfg.Auth.UserRoles[role] = []string{role}
			cfg.Auth.Certificates = append(cfg.Auth.Certificates, server.CertificateRule{DNS: role + ".corp", Roles: []string{role}})
			tokens += fmt.Sprintf("%s:%x:%s\n", role, sha256.Sum256([]byte("token of "+role)), role)
		}
	}
	for name, text := range map[string]string{cfg.Auth.UsersFile: users, cfg.Auth.TokensFile: tokens} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Auth.JWT = server.JWT{PublicKey: issuerPEM, Audiences: []string{"registry"}, Algorithms: []string{"EdDSA"}}
	cfg.Actuator.Include = []string{"*"}
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// hasRole reports whether who has a role may do what needs another one.
func hasRole(role, needs, method, path string) bool {
	return role == needs || role == "admin" || needs == "probe" ||
		role == "operate" && needs == "register" && (method == "DELETE" || strings.Contains(path, "/metadata")) // of any instance
}

// askAs makes a request in the role; by tells how the credential is shown.
func askAs(h http.Handler, method, path, role, by string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost/", nil)
	spell(r, path)
	return askRequestAs(h, r, role, by, header...)
}

// spell gives a request a path as it is.
func spell(r *http.Request, path string) {
	r.RequestURI = path
	if u, err := r.URL.Parse(path); err == nil && !strings.HasPrefix(path, "//") {
		r.URL = u
	} else if u, err := r.URL.Parse("http://localhost" + path); err == nil {
		r.URL = u
	}
	r.URL.Scheme, r.URL.Host = "", ""
}

// askRequestAs shows a credential of the role.
func askRequestAs(h http.Handler, r *http.Request, role, by string, header ...string) *httptest.ResponseRecorder {
	switch by {
	case "password":
		r.SetBasicAuth(role, "p")
	case "token":
		r.Header.Set("Authorization", "Bearer token of "+role)
	case "wrong password":
		r.SetBasicAuth(role, "q")
	case "wrong token":
		r.Header.Set("Authorization", "Bearer x")
	case "another scheme":
		r.Header.Set("Authorization", "Digest x")
	case "certificate":
		r.TLS = verified(&x509.Certificate{DNSNames: []string{role + ".corp"}})
	case "a common name":
		r.TLS = verified(&x509.Certificate{Subject: pkix.Name{CommonName: "admin.corp"}})
	case "a wildcard":
		r.TLS = verified(&x509.Certificate{DNSNames: []string{"*.corp"}})
	case "another authority":
		r.TLS = verified(&x509.Certificate{DNSNames: []string{"admin.corp"}})
		r.TLS.VerifiedChains = nil
	case "two":
		r.Header["Authorization"] = []string{"Bearer token of admin", "Bearer token of admin"}
	}
	if token := tokenFor(role, by); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// verified is a connection whose certificate somebody has verified.
func verified(leaf *x509.Certificate) *tls.ConnectionState {
	leaf.NotAfter = time.Now().Add(time.Hour)
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}
}

// badTokens are tokens that are wrong in one respect; all claim to be the administrator's.
var badTokens = map[string]struct {
	algorithm jose.SignatureAlgorithm
	key       any
	change    map[string]any
}{
	"an expired JWT":           {jose.EdDSA, issuerKey, map[string]any{"exp": 1}},
	"a JWT without end":        {jose.EdDSA, issuerKey, map[string]any{"exp": nil}},
	"a JWT for others":         {jose.EdDSA, issuerKey, map[string]any{"aud": "other"}},
	"a JWT with HS256":         {jose.HS256, []byte("0123456789abcdef0123456789abcdef"), nil},
	"a JWT of another's key":   {jose.EdDSA, ed25519.NewKeyFromSeed([]byte("another seed, for another key 32")), nil},
	"a JWT that names nobody":  {jose.EdDSA, issuerKey, map[string]any{"sub": nil}},
	"a JWT before its time":    {jose.EdDSA, issuerKey, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}},
	"a JWT with no signature":  {},
	"a JWT with another's end": {},
}

// tokenFor returns the token that is shown; "" if it is another credential.
func tokenFor(role, by string) string {
	good, err := tokenOf(jose.EdDSA, issuerKey, map[string]any{"sub": "admin", "scope": "admin"})
	bad, isBad := badTokens[by]
	part := strings.Split(good, ".")
	switch {
	case by == "JWT":
		good, err = tokenOf(jose.EdDSA, issuerKey, map[string]any{"sub": role, "scope": "openid " + role})
	case by == "a JWT with no signature":
		good = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + part[1] + "."
	case by == "a JWT with another's end":
		good = part[0] + "." + part[1] + "." + strings.Repeat("A", len(part[2]))
	case isBad:
		claims := map[string]any{"sub": "admin", "scope": "admin"}
		maps.Copy(claims, bad.change)
		good, err = tokenOf(bad.algorithm, bad.key, claims)
	default:
		return ""
	}
	if err != nil {
		panic(err)
	}
	return good
}

// Whoever lacks a role gets 401 or 403 without a body, however the path is spelled; whoever has it gets through.
func TestMatrixOfRoles(t *testing.T) {
	srv := guarded(t, nil)
	h := srv.Handler()
	asked := 0
	check := func(method, path, needs, role, by string) {
		t.Helper()
		allowed := hasRole(role, needs, method, path)
		for i, path := range spelled(path) {
			if i > 0 && by == "password" {
				break // the others show the same
			}
			w := askAs(h, method, path, role, by)
			asked++
			denied := w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden
			switch {
			case !allowed && (!denied || w.Body.Len() > 0):
				t.Errorf("%s %s as %s by %s: %d %q, want to be denied without a body", method, path, role, by, w.Code, w.Body)
			case allowed && i == 0 && denied && w.Header().Get("X-Heureka-Reason") != "not-allowed": // by configuration
				t.Errorf("%s %s as %s by %s: %d", method, path, role, by, w.Code)
			}
			if challenge := w.Header().Get("Www-Authenticate"); (w.Code == http.StatusUnauthorized) != (challenge != "") {
				t.Errorf("%s %s: %d with the challenge %q", method, path, w.Code, challenge)
			}
		}
	}
	for _, e := range endpoints {
		for _, by := range []string{"password", "token", "JWT", "certificate"} {
			for _, role := range roles {
				check(e.method, e.path, e.role, role, by)
			}
		}
		check(e.method, e.path, e.role, "", "nothing")
		check(e.method, e.path, e.role, "none", "password")
		wrong := []string{"wrong password", "wrong token", "another scheme", "two", "a common name", "a wildcard", "another authority"}
		for _, by := range slices.AppendSeq(wrong, maps.Keys(badTokens)) { // even where nothing is needed
			w := askAs(h, e.method, e.path, "stranger", by)
			if w.Code != http.StatusUnauthorized || w.Body.Len() > 0 {
				t.Errorf("%s %s by %s: %d %q, want 401 without a body", e.method, e.path, by, w.Code, w.Body)
			}
		}
	}
	t.Logf("%d requests", asked)
}

// Only a peer may speak for others.
func TestReplicationHeaderNeedsPeer(t *testing.T) {
	h := guarded(t, nil).Handler()
	for role, want := range map[string]int{"register": 403, "operate": 403, "peer": 404, "admin": 404} {
		if w := askAs(h, "PUT", "/eureka/apps/A/1?status=UP", role, "token", "x-netflix-discovery-replication", "true"); w.Code != want {
			t.Errorf("as %s: %d, want %d", role, w.Code, want)
		}
	}
}

// A client that may not read the delta must not take it for one that is switched off, and fetch everything.
func TestDeltaIsUnauthorized(t *testing.T) {
	h := guarded(t, nil).Handler()
	if w := askAs(h, "GET", "/eureka/apps/delta", "register", "token"); w.Code != http.StatusUnauthorized {
		t.Errorf("%d, want 401", w.Code)
	}
}

// Roles are switched on one by one; what only observes lets pass, and counts.
func TestModes(t *testing.T) {
	h := guarded(t, func(c *server.Config) {
		c.Auth.Mode = "observe"
		c.Auth.Modes = map[string]string{"peer": "enforce", "read": "off"}
	}).Handler()
	for _, tt := range []struct {
		method, path, by string
		want             int
	}{
		{"PUT", "/eureka/apps/A/1", "nothing", 404}, {"PUT", "/eureka/apps/A/1", "wrong token", 404}, {"GET", "/eureka/apps/A", "wrong token", 404},
		{"GET", "/eureka/peerreplication/batch", "nothing", 401}, {"POST", "/eureka/peerreplication/batch", "wrong token", 401},
	} {
		if w := askAs(h, tt.method, tt.path, "", tt.by); w.Code != tt.want && !(tt.want == 404 && w.Code == 503) { // it has not opened
			t.Errorf("%s %s by %s: %d, want %d", tt.method, tt.path, tt.by, w.Code, tt.want)
		}
	}
	numbers := askAs(h, "GET", "/metrics", "", "nothing").Body.String()
	for _, want := range []string{`heureka_auth_denied_total{mode="observe",role="register",why="anonymous"} 1`, `heureka_auth_denied_total{mode="observe",role="register",why="wrong-credential"} 1`,
		`heureka_auth_denied_total{mode="enforce",role="peer",why="anonymous"} 1`} {
		if !strings.Contains(numbers, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(numbers, `role="read"`) {
		t.Error("a role that is off counts")
	}
}

// What would be weaker than asked for does not start.
func TestBadAuthDoesNotStart(t *testing.T) {
	for name, a := range map[string]server.Auth{
		"a colon":        {Password: "a:b"},
		"nobody":         {Mode: "enforce"},
		"no such role":   {Password: "p", Roles: []string{"USER"}},
		"no such mode":   {Password: "p", Mode: "on"},
		"no mode's role": {Password: "p", Modes: map[string]string{"x": "off"}},
		"no file":        {UsersFile: filepath.Join(t.TempDir(), "none")},
		"an encoding":    {Password: "{MD5}abc"},
		"no hash":        {Password: "{bcrypt}abc"},
	} {
		if _, err := server.New(server.Config{Auth: a}); err == nil {
			t.Errorf("%s: it starts", name)
		} else if strings.Contains(err.Error(), "a:b") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

// Spring's one user may do everything, and nobody else anything.
func TestSpringUserGuardsEverything(t *testing.T) {
	srv, err := server.New(server.Config{Auth: server.Auth{Password: "geheim"}})
	if err != nil {
		t.Fatal(err)
	}
	for by, want := range map[string]int{"geheim": 404, "falsch": 401} {
		r := httptest.NewRequest("PUT", "/eureka/apps/A/1", nil)
		r.SetBasicAuth("user", by)
		w := httptest.NewRecorder()
		srv.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("with %s: %d, want %d", by, w.Code, want)
		}
	}
	if w := askAs(srv.Handler(), "PUT", "/eureka/apps/A/1", "", "nothing"); w.Code != http.StatusUnauthorized {
		t.Errorf("with nothing: %d", w.Code)
	}
}

// Another site's page changes nothing with the password or certificate that a browser shows by itself; the node's own pages, and clients
// that are no browsers, may.
func TestOtherSitesUseNobodysCredential(t *testing.T) {
	h := guarded(t, func(c *server.Config) { c.LogLevel = new(slog.LevelVar) }).Handler()
	writes := 0
	for _, e := range endpoints {
		for site, want := range map[string]bool{"cross-site": false, "same-site": false, "same-origin": true, "none": true, "": true} {
			w := askAs(h, e.method, e.path, "admin", "password", "Sec-Fetch-Site", site, "Sec-Fetch-Mode", "cors")
			denied := w.Code == http.StatusForbidden && w.Header().Get("X-Heureka-Reason") == "forbidden"
			if reads := e.method == "GET" || e.method == "HEAD"; denied == (want || reads) {
				t.Errorf("%s %s from %q: %d", e.method, e.path, site, w.Code)
			} else if !reads {
				writes++
			}
		}
	}
	if writes < 50 {
		t.Errorf("only %d", writes)
	}
}
