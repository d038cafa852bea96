package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
)

// resources are all paths below the prefix, with the methods that each has.
var resources = []struct{ path, methods string }{
	{"apps", "GET, HEAD, OPTIONS"},
	{"apps/delta", "GET, HEAD, OPTIONS"},
	{"apps/DEMO", "GET, HEAD, POST, OPTIONS"},
	{"apps/DEMO/i-1", "GET, HEAD, PUT, DELETE, OPTIONS"},
	{"apps/DEMO/i-1/status", "PUT, DELETE, OPTIONS"},
	{"apps/DEMO/i-1/metadata", "PUT, OPTIONS"},
	{"instances/i-1", "GET, HEAD, OPTIONS"},
	{"vips/demo.vip", "GET, HEAD, OPTIONS"},
	{"svips/demo.svip", "GET, HEAD, OPTIONS"},
	{"peerreplication/batch", "POST, OPTIONS"},
	{"asg/a-v001/status", "PUT, OPTIONS"},
	{"status", "GET, HEAD, OPTIONS"},
}

func demo(t *testing.T, cfg httpapi.Config) *node {
	n := newNode(t, cfg)
	n.do(t, "POST", strings.TrimSuffix(cfg.Prefix, "/")+"/eureka/apps/DEMO", registration("DEMO", "i-1", nil), ofJSON)
	if !n.has("DEMO", "i-1") {
		t.Fatal("cannot register")
	}
	return n
}

// W-PATH-1: the same under all three prefixes.
func TestPath1Prefixes(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, r := range resources {
		want := n.do(t, firstMethod(r.methods), "/eureka/"+r.path, "", asJSON)
		if want.status == http.StatusNotFound {
			t.Errorf("/eureka/%s is 404", r.path)
		}
		for _, prefix := range []string{"/eureka/v2/", "/v2/"} {
			if got := n.do(t, firstMethod(r.methods), prefix+r.path, "", asJSON); got.status != want.status || got.body != want.body {
				t.Errorf("%s%s = %d %s, want %d %s", prefix, r.path, got.status, got.body, want.status, want.body)
			}
		}
	}
}

func firstMethod(methods string) string {
	m, _, _ := strings.Cut(methods, ",")
	return m
}

// W-PATH-3, W-DIFF-23: no version but v2.
func TestPath3OtherVersions(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{
		"/eureka/v1/apps", "/eureka/v3/apps", "/eureka/xyz/apps", "/eureka/V2/apps", "/eureka/v2foo/apps", "/v1/apps", "/apps", "/",
		"/eureka", "/eureka/", "/eureka/v2", "/eureka/v2/", "/v2", "/v2/", "/eureka/v2/v2/apps", "/v2/eureka/apps", "/eureka/eureka/apps",
	} {
		wantEmpty(t, n.get(t, path), http.StatusNotFound)
	}
}

// W-PATH-4.
func TestPath4ContextPath(t *testing.T) {
	for _, prefix := range []string{"/ctx", "/ctx/", "/a/b", "/sp ace"} {
		t.Run(prefix, func(t *testing.T) {
			n := newNode(t, httpapi.Config{Prefix: prefix})
			at := strings.ReplaceAll(strings.TrimSuffix(prefix, "/"), " ", "%20")
			for path, want := range map[string]int{
				at + "/eureka/apps": 200, at + "/eureka/v2/apps": 200, at + "/v2/apps": 200, at + "/apps": 404,
				"/eureka/apps": 404, at: 404, at + "x/eureka/apps": 404, "/x" + at + "/eureka/apps": 404,
			} {
				if got := n.get(t, path); got.status != want {
					t.Errorf("GET %s = %d, want %d", path, got.status, want)
				}
			}
		})
	}
}

// W-PATH-5: one trailing slash on everything, two on nothing.
func TestPath5TrailingSlash(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, r := range append(resources, struct{ path, methods string }{"serverinfo/statusoverrides", "GET"}) {
		want := n.do(t, firstMethod(r.methods), "/eureka/"+r.path, "", asJSON)
		got := n.do(t, firstMethod(r.methods), "/eureka/"+r.path+"/", "", asJSON)
		if got.status != want.status || got.body != want.body {
			t.Errorf("%s/ = %d %s, want as without slash %d %s", r.path, got.status, got.body, want.status, want.body)
		}
		wantEmpty(t, n.do(t, firstMethod(r.methods), "/eureka/"+r.path+"//", "", asJSON), http.StatusNotFound)
	}
	for _, path := range []string{"/eureka//apps", "/eureka/apps//i-1", "/eureka/apps//", "/eureka/v2//apps",
		"/eureka/vips//", "/eureka/vips/;x", "/eureka/svips/;/"} {
		wantEmpty(t, n.do(t, "GET", "http://h"+path, "", asJSON), http.StatusNotFound)
	}
}

// W-PATH-6, W-GATE-4: no path makes the server redirect.
func TestPath6NoRedirects(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{
		"/eureka/apps/", "/eureka//apps", "/eureka/./apps", "/eureka/../eureka/apps", "/eureka/apps/../apps", "/eureka/apps/DEMO/.", "/eureka",
		"/eureka/apps/%2E%2E", "/eureka/apps/DEMO/..", "//", "/..",
	} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE"} {
			if got := n.do(t, method, "http://h"+path, "", asJSON); got.status/100 == 3 || got.header.Get("Location") != "" {
				t.Errorf("%s %s = %d to %q", method, path, got.status, got.header.Get("Location"))
			}
		}
	}
}

// W-PATH-7: segments are percent-decoded as UTF-8, plus stays plus, both spellings of the colon are one. Control characters
// and what is no UTF-8 are data as well.
func TestPath7Decoding(t *testing.T) {
	for id, paths := range map[string][]string{
		"h:demo:8080": {"h:demo:8080", "h%3Ademo%3A8080", "h%3ademo:8080"},
		"a b":         {"a%20b"},
		"a+b":         {"a+b", "a%2Bb"},
		"a%2Fb":       {"a%252Fb"},
		"100%":        {"100%25"},
		"ü€😀":         {"%C3%BC%E2%82%AC%F0%9F%98%80"},
		"a\nb\x00c":   {"a%0Ab%00c"},
		"a\uFFFDb":    {"a%FFb", "a%ef%bf%bdb"},
		"?#[]@!$&'()*,=": {
			"%3F%23%5B%5D%40%21%24%26%27%28%29%2A%2C%3D", "%3F%23[]@!$&'()*,=",
		},
	} {
		n := newNode(t, httpapi.Config{})
		n.register(t, "DEMO", id, nil)
		for _, p := range paths {
			if got := n.get(t, "/eureka/apps/DEMO/"+p); got.status != http.StatusOK {
				t.Errorf("GET instance %q by %s = %d", id, p, got.status)
			}
			if got := n.do(t, "PUT", "/eureka/apps/DEMO/"+p+"/", ""); got.status != http.StatusOK {
				t.Errorf("renew %q by %s/ = %d", id, p, got.status)
			}
		}
	}
}

// Slashes in front of the first one are left out, as on the reference's 2025 line; no others are.
func TestLeadingSlashes(t *testing.T) {
	n := demo(t, httpapi.Config{Pages: map[string]http.Handler{"/": http.NotFoundHandler()}})
	for path, want := range map[string]int{
		"//eureka/apps": 200, "///eureka/v2/apps/DEMO/i-1": 200, "//eureka/apps/DEMO/i%2D1": 200, "//eureka/peerreplication/batch": 405,
		"/eureka//apps": 404, "//eureka//apps": 404, "//other/eureka/apps": 404,
	} {
		if a := n.do(t, "GET", "http://h"+path, "", asJSON); a.status != want {
			t.Errorf("GET %s = %d, want %d", path, a.status, want)
		}
	}
}

// W-PATH-8: an escaped slash is data, and dots are a name like any other.
func TestPath8SlashesAndDots(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for id, path := range map[string]string{"a/b": "a%2Fb", "/": "%2f", "..": "..", ".": ".", "../..": "..%2F.."} {
		n.register(t, "DEMO", id, nil)
		if got := n.do(t, "PUT", "http://h/eureka/apps/DEMO/"+path, ""); got.status != http.StatusOK {
			t.Errorf("renew %q by %s = %d", id, path, got.status)
		}
	}
	n.register(t, "DEMO", "..", nil)
	if got := n.get(t, "http://h/eureka/apps/DEMO/%2E%2E"); got.status != http.StatusOK {
		t.Errorf("GET .. = %d", got.status)
	}
	wantEmpty(t, n.get(t, "/eureka/apps%2FDEMO"), http.StatusNotFound)
}

// W-PATH-9: matrix parameters are dropped, an escaped semicolon is data.
func TestPath9MatrixParameters(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.register(t, "DEMO", "a;b", nil)
	for path, want := range map[string]int{
		"/eureka/apps;x=1": 200, "/eureka/apps/DEMO;x=1": 200, "/eureka;y/apps;/DEMO;x=1/i-1;z=%2F;": 200, "/eureka/apps/delta;x": 200,
		"/eureka/apps/DEMO/a%3Bb": 200, "/eureka/apps/DEMO/a%3bb": 200, "/eureka/apps/DEMO/a;b": 404, "/eureka/;x/apps": 404,
		"/eureka/apps/;x": 404, "/eureka/v2;x/apps": 200,
	} {
		if got := n.get(t, path); got.status != want {
			t.Errorf("GET %s = %d, want %d", path, got.status, want)
		}
	}
}

// W-PATH-10: literal words keep their case, and an escaped letter makes another word.
func TestPath10LiteralWords(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{
		"/eureka/Apps", "/Eureka/apps", "/eureka/apps/DEMO/i-1/Status", "/eureka/STATUS", "/eureka/Vips/x", "/eureka/%61pps",
	} {
		wantEmpty(t, n.get(t, path), http.StatusNotFound)
	}
}

// W-PATH-10, W-PATH-11, W-PATH-12: names of parameters keep their case, unknown ones are ignored, the first value counts,
// values are form-decoded, and bodies have no parameters.
func TestPath11QueryParameters(t *testing.T) {
	tests := []struct {
		query string
		want  string // status afterwards, "" for a refusal
	}{
		{"value=DOWN", "DOWN"},
		{"value=DOWN&value=UP", "DOWN"},
		{"x=%20&value=DOWN&y", "DOWN"},
		{"&&value=DOWN&", "DOWN"},
		{"v%61lue=D%4FWN", "DOWN"},
		{"value=OUT_OF_SERVICE", "OUT_OF_SERVICE"},
		{"value", ""},
		{"value=", ""},
		{"value=&value=DOWN", ""},
		{"Value=DOWN", ""},
		{"value=+DOWN", ""},
		{"value=DOWN+", ""},
		{"xvalue=DOWN", ""},
		{"value;x=DOWN", ""},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			n := demo(t, httpapi.Config{})
			a := n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?"+tt.query, "value=DOWN", "Content-Type: application/x-www-form-urlencoded")
			if tt.want == "" {
				wantBad(t, a, "value is")
				tt.want = "UP"
			} else {
				wantEmpty(t, a, http.StatusOK)
			}
			if got := n.stored(t, "DEMO", "i-1").Status.String(); got != tt.want {
				t.Errorf("status %s, want %s", got, tt.want)
			}
		})
	}
}

// A query whose percent signs begin no escape is refused, whoever reads it.
func TestMalformedQueryEscapes(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, q := range []string{"%", "a=%", "a=%2", "a=%zz", "a=1&%4g=2", "a=%20%", "value=UP&x=%%20"} {
		for _, target := range []string{"PUT /eureka/apps/DEMO/i-1", "PUT /eureka/apps/DEMO/i-1/metadata", "GET /eureka/apps", "DELETE /eureka/apps/DEMO/i-1"} {
			method, path, _ := strings.Cut(target, " ")
			wantBad(t, n.do(t, method, path+"?"+q, "", asJSON), "percent")
		}
	}
	if len(n.changes) != 1 {
		t.Errorf("%d changes, want only the registration", len(n.changes))
	}
}

// W-PATH-13: delta is the delta, but only where a name could stand and in lower case.
func TestPath13Delta(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	wantEmpty(t, n.do(t, "POST", "/eureka/apps/delta", registration("DELTA", "i-1", nil), ofJSON), http.StatusMethodNotAllowed)
	n.register(t, "DELTA", "i-1", nil)
	if got := n.get(t, "/eureka/apps/delta"); !strings.HasPrefix(got.body, `{"applications"`) {
		t.Errorf("GET apps/delta = %s", got.body)
	}
	for _, path := range []string{"/eureka/apps/DELTA", "/eureka/apps/Delta", "/eureka/apps/%64elta"} {
		if got := n.get(t, path); !strings.HasPrefix(got.body, `{"application":{"name":"DELTA"`) {
			t.Errorf("GET %s = %d %s", path, got.status, got.body)
		}
	}
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/delta/i-1", ""), http.StatusOK)
}

// W-PATH-14: what is not listed is 404, what has no such method 405.
func TestPath14UnknownPathsAndMethods(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{
		"nothing-here", "apps/A/B/C", "apps/A/B/C/D", "apps/A/B/status/x", "x/A/B/status", "x/A/B/metadata", "instances", "instances/", "vips", "svips", "vips/a/b",
		"peerreplication", "peerreplication/x", "asg", "asg/a", "asg/a/x", "status/x", "serverinfo", "serverinfo/x", "v2/healthcheck",
		"v2/serverinfo/statusoverrides", "css/wro.css",
	} {
		for _, method := range []string{"GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"} {
			wantEmpty(t, n.do(t, method, "/eureka/"+path, "", asJSON), http.StatusNotFound)
		}
	}
	for _, r := range resources {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "PROPFIND"} {
			if hasMethod(r.methods, method) {
				continue
			}
			a := n.do(t, method, "/eureka/"+r.path, "", asJSON)
			wantEmpty(t, a, http.StatusMethodNotAllowed)
			if got := a.header.Get("Allow"); got != r.methods {
				t.Errorf("%s %s: Allow %q, want %q", method, r.path, got, r.methods)
			}
		}
	}
}

func hasMethod(methods, m string) bool {
	for one := range strings.SplitSeq(methods, ", ") {
		if one == m {
			return true
		}
	}
	return false
}

// W-PATH-15: HEAD is GET without a body, OPTIONS lists the methods.
func TestPath15HeadAndOptions(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, r := range append(resources, struct{ path, methods string }{"apps/NONE", "GET, HEAD, POST, OPTIONS"}) {
		a := n.do(t, "OPTIONS", "/eureka/"+r.path, "")
		wantEmpty(t, a, http.StatusOK)
		if got := a.header.Get("Allow"); got != r.methods {
			t.Errorf("OPTIONS %s: Allow %q, want %q", r.path, got, r.methods)
		}
		if !hasMethod(r.methods, "HEAD") {
			continue
		}
		want, got := n.get(t, "/eureka/"+r.path), n.do(t, "HEAD", "/eureka/"+r.path, "", asJSON)
		if got.status != want.status || got.body != "" {
			t.Errorf("HEAD %s = %d %q, want %d and no body", r.path, got.status, got.body, want.status)
		}
		for name := range want.header {
			if got.header.Get(name) != want.header.Get(name) {
				t.Errorf("HEAD %s: %s is %q, GET has %q", r.path, name, got.header.Get(name), want.header.Get(name))
			}
		}
	}
}
