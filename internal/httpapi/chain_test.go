package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// A call passes all steps in order with what the ones before found out; one that is refused goes no further.
func TestSteps(t *testing.T) {
	for refusing, want := range map[string]string{"": "admit authenticate authorise", "admit": "admit", "authenticate": "admit authenticate", "authorise": "admit authenticate authorise"} {
		var passed []string
		step := func(name string, look func(*httpapi.Call)) httpapi.Step {
			return func(c *httpapi.Call) httpapi.Refusal {
				passed = append(passed, name)
				look(c)
				if name == refusing {
					return httpapi.Refusal{Status: http.StatusForbidden, Reason: httpapi.Busy}
				}
				return httpapi.Refusal{}
			}
		}
		n := newNode(t, httpapi.Config{Steps: httpapi.Steps{
			Admit: step("admit", func(c *httpapi.Call) {
				want := httpapi.Route{Resource: httpapi.InstanceResource, App: "DEMO", ID: "i"}
				if c.Route.Resource != want.Resource || c.Route.Key() != want.Key() || c.Origin != (registry.Origin{By: registry.ByPeer, Address: "192.0.2.1"}) || c.Principal.Name != "" {
					t.Errorf("the steps see %+v from %v", c.Route, c.Origin)
				}
			}),
			Authenticate: step("authenticate", func(c *httpapi.Call) { c.Principal.Name = "somebody" }),
			Authorise: step("authorise", func(c *httpapi.Call) {
				if c.Principal.Name != "somebody" {
					t.Errorf("principal %+v", c.Principal)
				}
			}),
		}})
		a := n.do(t, "DELETE", "/eureka;x/apps/demo;y/i", "", fromPeer)
		if got := strings.Join(passed, " "); got != want {
			t.Errorf("passed %q, want %q", got, want)
		}
		status, reason := http.StatusForbidden, "busy"
		if refusing == "" {
			status, reason = http.StatusNotFound, "not-registered"
		}
		if wantEmpty(t, a, status); a.header.Get("X-Heureka-Reason") != reason {
			t.Errorf("reason %q, want %q", a.header.Get("X-Heureka-Reason"), reason)
		}
	}
}

// Pages, metrics, health and what nobody knows pass the same steps as the API, under one path each.
func TestEverythingPassesTheSteps(t *testing.T) {
	text := func(s string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, s) })
	}
	seen := map[string]httpapi.Resource{}
	n := newNode(t, httpapi.Config{
		Prefix: "/ctx", Metrics: text("metrics"), Pages: map[string]http.Handler{"/": text("page"), "": text("root")},
		Actuator: httpapi.NewActuator(httpapi.ActuatorConfig{Base: "/actuator", Metrics: text("metrics"), Prefix: "/ctx", Health: func() httpapi.Health { return healthy }}),
		Steps: httpapi.Steps{Authorise: func(c *httpapi.Call) httpapi.Refusal {
			seen[c.Request.URL.Path] = c.Route.Resource
			return httpapi.Refusal{}
		}},
	})
	want := map[string]httpapi.Resource{
		"/ctx/": httpapi.PageResource, "/ctx": httpapi.PageResource, "/ctx/metrics": httpapi.MetricsResource,
		"/ctx/actuator/prometheus": httpapi.MetricsResource, "/ctx/actuator": httpapi.ActuatorResource,
		"/ctx/actuator/health/": httpapi.ActuatorResource, "/ctx/eureka/apps": httpapi.AppsResource,
		"/ctx/actuators": httpapi.NoResource, "/": httpapi.NoResource, "/eureka/apps": httpapi.NoResource,
	}
	for path, res := range want {
		if a := n.do(t, "GET", path, ""); (a.status == http.StatusOK) != (res != httpapi.NoResource) {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whoever refuses, the refusal has a reason and is counted.
func TestEveryRefusalHasItsReason(t *testing.T) {
	refusing := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	}
	n := newNode(t, httpapi.Config{
		DisableDelta: true, MaxBodyBytes: 100,
		Pages:    map[string]http.Handler{"/": httpapi.Page{}, "/gone": refusing(410), "/lost": refusing(404)},
		Actuator: httpapi.NewActuator(httpapi.ActuatorConfig{Base: "/actuator"}),
	})
	for _, tt := range []struct {
		method, path, body, header string
		status                     int
		reason                     string
	}{
		{"GET", "/eureka/nothing", "", asJSON, 404, "unknown-path"},
		{"PATCH", "/eureka/apps", "", asJSON, 405, "wrong-method"},
		{"GET", "/eureka/apps", "", "Accept: text/html", 406, "not-acceptable"},
		{"POST", "/eureka/apps/A", "{}", "Content-Type: text/csv", 415, "unknown-type"},
		{"POST", "/eureka/apps/A", strings.Repeat(" ", 101), ofJSON, 413, "too-large"},
		{"POST", "/eureka/apps/A", "{", ofJSON, 400, "undecodable: want a member name, found the end"},
		{"POST", "/eureka/apps/A", `{"instance":{"app":"A"}}`, ofJSON, 400, "incomplete: Missing instanceId"},
		{"PUT", "/eureka/apps/A/1", "", asJSON, 404, "not-registered"},
		{"GET", "/eureka/apps?x=%", "", asJSON, 400, "bad-parameter"},
		{"GET", "/eureka/apps/delta", "", asJSON, 403, "delta-disabled"},
		{"DELETE", "/", "", asJSON, 405, "wrong-method"},
		{"GET", "/gone", "", asJSON, 410, "unspecified"},
		{"GET", "/lost", "", asJSON, 404, "unknown-path"},
		{"GET", "/actuator/nothing", "", asJSON, 404, "unknown-path"},
	} {
		word, _, _ := strings.Cut(tt.reason, ":")
		before := refused(n, word)
		a := n.do(t, tt.method, tt.path, tt.body, tt.header)
		if got := a.header.Get("X-Heureka-Reason"); a.status != tt.status || got != tt.reason {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.path, a.status, got, tt.status, tt.reason)
		}
		if got := refused(n, word) - before; got != 1 {
			t.Errorf("%s %s: counted %d times", tt.method, tt.path, got)
		}
	}
	if a := n.get(t, "/eureka/apps"); a.header.Get("X-Heureka-Reason") != "" {
		t.Errorf("a good answer has a reason: %q", a.header)
	}
}

func refused(n *node, reason string) uint64 {
	for name, count := range n.Handler.(*httpapi.API).Refused() {
		if name == reason {
			return count
		}
	}
	return 0
}

// A recorder of what the server's own ResponseWriter can do.
type ableWriter struct {
	*httptest.ResponseRecorder
	deadline time.Time
	copied   bool
}

func (w *ableWriter) SetReadDeadline(t time.Time) error { w.deadline = t; return nil }

func (w *ableWriter) ReadFrom(r io.Reader) (int64, error) {
	w.copied = true
	return io.Copy(w.ResponseRecorder, r)
}

// What the server's own writer can do, the wrapper can.
func TestResponseKeepsAbilities(t *testing.T) {
	w := &ableWriter{ResponseRecorder: httptest.NewRecorder()}
	at := time.Unix(1, 0)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(at); err != nil {
			t.Error(err)
		}
		if n, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("text")}); n != 4 || err != nil {
			t.Errorf("copied %d, %v", n, err)
		}
		w.(http.Flusher).Flush()
	})
	newNode(t, httpapi.Config{Pages: map[string]http.Handler{"/": page}}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if !w.copied || !w.Flushed || !w.deadline.Equal(at) || w.Body.String() != "text" {
		t.Errorf("copied %t, flushed %t, deadline %v, body %q", w.copied, w.Flushed, w.deadline, w.Body)
	}
}

// What all bodies take together is bounded, and given back; usual registrations are let in all the same.
func TestBodiesTogetherAreBounded(t *testing.T) {
	n := newNode(t, httpapi.Config{MaxHeldBytes: 1 << 20})
	big := registration("DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 600<<10)}})
	begun, end := make(chan struct{}), make(chan struct{})
	slow := io.MultiReader(strings.NewReader(big[:500<<10]), signal{begun, end}, strings.NewReader(big[500<<10:]))
	done := make(chan int)
	go func() {
		r := httptest.NewRequest("POST", "/eureka/apps/DEMO", slow)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		done <- w.Code
	}()
	<-begun
	if a := n.do(t, "POST", "/eureka/apps/DEMO", big, ofJSON); a.status != http.StatusServiceUnavailable || a.header.Get("X-Heureka-Reason") != "busy" {
		t.Errorf("a second large one: %d %q", a.status, a.header)
	}
	n.register(t, "DEMO", "small", nil)
	close(end)
	if status := <-done; status != http.StatusNoContent {
		t.Errorf("the first large one: %d", status)
	}
	for range 10 {
		n.register(t, "DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("x", 400<<10)}})
	}
}

// A signal is a reader without text that says when it is reached, and waits.
type signal struct{ reached, until chan struct{} }

func (s signal) Read([]byte) (int, error) {
	close(s.reached)
	<-s.until
	return 0, io.EOF
}

// A body that is refused early is read on a while, so that its sender gets to see the answer; not without end.
func TestRefusedBodyIsReadOn(t *testing.T) {
	for _, size := range []int64{2 << 10, 900 << 10, 20 << 20} {
		body := &spaces{left: size}
		n := newNode(t, httpapi.Config{MaxBodyBytes: 1 << 10})
		r := httptest.NewRequest("POST", "/eureka/apps/DEMO", body)
		r.ContentLength = size
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		if want := size - min(size, 1<<20+1<<10); w.Code != 413 || !w.Flushed || body.left != want {
			t.Errorf("%d bytes: %d, flushed %t, %d left, want %d", size, w.Code, w.Flushed, body.left, want)
		}
		body.left = size
		r.Header.Set("Expect", "100-continue")
		if n.ServeHTTP(httptest.NewRecorder(), r); body.left != size {
			t.Errorf("read on a client that waits for a go-ahead")
		}
	}
}

// spaces is a reader of so many of them.
type spaces struct{ left int64 }

func (e *spaces) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), e.left))
	if e.left -= int64(n); n == 0 {
		return 0, io.EOF
	}
	copy(p, slices.Repeat([]byte{' '}, n))
	return n, nil
}

// A tool may say for whom it acts and why; that is kept as what it is, a bounded renewal in printable text, and makes nobody
// of a peer.
func TestOperatorsNote(t *testing.T) {
	for _, tt := range []struct {
		headers []string
		want    registry.Origin
	}{
		{nil, registry.Origin{}},
		{[]string{"X-Heureka-Note: lonely"}, registry.Origin{}},
		{[]string{"X-Heureka-Operator: alice"}, registry.Origin{By: registry.ByOperator, Note: "alice"}},
		{[]string{"X-Heureka-Operator: al\x1b[1mice", "X-Heureka-Note: new\tdisk \xff"}, registry.Origin{By: registry.ByOperator, Note: "al[1mice: newdisk "}},
		{[]string{"X-Heureka-Operator: " + strings.Repeat("ä", 300)}, registry.Origin{By: registry.ByOperator, Note: strings.Repeat("ä", 200)}},
		{[]string{"X-Heureka-Operator: alice", fromPeer}, registry.Origin{By: registry.ByPeer}},
	} {
		n := newNode(t, httpapi.Config{})
		n.register(t, "DEMO", "i", nil)
		n.do(t, "DELETE", "/eureka/apps/DEMO/i", "", tt.headers...)
		tt.want.Address = "192.0.2.1"
		if diff := cmp.Diff(tt.want, n.changes[len(n.changes)-1].Origin); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.headers, diff)
		}
	}
}

// A recorder notes what it hears.
type recorder struct{ heard []string }

func (r *recorder) Recording() bool { return true }

func (r *recorder) Record(c *httpapi.Call, a httpapi.Answer) {
	r.heard = append(r.heard, fmt.Sprintf("%s %d %s %d %v", c.Request.URL.Path, a.Status, a.Reason, a.Bytes, a.Took >= 0))
}

// Each answer is recorded once, with the bytes that it had, also that of a handler that panics.
func TestEveryAnswerIsRecorded(t *testing.T) {
	var rec recorder
	n := newNode(t, httpapi.Config{Recorder: &rec, Pages: map[string]http.Handler{
		"/panics": http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") }),
		"/page":   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") }),
		"/copied": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("123"))
		}),
	}, ErrorLog: func(*http.Request, any) {}})
	for _, path := range []string{"/page", "/copied", "/panics", "/eureka/apps/NONE"} {
		n.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	want := []string{"/page 200 unspecified 5 true", "/copied 200 unspecified 3 true", "/panics 500 failed 0 true", "/eureka/apps/NONE 404 not-registered 0 true"}
	if diff := cmp.Diff(want, rec.heard); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
}
