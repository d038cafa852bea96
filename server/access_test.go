package server_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// What a check tells is what happens, for each endpoint, role and kind of credential; and it changes nothing.
func TestAccessTellsWhatHappens(t *testing.T) {
	for _, mode := range []string{"enforce", "observe", "off"} {
		srv := guarded(t, func(c *server.Config) { c.Auth.Mode = mode })
		var told []server.Access
		for _, e := range endpoints {
			for _, role := range append(roles, "none", "") {
				q := server.AccessRequest{Method: e.method, Path: e.path}
				by := "nothing"
				switch role {
				case "none":
					by, q.Authorization = "password", "Basic "+base64.StdEncoding.EncodeToString([]byte("none:p"))
				case "":
				default:
					by, q.Authorization = "token", "Bearer token of "+role
				}
				a, err := srv.Access(q)
				if err != nil {
					t.Fatal(err)
				}
				w := askAs(srv.Handler(), e.method, e.path, role, by)
				denied := w.Code == 401 || w.Code == 403 && w.Header().Get("X-Heureka-Reason") == "forbidden"
				if a.Passes == denied || denied && a.Status != w.Code || a.Mode != mode || a.Needs != e.role {
					t.Errorf("%s %s as %q with mode %s is answered %d, but told: %+v", e.method, e.path, role, mode, w.Code, a)
				}
				if would := !hasRole(role, e.role, e.method, e.path); mode != "off" && would != (a.Why != "") {
					t.Errorf("%s %s as %q with mode %s: why is %q", e.method, e.path, role, mode, a.Why)
				}
				told = append(told, a)
			}
		}
		t.Logf("%s: %d, such as %s", mode, len(told), told[0].Text)
	}
}

// The text names who, what they lack and the setting that says so; never a secret.
func TestAccessText(t *testing.T) {
	srv := guarded(t, func(c *server.Config) { c.Auth.Modes = map[string]string{"read": "observe", "metrics": "off"} })
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, tt := range []struct {
		q    server.AccessRequest
		want string
	}{
		{server.AccessRequest{Method: "POST", Path: "/eureka/apps/A"}, "denied with 401: it needs the role register; who shows no credential has only probe by heureka.auth.anonymous"},
		{server.AccessRequest{Method: "POST", Path: "/eureka/apps/A", Authorization: basic("register:p")}, "passes: register has the role register by heureka.auth.users-file"},
		{server.AccessRequest{Method: "POST", Path: "/eureka/apps/A", Authorization: basic("register:falsch")},
			"denied with 401: it needs the role register; the credential is wrong (unknown user or wrong password)"},
		{server.AccessRequest{Method: "POST", Path: "/eureka/apps/A", Authorization: basic("register:p"), Replication: true},
			"denied with 403: it needs the role peer; register has only probe, register by heureka.auth.users-file"},
		{server.AccessRequest{Method: "GET", Path: "/eureka/apps", Authorization: "Bearer token of peer"},
			"passes while the mode is observe, and is counted: it needs the role read; peer has only probe, peer by heureka.auth.tokens-file"},
		{server.AccessRequest{Method: "GET", Path: "/actuator/prometheus"},
			"passes: heureka.auth.modes is off for the role metrics; who shows no credential has only probe by heureka.auth.anonymous"},
	} {
		if a, err := srv.Access(tt.q); err != nil || a.Text != tt.want {
			t.Errorf("%+v, %v, want %s", a, err, tt.want)
		}
	}
	for _, bad := range []server.AccessRequest{{}, {Method: "GET", Path: "x"}, {Method: "G T", Path: "/"}, {Method: "GET", Path: "/", Certificate: "secret"}} {
		if _, err := srv.Access(bad); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	open, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := open.Access(server.AccessRequest{Method: "GET", Path: "/eureka/apps"}); err != nil || !a.Passes {
		t.Errorf("without credentials: %+v, %v", a, err)
	}
}

// The list names who would have been denied, how often and why. It is for administrators, and bounded.
func TestDeniedList(t *testing.T) {
	srv := guarded(t, func(c *server.Config) { c.Auth.Modes = map[string]string{"register": "observe"} })
	for range 3 {
		askAs(srv.Handler(), "PUT", "/eureka/apps/A/1", "", "nothing", "User-Agent", "Java\x1b[31m-EurekaClient")
	}
	askAs(srv.Handler(), "PUT", "/eureka/apps/A/1", "read", "token")
	askAs(srv.Handler(), "GET", "/eureka/apps", "peer", "password")
	const path = "/heureka/v1/admin/auth/denied"
	for _, role := range roles {
		want := 403
		if role == "admin" {
			want = 200
		}
		if w := askAs(srv.Handler(), "GET", path, role, "token"); w.Code != want {
			t.Errorf("%s gets %d, want %d", role, w.Code, want)
		}
	}
	list := func() (doc struct {
		Modes  map[string]string
		Denied []struct {
			Role, Why, Principal, Address, UserAgent, Action, App, ID string
			Passed                                                    bool
			Count                                                     int
		}
	}) {
		w := askAs(srv.Handler(), "GET", path, "admin", "token")
		if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		return doc
	}
	var got []string
	for _, d := range list().Denied {
		if d.Role == "admin" {
			continue
		}
		got = append(got, strings.Join([]string{d.Role, d.Why, d.Principal, d.Address, d.UserAgent, d.Action, d.App, d.ID, map[bool]string{true: "passed", false: "denied"}[d.Passed], string(rune('0' + d.Count))}, " "))
	}
	want := []string{"read lacks-role peer 192.0.2.1  apps   denied 1", "register anonymous  192.0.2.1 Java[31m-EurekaClient heartbeat A 1 passed 3", "register lacks-role read 192.0.2.1  heartbeat A 1 passed 1"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for i := range 6000 {
		r := httptest.NewRequest("PUT", "/eureka/apps/A/1", nil)
		r.RemoteAddr = "10.0." + string(rune('A'+i/250)) + "." + string(rune('A'+i%250)) + ":1"
		srv.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	sum := 0
	for _, d := range list().Denied {
		if d.Role == "register" && d.Why == "anonymous" {
			sum += d.Count
		}
	}
	if n := len(list().Denied); n < 4000 || n > 4200 || sum != 6003 {
		t.Errorf("%d lines with %d denials, want about 4096 with 6003", n, sum)
	}
}

// What is told of a certificate is what happens to it, and each that is refused has a line in the audit log with the reason.
func TestAccessByCertificate(t *testing.T) {
	var log lockedBuffer
	n := mutualNode(t, func(c *server.Config) { c.Audit.Writer = &log })
	foreign := tlsconftest.New(t)
	for name, tt := range map[string]struct {
		shown tlsconftest.Pair
		want  string // of PUT beatPath
	}{
		"an application": {n.of("spiffe://corp/sa/orders"), "passes: spiffe://corp/sa/orders has the role register by heureka.auth.certificates[0]"},
		"a peer":         {n.of("b.corp"), "denied with 403: it needs the role register; b.corp has only probe, read, peer by heureka.auth.peer-certificates"},
		"a stranger":     {n.of("other.corp"), ""},
		"a common name":  {n.Issue(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: "b.corp"} }), ""},
		"a foreign one":  {foreign.Issue(func(c *x509.Certificate) { alternative(c, "spiffe://corp/sa/orders") }), ""},
		"an old one":     {n.Issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), ""},
	} {
		for _, what := range []struct{ method, path string }{{"PUT", beatPath}, {"GET", digestPath}, {"GET", livePath}} {
			a, err := n.srv.Access(server.AccessRequest{Method: what.method, Path: what.path, Certificate: string(tt.shown.Cert)})
			if err != nil {
				t.Fatal(err)
			}
			got, _ := n.ask(n.client(tt.shown), what.method, what.path)
			if denied := got == 401 || got == 403; a.Passes == denied || denied && a.Status != got {
				t.Errorf("%s, %s %s is answered %d, but told: %s", name, what.method, what.path, got, a.Text)
			}
			if tt.want == "" && a.Fault == "" {
				t.Errorf("%s: nothing is said to be wrong: %s", name, a.Text)
			}
			if tt.want != "" && what.path == beatPath && a.Text != tt.want {
				t.Errorf("%s: %s, want %s", name, a.Text, tt.want)
			}
			if a.Passes {
				continue
			}
			waitUntil(t, name+" is audited", func() bool {
				return slices.ContainsFunc(entries(t, log.String()), func(e audit.Entry) bool {
					return e.Outcome == audit.Denied && e.Proof == "certificate" && e.Address == "127.0.0.1" && strings.HasSuffix(e.Reason, a.Fault) && e.Principal == a.Principal
				})
			})
		}
	}
}

// Whoever looks at the status page learns that access is only observed, as long as somebody would be denied.
func TestPageTellsThatAccessIsObserved(t *testing.T) {
	const text = "Access is only observed"
	h := guarded(t, func(c *server.Config) { c.Auth.Mode = "observe" }).Handler()
	if page := askAs(h, "GET", "/", "admin", "token").Body.String(); strings.Contains(page, text) {
		t.Error("the page warns before anybody would be denied")
	}
	askAs(h, "PUT", "/eureka/apps/A/1", "", "nothing")
	if page := askAs(h, "GET", "/", "admin", "token").Body.String(); !strings.Contains(page, text) {
		t.Error("the page does not warn")
	}
}
