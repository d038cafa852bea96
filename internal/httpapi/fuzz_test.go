package httpapi_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
)

// FuzzRouter: no path panics or is redirected, and one trailing slash more or less makes no difference.
func FuzzRouter(f *testing.F) {
	for _, r := range resources {
		f.Add("/eureka/" + r.path)
		f.Add("/eureka/v2/" + r.path + "/")
	}
	for _, p := range []string{
		"", "*", "//", "/..", "/eureka/apps//", "/eureka/apps/a%2Fb/", "/eureka/apps/;x/", "/v2/apps;x=1/%2E%2E", "/eureka/%61pps",
		"/eureka/apps/DEMO/%FF/status", "/eureka/apps/%00", "/eureka/apps/ %2F", "/eureka/apps/a|b%2Fc", "/eureka/apps/a/b/c/d/e/f", "/eureka;v2/v2;eureka/apps",
	} {
		f.Add(p)
	}
	n := newNode(f, httpapi.Config{})
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		status := n.statusOf(t, u)
		if strings.HasSuffix(path, "/") || strings.ContainsAny(path, "?#;") || status == http.StatusNotFound || u.Path == "" || u.Path[0] != '/' {
			return
		}
		if u, err = url.ParseRequestURI(path + "/"); err != nil {
			t.Fatal(err)
		}
		if got := n.statusOf(t, u); got != status {
			t.Errorf("%s/ = %d, without slash %d", path, got, status)
		}
	})
}

// statusOf asks for u, in a way that changes nothing.
func (n *node) statusOf(t *testing.T, u *url.URL) int {
	t.Helper()
	w := httptest.NewRecorder()
	n.ServeHTTP(w, &http.Request{Method: "PATCH", URL: u, Header: http.Header{}, Body: http.NoBody})
	if w.Code/100 == 3 || w.Header().Get("Location") != "" {
		t.Errorf("%s is redirected: %d %s", u, w.Code, w.Header().Get("Location"))
	}
	return w.Code
}

// known are the statuses that a request can have; 500 is not among them: no caller may cause one.
var known = []int{200, 204, 304, 400, 404, 405, 406, 409, 413, 415}

// FuzzHandler: whatever a request looks like, its answer is one of the known, errors are empty but for 400 and 409, and the
// registry reads as valid JSON and XML afterwards.
func FuzzHandler(f *testing.F) {
	add := func(method, target, accept, contentType, coding string, peer bool, body string) {
		f.Add(method, target, accept, contentType, coding, peer, []byte(body))
	}
	const jsonType, xmlType = "application/json", "application/xml"
	reg := registration("DEMO", "i-1", nil)
	add("POST", "/eureka/apps/DEMO", jsonType, jsonType, "", false, reg)
	add("POST", "/eureka/apps/DEMO", xmlType, xmlType, "", true, xmlBody("", "<metadata><a__b>1</a__b></metadata>"))
	add("POST", "/eureka/apps/DEMO", "", jsonType, "gzip", false, gzipped(reg))
	add("POST", batchPath, jsonType, jsonType, "", false, batchOf(
		fields{"appName": "DEMO", "id": "i-2", "action": "Register", "instanceInfo": rawRecord("DEMO", "i-2", nil)},
		fields{"appName": "DEMO", "id": "i-1", "action": "Heartbeat", "lastDirtyTimestamp": 1},
		fields{"appName": "DEMO", "id": "i-1", "action": "StatusUpdate", "status": "DOWN"}))
	add("PUT", "/eureka/apps/DEMO/i-1?lastDirtyTimestamp=1&overriddenstatus=DOWN", "*/*", "", "", true, "{}")
	add("PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE&lastDirtyTimestamp=9", "", "", "", false, "")
	add("DELETE", "/eureka/apps/DEMO/i-1/status?value=UP", "", "", "", false, "")
	add("PUT", "/eureka/apps/DEMO/i-1/metadata?a%00b=%FF&c", "", "", "", false, "")
	add("DELETE", "/eureka/v2/apps/DEMO/i-1/", "text/html", "", "", false, "")
	add("GET", "/eureka/apps/delta?regions=b,A", "application/xml;q=0.5, application/json", "", "", false, "")
	add("GET", "/eureka/vips/a%2Cb", "application/json", "", "", false, "")
	for _, body := range badBodies() {
		if len(body) < 10_000 {
			add("POST", "/eureka/apps/DEMO", "", jsonType, "", false, body)
		}
	}
	f.Fuzz(func(t *testing.T, method, target, accept, contentType, coding string, peer bool, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		n := newNode(t, httpapi.Config{MaxBodyBytes: 1 << 16, MaxBatchBytes: 1 << 16})
		n.register(t, "DEMO", "i-1", nil)
		r := &http.Request{
			Method: method, URL: u, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
			Header: http.Header{"Accept": {accept}, "Content-Type": {contentType}, "Content-Encoding": {coding}},
		}
		if peer {
			r.Header.Set("X-Netflix-Discovery-Replication", "true")
		}
		w := httptest.NewRecorder()
		n.ServeHTTP(w, r)
		if !slices.Contains(known, w.Code) && !strings.Contains(u.Path, "healthcheck") {
			t.Errorf("status %d", w.Code)
		}
		if w.Code > 400 && w.Code != 409 && w.Body.Len() > 0 {
			t.Errorf("body of a %d: %s", w.Code, w.Body)
		}
		n.mustBeReadable(t)
	})
}
