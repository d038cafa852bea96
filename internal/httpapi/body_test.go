package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// posts are the two resources that read bodies.
var posts = []string{"/eureka/apps/DEMO", batchPath}

// bodyFor returns a body of about size bytes that path accepts.
func bodyFor(path string, size int) string {
	reg := registration("DEMO", "i-1", fields{"metadata": fields{"fill": strings.Repeat("x", size)}})
	if path == batchPath {
		return batchOf(fields{"appName": "DEMO", "id": "i-1", "action": "Register", "instanceInfo": rawRecord("DEMO", "i-1", fields{"metadata": fields{"fill": strings.Repeat("x", size)}})})
	}
	return reg
}

// W-HDR-8: 3 MB are welcome by default, and no more than the configured size otherwise.
func TestHdr8BodySizes(t *testing.T) {
	for _, path := range posts {
		n := newNode(t, httpapi.Config{})
		if a := n.do(t, "POST", path, bodyFor(path, 3<<20), ofJSON); a.status/100 != 2 {
			t.Errorf("3 MB to %s = %d", path, a.status)
		}
		wantEmpty(t, n.do(t, "POST", path, strings.Repeat("x", 25<<20), ofJSON, fromNode), http.StatusRequestEntityTooLarge)
	}
}

// A body is measured as sent and decompressed, with and without an announced length; one byte decides.
func TestBodyLimit(t *testing.T) {
	for _, path := range posts {
		body := bodyFor(path, 1000)
		for _, tt := range []struct {
			limit int
			want  bool
		}{{len(body), true}, {len(body) - 1, false}, {1, false}} {
			n := newNode(t, httpapi.Config{MaxBodyBytes: int64(tt.limit), MaxBatchBytes: int64(tt.limit)})
			for name, send := range map[string]func() answer{
				"plain":             func() answer { return n.do(t, "POST", path, body, ofJSON, fromNode) },
				"of unknown length": func() answer { return n.stream(t, path, body, fromNode) },
				"compressed":        func() answer { return n.do(t, "POST", path, gzipped(body), ofJSON, "Content-Encoding: gzip") },
				"of unknown length, compressed": func() answer {
					return n.stream(t, path, gzipped(body), "Content-Encoding: gzip")
				},
			} {
				a := send()
				if tt.want && a.status/100 != 2 {
					t.Errorf("%s %s within %d = %d %s", path, name, tt.limit, a.status, a.body)
				}
				if !tt.want {
					wantEmpty(t, a, http.StatusRequestEntityTooLarge)
				}
			}
		}
	}
}

// stream sends a body without saying how long it is.
func (n *node) stream(t *testing.T, path, body string, headers ...string) answer {
	t.Helper()
	return n.send(t, path, struct{ io.Reader }{strings.NewReader(body)}, headers...)
}

func (n *node) send(t *testing.T, path string, body io.Reader, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest("POST", path, body)
	for _, line := range append(headers, ofJSON) {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	n.ServeHTTP(&answering{w, body}, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

// A small body that unpacks to very much is refused without being unpacked.
func TestCompressedBomb(t *testing.T) {
	var bomb bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	zero := make([]byte, 1<<20)
	for range 20 {
		zw.Write(zero)
	}
	zw.Close()
	for _, path := range posts {
		n := newNode(t, httpapi.Config{MaxBodyBytes: 1 << 20, MaxBatchBytes: 1 << 20})
		src := &countingReader{r: bytes.NewReader(bomb.Bytes())}
		wantEmpty(t, n.send(t, path, src, "Content-Encoding: gzip"), http.StatusRequestEntityTooLarge)
		if src.n > int64(bomb.Len())/4 {
			t.Errorf("%d of %d bytes were read", src.n, bomb.Len())
		}
	}
}

// Compressed data that unpack to nothing are not read without end either.
func TestCompressedNothing(t *testing.T) {
	for _, path := range posts {
		n := newNode(t, httpapi.Config{MaxBodyBytes: 1000, MaxBatchBytes: 1000})
		src := &countingReader{r: endless(gzipped(""))}
		wantEmpty(t, n.send(t, path, src, "Content-Encoding: gzip"), http.StatusRequestEntityTooLarge)
		if src.n > 10_000 {
			t.Errorf("%d bytes were read", src.n)
		}
	}
}

// endless repeats itself.
type endless string

func (e endless) Read(p []byte) (int, error) {
	return copy(p, strings.Repeat(string(e), 1+len(p)/len(e))), nil
}

// A countingReader counts what is read of it until the answer begins, and can give a MiB more.
type countingReader struct {
	r        io.Reader
	n        int64
	answered bool
}

// answering tells the reader of a body when the answer begins.
type answering struct {
	*httptest.ResponseRecorder
	src io.Reader
}

func (a *answering) WriteHeader(status int) {
	if c, ok := a.src.(*countingReader); ok {
		c.answered = true
	}
	a.ResponseRecorder.WriteHeader(status)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if !c.answered {
		c.n += int64(n)
	}
	return n, err
}

// W-GZ-6: compressed registrations are understood; other codings are not, and say so.
func TestGz6RequestCodings(t *testing.T) {
	body := registration("DEMO", "i-1", nil)
	for coding, tt := range map[string]struct {
		body string
		want int
	}{
		"": {body, 204}, "identity": {body, 204}, "gzip": {gzipped(body), 204}, "GZIP": {gzipped(body), 204}, "x-gzip": {gzipped(body), 204},
		"br": {body, 415}, "deflate": {body, 415}, "gzip, gzip": {gzipped(gzipped(body)), 415}, "zstd": {body, 415}, "aws-chunked": {body, 415},
	} {
		n := newNode(t, httpapi.Config{})
		wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", tt.body, ofJSON, "Content-Encoding: "+coding), tt.want)
		if got := n.has("DEMO", "i-1"); got != (tt.want == 204) {
			t.Errorf("%q: registered %t", coding, got)
		}
	}
}

// Broken compressed data are undecodable like any other broken body.
func TestBrokenGzip(t *testing.T) {
	good := gzipped(registration("DEMO", "i-1", nil))
	flipped := []byte(good)
	flipped[len(flipped)-5] ^= 1 // in the checksum
	for name, body := range map[string]string{
		"empty": "", "not gzip": registration("DEMO", "i-1", nil), "header only": good[:10], "truncated": good[:len(good)/2],
		"no trailer": good[:len(good)-8], "bad checksum": string(flipped), "garbage after it": good + "garbage",
	} {
		n := newNode(t, httpapi.Config{})
		a := n.do(t, "POST", "/eureka/apps/DEMO", body, ofJSON, "Content-Encoding: gzip")
		if a.status != 400 || !unparsed(a, cannotParseJSON) || n.has("DEMO", "i-1") {
			t.Errorf("%s = %d %s", name, a.status, a.body)
		}
	}
	// A reader that has failed is used again without harm.
	n := newNode(t, httpapi.Config{})
	wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", good, ofJSON, "Content-Encoding: gzip"), 204)
}

// A body that breaks off is undecodable; what came before it is not used.
func TestBodyThatBreaksOff(t *testing.T) {
	for _, path := range posts {
		n := newNode(t, httpapi.Config{})
		body := io.MultiReader(strings.NewReader(bodyFor(path, 10)), errReader{io.ErrUnexpectedEOF})
		if a := n.send(t, path, body); a.status != 400 || !unparsed(a, cannotParseJSON) {
			t.Errorf("%s = %d %s", path, a.status, a.body)
		}
		if len(n.changes) > 0 {
			t.Error("something was registered")
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// Bodies live in memory that is used again: what was registered must not change with it.
func TestPooledMemoryIsNotKept(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.register(t, "DEMO", "first-instance", fields{"metadata": fields{"key-one": "value-one"}})
	before := n.get(t, "/eureka/apps/DEMO/first-instance").body
	for range 20 {
		n.do(t, "POST", "/eureka/apps/DEMO", strings.Repeat("#", 10_000), ofJSON)
		n.do(t, "POST", batchPath, gzipped(strings.Repeat("#", 10_000)), ofJSON, "Content-Encoding: gzip")
	}
	if after := n.get(t, "/eureka/apps/DEMO/first-instance").body; after != before {
		t.Errorf("instance changed from %s to %s", before, after)
	}
}

// A panicking backend is an empty 500 and a word to the log, and the next request is served.
func TestPanic(t *testing.T) {
	n := demo(t, httpapi.Config{})
	h := newAPI(httpapi.Config{ErrorLog: func(_ *http.Request, err any) { n.errors = append(n.errors, err) }}, panicking{n})
	a := do(t, h, "PUT", "/eureka/apps/DEMO/i-1", "")
	wantEmpty(t, a, http.StatusInternalServerError)
	if len(n.errors) != 1 || n.errors[0] != "boom" {
		t.Errorf("ErrorLog heard %v", n.errors)
	}
	if a := do(t, h, "GET", "/eureka/apps/DEMO/i-1", ""); a.status != http.StatusOK {
		t.Errorf("next request = %d", a.status)
	}
	wantEmpty(t, do(t, newAPI(httpapi.Config{}, panicking{n}), "PUT", "/eureka/apps/DEMO/i-1", ""), 500)
}

// What a handler had begun to say before it panicked is not part of the 500.
func TestPanicForgetsHeaders(t *testing.T) {
	n := demo(t, httpapi.Config{})
	a := do(t, newAPI(httpapi.Config{}, answerless{n}), "GET", "/eureka/apps", "")
	wantEmpty(t, a, http.StatusInternalServerError)
	if got := a.header.Get("Vary"); got != "" {
		t.Errorf("Vary %q", got)
	}
}

type answerless struct{ *node }

func (answerless) Answer(respcache.Query) (*respcache.Answer, error) { return nil, nil }

type panicking struct{ *node }

func (panicking) Renew(heureka.Key, registry.Renewal, registry.Origin) error { panic("boom") }

// A panic after the header ends the connection: nobody may take half a document for a whole one.
func TestPanicAfterTheHeader(t *testing.T) {
	n := demo(t, httpapi.Config{})
	r := httptest.NewRequest("GET", "/eureka/apps", nil)
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("panic %v, want http.ErrAbortHandler", p)
		}
		if len(n.errors) != 1 {
			t.Errorf("ErrorLog heard %v", n.errors)
		}
	}()
	n.ServeHTTP(&panickingWriter{httptest.NewRecorder(), "boom"}, r)
	t.Error("no panic")
}

// Somebody who aborts on purpose is let through, unheard.
func TestAbortHandlerPasses(t *testing.T) {
	n := demo(t, httpapi.Config{})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || len(n.errors) > 0 {
			t.Errorf("panic %v, ErrorLog heard %v", p, n.errors)
		}
	}()
	n.ServeHTTP(&panickingWriter{httptest.NewRecorder(), http.ErrAbortHandler}, httptest.NewRequest("GET", "/eureka/apps", nil))
}

type panickingWriter struct {
	http.ResponseWriter
	p any
}

func (w *panickingWriter) Write([]byte) (int, error) { panic(w.p) }

// badBodies are registrations that nobody may accept, and that must do no harm.
func badBodies() map[string]string {
	good := registration("DEMO", "i-1", nil)
	return map[string]string{
		"truncated":                 good[:len(good)/2],
		"deeply nested objects":     `{"instance":` + strings.Repeat(`{"a":`, 200_000),
		"deeply nested lists":       `{"instance":{"x":` + strings.Repeat(`[`, 200_000) + strings.Repeat(`]`, 200_000) + `}}`,
		"deeply nested metadata":    `{"instance":{"metadata":` + strings.Repeat(`{"a":`, 200_000),
		"list as instance":          `{"instance":[]}`,
		"text as instance":          `{"instance":"x"}`,
		"number as port":            registration("DEMO", "i-1", fields{"port": "x"}),
		"list as metadata":          registration("DEMO", "i-1", fields{"metadata": []any{}}), // W-BUG-2
		"list in metadata":          registration("DEMO", "i-1", fields{"metadata": fields{"a": []any{1}}}),
		"object in metadata":        registration("DEMO", "i-1", fields{"metadata": fields{"a": fields{}}}),
		"object as host":            registration("DEMO", "i-1", fields{"hostName": fields{}}),
		"text as data centre":       registration("DEMO", "i-1", fields{"dataCenterInfo": "MyOwn"}),
		"unknown class":             registration("DEMO", "i-1", fields{"dataCenterInfo": fields{"@class": "x", "name": "MyOwn"}}),
		"unknown data centre":       registration("DEMO", "i-1", fields{"dataCenterInfo": fields{"@class": "com.netflix.appinfo.MyDataCenterInfo", "name": "myown"}}),
		"invalid UTF-8":             strings.Replace(good, "h1.example.org", "h1\xff\xfe", 1),
		"control character":         strings.Replace(good, "h1.example.org", "h1\x01", 1),
		"bad escape":                strings.Replace(good, "h1.example.org", `h1\x`, 1),
		"second root member":        good[:len(good)-1] + `,"x":1}`,
		"comment":                   "/* */" + good,
		"single quotes":             strings.ReplaceAll(good, `"`, `'`),
		"UTF-16":                    "\xff\xfe{\x00\"\x00",
		"number too long to be one": `{"instance":` + strings.Repeat("9", 100_000),
	}
}

func TestBadJSON(t *testing.T) {
	for name, body := range badBodies() {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, httpapi.Config{})
			if a := n.do(t, "POST", "/eureka/apps/DEMO", body, ofJSON); a.status != 400 || !unparsed(a, cannotParseJSON) {
				t.Errorf("= %d %.200s", a.status, a.body)
			}
			n.mustBeEmpty(t)
		})
	}
}

func (n *node) mustBeEmpty(t *testing.T) {
	t.Helper()
	if got := ids(apps(t, n.get(t, "/eureka/apps"))); len(got) > 0 || len(n.errors) > 0 {
		t.Errorf("registered %v; ErrorLog heard %v", got, n.errors)
	}
}

// xmlBody is a registration in XML with more in it.
func xmlBody(prolog, more string) string {
	return prolog + `<instance><instanceId>i-1</instanceId><hostName>h</hostName><app>DEMO</app><ipAddr>1.1.1.1</ipAddr>` +
		`<dataCenterInfo><name>MyOwn</name></dataCenterInfo>` + more + `</instance>`
}

// W-XDEC-1: XML that is broken or has a DOCTYPE; entities are never expanded.
func TestBadXML(t *testing.T) {
	bomb := `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`
	for name, body := range map[string]string{
		"empty":                  "",
		"truncated":              xmlBody("", "")[:100],
		"unbalanced":             xmlBody("", "<a>"),
		"other root":             "<applications/>",
		"DOCTYPE":                xmlBody("<!DOCTYPE instance>", ""),
		"entity bomb":            xmlBody(bomb, "<vipAddress>&b;</vipAddress>"),
		"external entity":        xmlBody(`<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>`, "<vipAddress>&e;</vipAddress>"),
		"unknown entity":         xmlBody("", "<vipAddress>&nope;</vipAddress>"),
		"deeply nested":          "<instance>" + strings.Repeat("<a>", 200_000),
		"invalid UTF-8":          xmlBody("", "<vipAddress>\xff</vipAddress>"),
		"control character":      xmlBody("", "<vipAddress>\x01</vipAddress>"),
		"control reference":      xmlBody("", "<vipAddress>&#1;</vipAddress>"),
		"text as port":           xmlBody("", "<port>x</port>"),
		"port beyond all bounds": xmlBody("", "<port>99999999999999999999</port>"),
		"JSON":                   registration("DEMO", "i-1", nil),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, httpapi.Config{})
			if a := n.do(t, "POST", "/eureka/apps/DEMO", body, ofXML); a.status != 400 || !unparsed(a, cannotParseXML) {
				t.Errorf("= %d %.200s", a.status, a.body)
			}
			n.mustBeEmpty(t)
		})
	}
}

// What looks bad and is allowed: it must come out as a document that everybody can read.
func TestOddButAllowed(t *testing.T) {
	for name, body := range map[string]string{
		"duplicate members":  `{"instance":` + strings.TrimSuffix(record("DEMO", "i-0", nil), "}") + `,"instanceId":"i-1","hostName":"other"}}`,
		"absurd numbers":     registration("DEMO", "i-1", fields{"countryId": "99999999999", "lastDirtyTimestamp": "99999999999999999999", "leaseInfo": fields{"durationInSecs": "1e18"}}),
		"negative numbers":   registration("DEMO", "i-1", fields{"leaseInfo": fields{"durationInSecs": -1, "renewalIntervalInSecs": -5}, "port": fields{"$": -1}}),
		"byte order mark":    "\ufeff" + registration("DEMO", "i-1", nil),
		"text after the end": registration("DEMO", "i-1", nil) + " garbage",
		"unknown members":    registration("DEMO", "i-1", fields{"foo": fields{"hostName": "evil"}, "bar": []any{fields{}}}), // W-BUG-3
		"control characters": registration("DEMO", "i-1", fields{"hostName": "\x00\x1f\x7f\u0085", "metadata": fields{"\x01": "\x02"}}),
		"half a pair":        strings.Replace(registration("DEMO", "i-1", nil), "10.1.2.3", `\ud83d`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, httpapi.Config{})
			wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", body, ofJSON), 204)
			if got := n.stored(t, "DEMO", "i-1").HostName; got == "evil" {
				t.Error("an unknown member leaked")
			}
			n.mustBeReadable(t)
		})
	}
}

// mustBeReadable fails unless the registry reads as JSON and XML, full and compact.
func (n *node) mustBeReadable(t testing.TB) {
	t.Helper()
	for _, accept := range []string{asJSON, asXML} {
		for _, detail := range []string{"full", "compact"} {
			a := n.do(t, "GET", "/eureka/apps", "", accept, "X-Eureka-Accept: "+detail)
			apps(t, a)
			if accept == asXML {
				if err := validXML(a.body); err != nil {
					t.Errorf("no XML: %v: %s", err, a.body)
				}
			}
		}
	}
	if len(n.errors) > 0 {
		t.Errorf("ErrorLog heard %v", n.errors)
	}
}

// A backend may answer with an error of any depth.
func TestWrappedErrors(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for err, want := range map[error]int{
		errors.Join(errors.New("a"), heureka.ErrNotFound): 404, heureka.ErrNotReady: 503, &registry.NewerError{Record: mustFind(n)}: 409,
	} {
		n.err = err
		if a := n.do(t, "PUT", "/eureka/apps/DEMO/i-1", ""); a.status != want {
			t.Errorf("%v = %d, want %d", err, a.status, want)
		}
	}
}

func mustFind(n *node) registry.Record {
	rec, ok := n.reg.Find(heureka.Key{App: "DEMO", ID: "i-1"})
	if !ok {
		panic("not registered")
	}
	return rec
}
