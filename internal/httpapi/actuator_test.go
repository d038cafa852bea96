package httpapi_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/httpapi"
)

// actuatorOf is an actuator of a node in this health.
func actuatorOf(h httpapi.Health) http.Handler {
	return serving(httpapi.ActuatorConfig{
		Health: func() httpapi.Health { return h },
		Info:   func() map[string]any { return map[string]any{"build": map[string]any{"version": "1.2.3"}} },
		Others: []string{"prometheus"},
	})
}

// serving is a node that has an actuator, and nothing else that these tests ask for.
func serving(cfg httpapi.ActuatorConfig) http.Handler {
	return httpapi.New(httpapi.Config{Prefix: cfg.Prefix, Actuator: httpapi.NewActuator(cfg)}, nil)
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
		"/actuator/health":                 {{200, "UP"}, {503, "OUT_OF_SERVICE"}, {503, "DOWN"}},
		"/actuator/health/":                {{200, "UP"}, {503, "OUT_OF_SERVICE"}, {503, "DOWN"}},
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
	if a := do(t, serving(httpapi.ActuatorConfig{}), "GET", "/actuator/info", ""); a.status != 200 || a.body != "{}" {
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
	serving(httpapi.ActuatorConfig{Prefix: "/ctx"}).ServeHTTP(w, r)
	var doc struct {
		Links map[string]struct{ Href string } `json:"_links"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || doc.Links["self"].Href != "https://example.com/ctx/actuator" {
		t.Errorf("%v: %s", err, w.Body)
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
		Info:     func() map[string]any { return map[string]any{"x": func() {}} },
		ErrorLog: func(_ *http.Request, err any) { heard = err },
	})
	wantEmpty(t, do(t, h, "GET", "/actuator/info", ""), http.StatusInternalServerError)
	if heard == nil {
		t.Error("nobody heard of it")
	}
}

func TestPage(t *testing.T) {
	p := httpapi.Page{Policy: "default-src 'none'", Render: func(w io.Writer) error {
		_, err := io.WriteString(w, "<p>hello")
		return err
	}}
	a := do(t, p, "GET", "/", "")
	if a.status != 200 || a.body != "<p>hello" {
		t.Errorf("= %d %q", a.status, a.body)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-store",
		"Content-Length": "8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
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
	p := httpapi.Page{ErrorLog: func(_ *http.Request, err any) { heard = err }, Render: func(w io.Writer) error {
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
