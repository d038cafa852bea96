package httpapi_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
)

// A ring is the other nodes, as a test has them.
type ring struct {
	refuse    int
	performed int
	asked     string // for buckets
	buckets   int    // bytes of the answer, 0: few
}

func (r *ring) Admit(string, http.Header, http.Header) int { return r.refuse }
func (r *ring) Greet(_, h http.Header)                     { h.Set("X-Heureka-Node", "this") }
func (r *ring) Performed(http.Header)                      { r.performed++ }
func (r *ring) Digest(string, http.Header) []byte          { return []byte(`{"digest":""}`) }

func (r *ring) Buckets(_ string, _ http.Header, body []byte, answer func([]byte)) int {
	if r.buckets > 0 {
		answer(make([]byte, r.buckets)) // perhaps to several
		return 0
	}
	if r.asked = string(body); r.asked == "[" {
		return http.StatusBadRequest
	}
	answer([]byte(strings.Repeat(" ", 2000) + "{}"))
	return 0
}

func (r *ring) Heard(_ string, _ http.Header, body []byte) []byte {
	if string(body) == "[" {
		return nil
	}
	return []byte(`{"ages":[]}`)
}

const fromNode = "X-Heureka-Node: other"

// What nodes ask of each other is found at every base and in every spelling of a path, as all else is.
func TestRingResources(t *testing.T) {
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", "/ctx/eureka/peerreplication/digest", "", 200},
		{"GET", "/ctx/eureka/v2/peerreplication/digest/", "", 200},
		{"GET", "/ctx/v2/peerreplication;x=1/digest;y", "", 200},
		{"GET", "/eureka/peerreplication/digest", "", 404},
		{"GET", "/ctx/eureka/apps/peerreplication/digest", "", 404},
		{"POST", "/ctx/eureka/peerreplication/digest", "", 405},
		{"GET", "/ctx/eureka/peerreplication/buckets", "", 405},
		{"POST", "/ctx/eureka/peerreplication/buckets", "{}", 200},
		{"POST", "/ctx/eureka/peerreplication/buckets", "[", 400},
		{"GET", "/ctx/eureka/peerreplication/heard", "", 405},
		{"POST", "/ctx/eureka/v2/peerreplication/heard", "{}", 200},
		{"POST", "/ctx/eureka/peerreplication/heard", "[", 400},
		{"GET", "/ctx/eureka/peerreplication/batch/", "", 405},
	} {
		r := new(ring)
		n := newNode(t, httpapi.Config{Prefix: "/ctx", Ring: r})
		a := n.do(t, tt.method, tt.path, tt.body, "Accept-Encoding: gzip")
		if a.status != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, a.status, tt.want)
		}
		if a.status == 200 && a.header.Get("X-Heureka-Node") != "this" {
			t.Errorf("%s: no greeting", tt.path)
		}
		if a.header.Get("Content-Encoding") == "gzip" {
			zr, err := gzip.NewReader(strings.NewReader(a.body))
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(zr); err != nil || len(b) != 2002 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}
		if alone := newNode(t, httpapi.Config{Prefix: "/ctx"}).do(t, tt.method, tt.path, tt.body); tt.want == 200 && alone.status != 404 {
			t.Errorf("%s of a node without peers: %d, want 404", tt.path, alone.status)
		}
	}
}

// No spelling of the path leads past what the ring says of a batch.
func TestRingAdmitsBatches(t *testing.T) {
	for _, path := range []string{
		"/eureka/peerreplication/batch", "/eureka/peerreplication/batch/", "/v2/peerreplication/batch", "/eureka/v2/peerreplication/batch",
		"/eureka/peerreplication;x/batch", "/eureka;a/peerreplication/batch;b=c/",
	} {
		for refused, reason := range map[int]string{0: "", 421: "own-batch", 425: "late-batch"} {
			r := &ring{refuse: refused}
			n := newNode(t, httpapi.Config{Ring: r})
			n.register(t, "DEMO", "1", nil)
			a := n.do(t, "POST", path, `{"replicationList":[{"appName":"DEMO","id":"1","action":"Cancel"}]}`, ofJSON, fromNode)
			if want := max(200, refused); a.status != want || n.has("DEMO", "1") != (refused != 0) || a.header.Get("X-Heureka-Reason") != reason {
				t.Errorf("%s refused with %d: %d %q, still there: %t", path, refused, a.status, a.header.Get("X-Heureka-Reason"), n.has("DEMO", "1"))
			}
			if a.header.Get("X-Heureka-Node") != "this" || r.performed == 1 != (refused == 0) {
				t.Errorf("%s refused with %d: greeting %q, performed %d", path, refused, a.header.Get("X-Heureka-Node"), r.performed)
			}
		}
	}
}

// A Java server is greeted by nobody and asked for nothing.
func TestRingLeavesJavaAlone(t *testing.T) {
	n := newNode(t, httpapi.Config{Ring: &ring{refuse: 425}})
	a := n.do(t, "POST", "/eureka/peerreplication/batch/", `{"replicationList":[]}`, ofJSON)
	if a.status != 200 || a.header.Get("X-Heureka-Node") != "" {
		t.Errorf("%d, greeting %q", a.status, a.header.Get("X-Heureka-Node"))
	}
}
