package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
)

// A sink is a ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// heartbeats are requests as clients send them, and how many allocations each may cost here. An escaped path costs some.
var heartbeats = []struct {
	name, target string
	allocs       float64
}{
	{"plain", "/eureka/apps/DEMO/h:demo:8080?status=UP&lastDirtyTimestamp=1795389393136", 0},
	{"v2 with a slash", "/eureka/v2/apps/DEMO/h:demo:8080/?status=UP&lastDirtyTimestamp=1795389393136", 0},
	{"without parameters", "/eureka/apps/DEMO/h:demo:8080", 0},
	{"escaped", "/eureka/apps/DEMO/h%3Ademo%3A8080?status=UP&lastDirtyTimestamp=1795389393136", 2},
}

func heartbeat(tb testing.TB, target string) (*node, *http.Request) {
	n := newNode(tb, httpapi.Config{})
	n.register(tb, "DEMO", "h:demo:8080", nil)
	r := httptest.NewRequest("PUT", target, nil)
	r.Header.Set("Accept", "application/json, application/*+json")
	r.Header.Set("Accept-Encoding", "gzip, x-gzip, deflate")
	return n, r
}

// The API must not make a heartbeat dearer than net/http makes it.
func TestHeartbeatDoesNotAllocate(t *testing.T) {
	for _, tt := range heartbeats {
		t.Run(tt.name, func(t *testing.T) {
			n, r := heartbeat(t, tt.target)
			w := &sink{header: http.Header{}}
			got := testing.AllocsPerRun(100, func() { n.ServeHTTP(w, r) })
			if w.status != http.StatusOK || got > tt.allocs {
				t.Errorf("%d with %.0f allocations, want at most %.0f", w.status, got, tt.allocs)
			}
		})
	}
}

func BenchmarkHeartbeat(b *testing.B) {
	for _, tt := range heartbeats {
		b.Run(tt.name, func(b *testing.B) {
			n, r := heartbeat(b, tt.target)
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				n.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkRegister(b *testing.B) {
	n := newNode(b, httpapi.Config{})
	body := registration("DEMO", "i-1", nil)
	b.ReportAllocs()
	for b.Loop() {
		if a := n.do(b, "POST", "/eureka/apps/DEMO", body, ofJSON); a.status != 204 {
			b.Fatal(a.status)
		}
		n.changes = n.changes[:0]
	}
}

func BenchmarkGetApps(b *testing.B) {
	n := newNode(b, httpapi.Config{})
	for i := range 100 {
		n.register(b, "DEMO", string(rune('a'+i)), nil)
	}
	r := httptest.NewRequest("GET", "/eureka/apps/", nil)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		n.ServeHTTP(&sink{header: http.Header{}}, r)
	}
}
