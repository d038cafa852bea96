package server

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

func scrape(t *testing.T, s *Server) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/actuator/prometheus", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("scrape: %d", w.Code)
	}
	return w.Body.String()
}

func lone(t *testing.T) *Server {
	t.Helper()
	s, err := New(Config{Instance: &heureka.Instance{IPAddr: "10.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each request is measured under its endpoint and its answer.
func TestRequestsAreMeasured(t *testing.T) {
	s := lone(t)
	for _, request := range []string{
		"GET /eureka/apps", "GET /eureka/apps/delta", "PUT /eureka/apps/A/1", "DELETE /eureka/apps/A/1", "POST /eureka/apps/A",
		"PUT /eureka/apps/A/1/status?value=DOWN", "GET /nothing", "PUT /eureka/apps/A/1",
	} {
		method, path, _ := strings.Cut(request, " ")
		s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	metrics := scrape(t, s)
	for _, want := range []string{
		`heureka_http_request_duration_seconds_count{code="200",endpoint="apps"} 1`, `heureka_http_request_duration_seconds_count{code="200",endpoint="delta"} 1`,
		`heureka_http_request_duration_seconds_count{code="404",endpoint="heartbeat"} 2`, `heureka_http_request_duration_seconds_count{code="404",endpoint="cancel"} 1`,
		`heureka_http_request_duration_seconds_count{code="415",endpoint="register"} 1`, `heureka_http_request_duration_seconds_count{code="404",endpoint="override"} 1`,
		`heureka_http_request_duration_seconds_count{code="404",endpoint="none"} 1`, `heureka_http_request_duration_seconds_bucket{code="404",endpoint="none",le="5"} 1`,
		`heureka_build_info{`, `heureka_fetches_after_delta_total 0`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if n := regexp.MustCompile(`heureka_http_response_bytes_total\{code="200",endpoint="apps"\} [1-9]`).FindString(metrics); n == "" {
		t.Error("no bytes of GET apps")
	}
	for r := range httpapi.OperationResource + 1 {
		if endpointNames[r] == "" {
			t.Errorf("resource %d has no name", r)
		}
	}
}

// Spring's numbers of instances are the registry's; beyond 1,000 applications they share a name.
func TestInstancesByApplication(t *testing.T) {
	s := lone(t)
	add := func(app, id string, status heureka.Status) {
		in := &heureka.Instance{App: app, ID: id, Status: status}
		if _, err := s.reg.Register(in, registry.FromClient, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1003 {
		add(fmt.Sprintf("APP-%04d", i), "1", heureka.StatusUp)
	}
	add("APP-0000", "2", heureka.StatusUp)
	add("APP-0000", "2", heureka.StatusDown)
	metrics := scrape(t, s)
	for _, want := range []string{
		`eureka_server_instances{application="APP-0000",status="UP"} 1`, `eureka_server_instances{application="APP-0000",status="DOWN"} 1`,
		`eureka_server_instances{application="other",status="UP"} 3`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("metrics lack %s", want)
		}
	}
	if n := strings.Count(metrics, "\neureka_server_instances{"); n != 1002 {
		t.Errorf("%d series, want 1002", n)
	}
}

var descPattern = regexp.MustCompile(`^Desc\{fqName: "(.*)", help: "(.*?)", (?:unit: ".*", )?constLabels: \{.*\}, variableLabels: \{(.*)\}\}$`)

// docs/metrics.md is what the node says of its numbers; HEUREKA_UPDATE=1 writes it anew.
func TestMetricsDoc(t *testing.T) {
	s := lone(t)
	ch := make(chan *prometheus.Desc)
	go func() {
		defer close(ch)
		collector{s}.Describe(ch)
		s.requests.Describe(ch)
	}()
	var rows []string
	for d := range ch {
		m := descPattern.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("cannot read %s", d)
		}
		kind := "gauge"
		switch {
		case strings.HasSuffix(m[1], "_total"):
			kind = "counter"
		case strings.HasSuffix(m[1], "_duration_seconds"):
			kind = "histogram"
		}
		var labels []string
		for l := range strings.SplitSeq(m[3], ",") {
			if l != "" {
				labels = append(labels, "`"+l+"`")
			}
		}
		help := strings.ReplaceAll(strings.ReplaceAll(m[2], `\"`, `"`), "|", `\|`)
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", m[1], kind, strings.Join(labels, ", "), help))
	}
	slices.Sort(rows)
	doc := `# Metrics

What a node tells Prometheus at ` + "`/actuator/prometheus`" + `, and by name at ` + "`/actuator/metrics`" + `. Beside these there are the usual ` + "`go_*` and `process_*`" + `. A
number of peers has no series where there are none. Request durations are a native histogram where the scraper asks for it.

This page is generated; a test compares it with the program.

| Name | Type | Labels | What |
|---|---|---|---|
` + strings.Join(rows, "")
	const name = "../docs/metrics.md"
	if os.Getenv("HEUREKA_UPDATE") != "" {
		if err := os.WriteFile(name, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != doc {
		t.Errorf("%s is not what the program says (%v): HEUREKA_UPDATE=1 go test -run MetricsDoc ./server", name, err)
	}
}

// What measuring costs a heartbeat, beside what the chain costs.
func BenchmarkRecord(b *testing.B) {
	n := &requestNumbers{next: accessLog{debug: slog.New(slog.DiscardHandler)}}
	c := &httpapi.Call{Request: httptest.NewRequest("PUT", "/eureka/apps/A/1", nil), Route: httpapi.Route{Resource: httpapi.InstanceResource}}
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		n.Record(c, httpapi.Answer{Status: 200, Took: time.Since(began)})
	}
}

// The history costs as much as a page, and has its bounds; what an operator asks for is never in its way.
func TestHistoryIsOfAClass(t *testing.T) {
	call := func(method string, r httpapi.Resource) *httpapi.Call {
		return &httpapi.Call{Request: httptest.NewRequest(method, "/", nil), Route: httpapi.Route{Resource: r}}
	}
	for _, dear := range []*httpapi.Call{call("GET", httpapi.OperationResource), call("HEAD", httpapi.OperationResource), call("GET", httpapi.PageResource)} {
		if got := classOf(dear); got != pageClass {
			t.Errorf("%s of resource %d is of class %d, want %d", dear.Request.Method, dear.Route.Resource, got, pageClass)
		}
	}
	for _, free := range []*httpapi.Call{call("POST", httpapi.OperationResource), call("POST", httpapi.PageResource), call("PUT", httpapi.InstanceResource), call("GET", httpapi.ActuatorResource)} {
		if got := classOf(free); got >= 0 {
			t.Errorf("%s of resource %d is of class %d, want none", free.Request.Method, free.Route.Resource, got)
		}
	}
}

// Much that bodies have held is given back to the system soon; usual batches cause no collection.
func TestHugeBodiesAreGivenBack(t *testing.T) {
	s := lone(t)
	post := func(size int) {
		r := httptest.NewRequest("POST", "/eureka/peerreplication/batch/", strings.NewReader(`{"replicationList":[],"x":"`+strings.Repeat("x", size)+`"}`))
		r.Header.Set("Content-Type", "application/json")
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
	for range 100 {
		post(400 << 10)
	}
	if n := s.removed.Load(); n != 0 {
		t.Errorf("usual batches count %d bytes", n)
	}
	for range 5 {
		post(8 << 20)
	}
	if n := s.removed.Load(); n < giveBackFrom {
		t.Errorf("huge ones count %d bytes, too few to give anything back", n)
	}
}
