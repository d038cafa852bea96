package httpapi_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/httpapi"
)

// actuatorOf is an actuator of a node in this health.
func actuatorOf(h httpapi.Health) http.Handler {
	return serving(httpapi.ActuatorConfig{
		Base:    "/actuator",
		Health:  func() httpapi.Health { return h },
		Info:    func() map[string]any { return map[string]any{"build": map[string]any{"version": "1.2.3"}} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "numbers") }),
	})
}

// serving is a node that has an actuator, and nothing else that these tests ask for.
func serving(cfg httpapi.ActuatorConfig) http.Handler {
	return newAPI(httpapi.Config{Prefix: cfg.Prefix, Actuator: httpapi.NewActuator(cfg)}, nil)
}

var (
	healthy = httpapi.Health{Liveness: httpapi.HealthUp, Readiness: httpapi.HealthUp, Components: map[string]httpapi.Component{
		"selfPreservation": {Status: httpapi.HealthUp, Details: map[string]any{"active": true}},
		"peers":            {Status: httpapi.HealthUnknown},
	}}
	syncing = httpapi.Health{Liveness: httpapi.HealthUp, Readiness: httpapi.HealthOutOfService}
	dead    = httpapi.Health{Liveness: httpapi.HealthDown, Readiness: httpapi.HealthOutOfService}
)

const actuatorType = "application/vnd.spring-boot.actuator.v3+json"

func TestHealthStatuses(t *testing.T) {
	for path, want := range map[string][3]struct {
		code   int
		status string
	}{
		"/actuator/health":                 {{200, "UP"}, {200, "UP"}, {503, "DOWN"}}, // waiting is no reason for a restart
		"/actuator/health/":                {{200, "UP"}, {200, "UP"}, {503, "DOWN"}},
		"/actuator/health/liveness":        {{200, "UP"}, {200, "UP"}, {503, "DOWN"}},
		"/actuator/health/livenessState":   {{200, "UP"}, {200, "UP"}, {503, "DOWN"}},
		"/actuator/health/readiness":       {{200, "UP"}, {503, "OUT_OF_SERVICE"}, {503, "OUT_OF_SERVICE"}},
		"/actuator/health/readinessState/": {{200, "UP"}, {503, "OUT_OF_SERVICE"}, {503, "OUT_OF_SERVICE"}},
		"/actuator/health/ping":            {{200, "UP"}, {200, "UP"}, {200, "UP"}},
	} {
		for i, h := range []httpapi.Health{healthy, syncing, dead} {
			a := do(t, actuatorOf(h), "GET", path, "")
			var doc struct{ Status string }
			if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
				t.Fatalf("%s: %v: %s", path, err, a.body)
			}
			if a.status != want[i].code || doc.Status != want[i].status || a.header.Get("Content-Type") != actuatorType {
				t.Errorf("%s of %+v = %d %q %s, want %v", path, h, a.status, a.header.Get("Content-Type"), a.body, want[i])
			}
		}
	}
}

func TestHealthDocument(t *testing.T) {
	a := do(t, actuatorOf(healthy), "GET", "/actuator/health", "")
	want := `{"components":{"livenessState":{"status":"UP"},"peers":{"status":"UNKNOWN"},"ping":{"status":"UP"},"readinessState":{"status":"UP"},` +
		`"selfPreservation":{"status":"UP","details":{"active":true}}},"groups":["liveness","readiness"],"status":"UP"}`
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
	a = do(t, actuatorOf(healthy), "GET", "/actuator/health/selfPreservation", "")
	if want := `{"status":"UP","details":{"active":true}}`; a.status != 200 || a.body != want {
		t.Errorf("component = %d %s, want %s", a.status, a.body, want)
	}
}

func TestActuatorInfoAndLinks(t *testing.T) {
	a := do(t, actuatorOf(healthy), "GET", "/actuator/info", "")
	if want := `{"build":{"version":"1.2.3"}}`; a.status != 200 || a.body != want {
		t.Errorf("info = %d %s, want %s", a.status, a.body, want)
	}
	if a := do(t, serving(httpapi.ActuatorConfig{Base: "/actuator"}), "GET", "/actuator/info", ""); a.status != 200 || a.body != "{}" {
		t.Errorf("info of nothing = %d %s", a.status, a.body)
	}
	a = do(t, actuatorOf(healthy), "GET", "http://h:8761/actuator", "")
	want := `{"_links":{"health":{"href":"http://h:8761/actuator/health","templated":false},` +
		`"health-path":{"href":"http://h:8761/actuator/health/{*path}","templated":true},` +
		`"info":{"href":"http://h:8761/actuator/info","templated":false},` +
		`"prometheus":{"href":"http://h:8761/actuator/prometheus","templated":false},` +
		`"self":{"href":"http://h:8761/actuator","templated":false}}}`
	if diff := cmp.Diff(want, a.body); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
}

func TestActuatorLinksOverTLS(t *testing.T) {
	r := httptest.NewRequest("GET", "/ctx/actuator/", nil)
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	serving(httpapi.ActuatorConfig{Prefix: "/ctx", Base: "/actuator"}).ServeHTTP(w, r)
	var doc struct {
		Links map[string]struct{ Href string } `json:"_links"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Links["self"].Href != "https://example.com/ctx/actuator" {
		t.Errorf("%v: %s", err, w.Body)
	}
}

// Where the endpoints are, which of them there are and what they show is as configured.
func TestActuatorAsConfigured(t *testing.T) {
	some := func(names ...string) func(string) bool {
		return func(n string) bool { return slices.Contains(names, n) }
	}
	for name, tt := range map[string]struct {
		cfg  httpapi.ActuatorConfig
		want map[string]int // by path
	}{
		"base":        {httpapi.ActuatorConfig{Base: "/manage"}, map[string]int{"/manage": 200, "/manage/health/liveness": 200, "/manage/health": 200, "/actuator/health": 404}},
		"deep base":   {httpapi.ActuatorConfig{Prefix: "/ctx", Base: "/a/b"}, map[string]int{"/ctx/a/b/info": 200, "/a/b/info": 404}},
		"root":        {httpapi.ActuatorConfig{Base: ""}, map[string]int{"/health": 200, "/health/ping": 200, "/prometheus": 200, "/": 404, "/x": 404}},
		"mapping":     {httpapi.ActuatorConfig{Base: "/actuator", Paths: map[string]string{"health": "healthcheck", "prometheus": "m/all"}}, map[string]int{"/actuator/healthcheck/readiness": 200, "/actuator/health": 404, "/actuator/m/all": 200, "/actuator/m": 404}},
		"exposure":    {httpapi.ActuatorConfig{Base: "/actuator", Exposed: some("health")}, map[string]int{"/actuator/health": 200, "/actuator/info": 404, "/actuator/prometheus": 404}},
		"probe paths": {httpapi.ActuatorConfig{Base: "/actuator", ProbePaths: true, Exposed: some()}, map[string]int{"/livez": 200, "/readyz": 200, "/actuator/health": 404}},
		"no probes":   {httpapi.ActuatorConfig{Base: "/actuator"}, map[string]int{"/livez": 404, "/readyz": 404}},
	} {
		tt.cfg.Health = func() httpapi.Health { return healthy }
		tt.cfg.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		h := serving(tt.cfg)
		for path, want := range tt.want {
			if a := do(t, h, "GET", path, ""); a.status != want {
				t.Errorf("%s: GET %s = %d, want %d", name, path, a.status, want)
			}
		}
	}
	hidden := serving(httpapi.ActuatorConfig{Base: "/actuator", Health: func() httpapi.Health { return healthy }, HideDetails: true})
	if a := do(t, hidden, "GET", "/actuator/health/selfPreservation", ""); a.body != `{"status":"UP"}` {
		t.Errorf("a component without details = %s", a.body)
	}
	hidden = serving(httpapi.ActuatorConfig{Base: "/actuator", Health: func() httpapi.Health { return healthy }, HideComponents: true})
	if a := do(t, hidden, "GET", "/actuator/health", ""); a.body != `{"groups":["liveness","readiness"],"status":"UP"}` {
		t.Errorf("health without components = %s", a.body)
	}
	wantEmpty(t, do(t, hidden, "GET", "/actuator/health/selfPreservation", ""), http.StatusNotFound)
}

// An endpoint that changes something takes a POST, and is there only if somebody asked for it.
func TestActuatorOrders(t *testing.T) {
	var got string
	cfg := httpapi.ActuatorConfig{Base: "/actuator", Endpoints: map[string]httpapi.Endpoint{"loggers": {
		Read: func(below string) any { return map[string]string{"at": below} },
		Write: func(below string, body []byte) error {
			if got = below + " " + string(body); len(body) == 0 {
				return errors.New("nothing to do")
			}
			return nil
		},
	}}}
	wantEmpty(t, do(t, serving(cfg), "POST", "/actuator/loggers/ROOT", "{}"), http.StatusNotFound)
	cfg.Exposed = func(string) bool { return true }
	h := serving(cfg)
	if a := do(t, h, "GET", "/actuator/loggers/ROOT", ""); a.body != `{"at":"ROOT"}` {
		t.Errorf("read = %s", a.body)
	}
	wantEmpty(t, do(t, h, "POST", "/actuator/loggers/ROOT", "{}"), http.StatusNoContent)
	if got != "ROOT {}" {
		t.Errorf("the endpoint heard %q", got)
	}
	if a := do(t, h, "POST", "/actuator/loggers/ROOT", ""); a.status != 400 || a.body != "nothing to do\n" {
		t.Errorf("a bad order = %d %q", a.status, a.body)
	}
	if a := do(t, h, "POST", "/actuator/loggers", strings.Repeat("x", 5000)); a.status != 400 {
		t.Errorf("a long order = %d", a.status)
	}
}

func TestActuatorRefusals(t *testing.T) {
	h := actuatorOf(healthy)
	for _, path := range []string{"/actuator/env", "/actuator/health/nope", "/actuator/health/liveness/x", "/actuatorx", "/", "/actuator/health//"} {
		wantEmpty(t, do(t, h, "GET", path, ""), http.StatusNotFound)
	}
	a := do(t, h, "POST", "/actuator/health", "")
	wantEmpty(t, a, http.StatusMethodNotAllowed)
	if got := a.header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow %q", got)
	}
	wantEmpty(t, do(t, h, "OPTIONS", "/actuator/health", ""), http.StatusOK)
	if a := do(t, h, "HEAD", "/actuator/health", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") == "0" {
		t.Errorf("HEAD = %d %q %v", a.status, a.body, a.header)
	}
}

// Probes ask for all kinds of types; none may make a node look sick.
func TestActuatorTypes(t *testing.T) {
	for accept, want := range map[string]string{
		"": actuatorType, "*/*": actuatorType, "text/html,application/xhtml+xml,*/*;q=0.8": actuatorType, "text/plain": actuatorType,
		"application/json": "application/json", "application/json, */*": "application/json",
		"application/vnd.spring-boot.actuator.v2+json, application/json": "application/vnd.spring-boot.actuator.v2+json",
		"application/vnd.spring-boot.actuator.v3+json, application/json": actuatorType,
	} {
		if a := do(t, actuatorOf(healthy), "GET", "/actuator/health", "", "Accept: "+accept); a.status != 200 || a.header.Get("Content-Type") != want {
			t.Errorf("Accept %q = %d %q, want %q", accept, a.status, a.header.Get("Content-Type"), want)
		}
	}
}

func TestActuatorThatCannotBeEncoded(t *testing.T) {
	var heard any
	h := serving(httpapi.ActuatorConfig{
		Base:     "/actuator",
		Info:     func() map[string]any { return map[string]any{"x": func() {}} },
		ErrorLog: func(_ *http.Request, err any) { heard = err },
	})
	wantEmpty(t, do(t, h, "GET", "/actuator/info", ""), http.StatusInternalServerError)
	if heard == nil {
		t.Error("nobody heard of it")
	}
}

func TestPage(t *testing.T) {
	p := httpapi.Page{Policy: "default-src 'none'", Render: func(w io.Writer, _ *http.Request) error {
		_, err := io.WriteString(w, "<p>hello")
		return err
	}}
	a := do(t, p, "GET", "/", "")
	if a.status != 200 || a.body != "<p>hello" {
		t.Errorf("= %d %q", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store",
		"Content-Length": "8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if a := do(t, p, "HEAD", "/", ""); a.status != 200 || a.body != "" || a.header.Get("Content-Length") != "8" {
		t.Errorf("HEAD = %d %q", a.status, a.body)
	}
	wantEmpty(t, do(t, p, "POST", "/", ""), http.StatusMethodNotAllowed)
}

// Half a page is no page.
func TestPageThatFails(t *testing.T) {
	broken := errors.New("broken")
	var heard any
	p := httpapi.Page{ErrorLog: func(_ *http.Request, err any) { heard = err }, Render: func(w io.Writer, _ *http.Request) error {
		io.WriteString(w, "<p>half")
		return broken
	}}
	wantEmpty(t, do(t, p, "GET", "/", ""), http.StatusInternalServerError)
	if heard != broken {
		t.Errorf("ErrorLog heard %v", heard)
	}
	p.ErrorLog = nil
	wantEmpty(t, do(t, p, "GET", "/", ""), http.StatusInternalServerError)
}
