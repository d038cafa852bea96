package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// W-HDR-1: a peer says exactly true.
func TestHdr1Replication(t *testing.T) {
	for value, want := range map[string]registry.By{
		"true": registry.ByPeer, "TRUE": registry.ByClient, "True": registry.ByClient, "false": registry.ByClient,
		"": registry.ByClient, "true ": registry.ByClient, "1": registry.ByClient, "true,true": registry.ByClient,
	} {
		n := newNode(t, httpapi.Config{})
		header := "x-netflix-discovery-replication: " + value
		n.do(t, "POST", "/eureka/apps/DEMO", registration("DEMO", "i-1", nil), ofJSON, header)
		if got := n.origin(t); got != want {
			t.Errorf("register with %q: origin %v, want %v", value, got, want)
		}
		n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=DOWN", "", header)
		if got := n.origin(t); got != want {
			t.Errorf("status with %q: origin %v, want %v", value, got, want)
		}
		n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status?value=UP", "", header)
		if got := n.origin(t); got != want {
			t.Errorf("delete status with %q: origin %v, want %v", value, got, want)
		}
		n.do(t, "DELETE", "/eureka/apps/DEMO/i-1", "", header)
		if got := n.origin(t); got != want {
			t.Errorf("cancel with %q: origin %v, want %v", value, got, want)
		}
	}
	n := newNode(t, httpapi.Config{})
	n.do(t, "POST", "/eureka/apps/DEMO?isReplication=true", registration("DEMO", "i-1", nil), ofJSON)
	if got := n.origin(t); got != registry.ByClient {
		t.Errorf("a query parameter made origin %v", got)
	}
}

// W-HDR-2, W-HDR-5: identity and redirect headers change nothing.
func TestHdr2IdentityHeaders(t *testing.T) {
	n := demo(t, httpapi.Config{})
	want := n.get(t, "/eureka/apps")
	got := n.get(t, "/eureka/apps", "DiscoveryIdentity-Name: DefaultClient", "DiscoveryIdentity-Version: 1.4",
		"DiscoveryIdentity-Id: 10.1.2.3", "X-Discovery-AllowRedirect: true")
	if got.status != want.status || got.body != want.body {
		t.Errorf("identity headers changed the answer to %d %s", got.status, got.body)
	}
}

// W-HDR-4: compact where documents are cached, full for single instances.
func TestHdr4EurekaAccept(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for value, compact := range map[string]bool{"compact": true, "COMPACT": true, "full": false, "": false, "bogus": false} {
		for _, path := range []string{"apps", "apps/delta", "apps/DEMO", "vips/demo.vip", "svips/demo.svip"} {
			for _, accept := range []string{asJSON, asXML} {
				a := n.do(t, "GET", "/eureka/"+path, "", accept, "X-Eureka-Accept: "+value)
				if got := !strings.Contains(a.body, "leaseInfo"); got != compact || a.status != http.StatusOK {
					t.Errorf("%s %s with %q = %d %s", path, accept, value, a.status, a.body)
				}
			}
		}
		for _, path := range []string{"apps/DEMO/i-1", "instances/i-1"} {
			if a := n.get(t, "/eureka/"+path, "X-Eureka-Accept: "+value); !strings.Contains(a.body, "leaseInfo") {
				t.Errorf("%s with %q is not full: %s", path, value, a.body)
			}
		}
	}
}

// W-HDR-7: whatever a PUT or DELETE carries is ignored, with its type.
func TestHdr7BodiesOfPutAndDelete(t *testing.T) {
	n := demo(t, httpapi.Config{MaxBodyBytes: 1000})
	for _, body := range []string{"", "{}", "no json", strings.Repeat("x", 100_000)} {
		for _, headers := range [][]string{nil, {ofJSON}, {ofXML}, {"Content-Type: text/plain"}, {"Content-Encoding: br"}} {
			for _, target := range []string{
				"/eureka/apps/DEMO/i-1", "/eureka/apps/DEMO/i-1/status?value=UP", "/eureka/apps/DEMO/i-1/metadata?k=v",
			} {
				wantEmpty(t, n.do(t, "PUT", target, body, headers...), http.StatusOK)
			}
			wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status", body, headers...), http.StatusOK)
			wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=UP", body, headers...), http.StatusOK)
		}
	}
}

// W-NEG-1 to W-NEG-6: format, label and refusal by Accept, on cached documents and on single ones.
func TestNegotiation(t *testing.T) {
	const xmlType, jsonType = "application/xml", "application/json"
	tests := []struct {
		accept           string
		document, single string // media type, "" for 406
	}{
		{"", xmlType, xmlType},
		{"*/*", xmlType, xmlType},
		{"application/*", xmlType, xmlType},
		{"application/xml", xmlType, xmlType},
		{"application/json", jsonType, jsonType},
		{"application/json;charset=UTF-8", jsonType, jsonType},
		{"application/json, application/*+json", jsonType, jsonType},
		{"application/xml, application/json", jsonType, xmlType},
		{"application/json, application/xml", jsonType, jsonType},
		{"application/xml;q=0.5, application/json", jsonType, jsonType},
		{"application/xml, application/json;q=0.5", jsonType, xmlType},
		{"application/json;q=0.1, application/xml;q=0.9", jsonType, xmlType},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", xmlType, xmlType},
		{"text/html", "", ""},
		{"text/plain", "", ""},
		{"text/json", "", ""},
		{"image/png", "", ""},
		{"application/vnd.x+json", "", ""},
	}
	n := demo(t, httpapi.Config{})
	for _, tt := range tests {
		t.Run(tt.accept, func(t *testing.T) {
			check := func(path, want string) {
				a := n.do(t, "GET", "/eureka/"+path, "", "Accept: "+tt.accept)
				if want == "" {
					wantEmpty(t, a, http.StatusNotAcceptable)
					return
				}
				if got := a.header.Get("Content-Type"); a.status != http.StatusOK || got != want {
					t.Errorf("%s = %d %q, want %q", path, a.status, got, want)
				}
				if isJSON := strings.HasPrefix(a.body, "{"); isJSON != (want == jsonType) {
					t.Errorf("%s is labelled %s: %s", path, want, a.body)
				}
			}
			for _, path := range []string{"apps", "apps/delta", "apps/DEMO", "vips/demo.vip", "svips/demo.svip"} {
				check(path, tt.document)
			}
			for _, path := range []string{"apps/DEMO/i-1", "instances/i-1", "status"} {
				check(path, tt.single)
			}
		})
	}
}

// W-NEG-2: no Accept header at all.
func TestNeg2NoAccept(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{"apps", "apps/DEMO", "apps/DEMO/i-1"} {
		if a := n.do(t, "GET", "/eureka/"+path, ""); a.header.Get("Content-Type") != "application/xml" {
			t.Errorf("%s without Accept is %q", path, a.header.Get("Content-Type"))
		}
	}
}

// Two Accept lines are one list.
func TestAcceptInTwoLines(t *testing.T) {
	n := demo(t, httpapi.Config{})
	if a := n.do(t, "GET", "/eureka/apps", "", "Accept: text/html", asJSON); a.header.Get("Content-Type") != "application/json" {
		t.Errorf("= %d %q", a.status, a.header.Get("Content-Type"))
	}
}

// W-NEG-6: 406 comes before anything happens, whatever the method.
func TestNeg6NothingHappens(t *testing.T) {
	n := demo(t, httpapi.Config{})
	changes := len(n.changes)
	for _, target := range []string{
		"POST /eureka/apps/OTHER", "PUT /eureka/apps/DEMO/i-1/status?value=DOWN", "DELETE /eureka/apps/DEMO/i-1/status",
		"PUT /eureka/apps/DEMO/i-1/metadata?a=b", "DELETE /eureka/apps/DEMO/i-1", "PUT /eureka/apps/NONE/i-1",
		"POST /eureka/peerreplication/batch/", "PUT /eureka/asg/a/status",
	} {
		method, path, _ := strings.Cut(target, " ")
		wantEmpty(t, n.do(t, method, path, registration("OTHER", "i-1", nil), ofJSON, "Accept: text/plain"), http.StatusNotAcceptable)
	}
	if len(n.changes) != changes {
		t.Errorf("%d changes", len(n.changes)-changes)
	}
}

// W-NEG-7: no charset.
func TestNeg7ContentTypes(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for accept, want := range map[string]string{asJSON: "application/json", asXML: "application/xml"} {
		for _, path := range []string{"apps", "apps/DEMO/i-1", "status"} {
			if a := n.do(t, "GET", "/eureka/"+path, "", accept); len(a.header["Content-Type"]) != 1 || a.header.Get("Content-Type") != want {
				t.Errorf("%s: Content-Type %q, want %q", path, a.header["Content-Type"], want)
			}
		}
	}
}

// W-NEG-8, W-NEG-9: what a registration may be called.
func TestNeg8RequestTypes(t *testing.T) {
	jsonBody := registration("DEMO", "i-1", nil)
	xmlBody := `<instance><instanceId>i-1</instanceId><hostName>h</hostName><app>DEMO</app><ipAddr>1.1.1.1</ipAddr>` +
		`<dataCenterInfo><name>MyOwn</name></dataCenterInfo></instance>`
	tests := []struct {
		contentType, body string
		want              int
	}{
		{"application/json", jsonBody, 204},
		{"APPLICATION/JSON", jsonBody, 204},
		{"application/json;charset=UTF-8", jsonBody, 204},
		{"application/json; charset=utf-8", jsonBody, 204},
		{"application/json; charset=iso-8859-1", jsonBody, 204},
		{"application/xml", xmlBody, 204},
		{"application/xml;charset=utf-8", xmlBody, 204},
		{"*/*", xmlBody, 204},
		{"application/*", xmlBody, 204},
		{"", jsonBody, 415},
		{"text/plain", jsonBody, 415},
		{"text/json", jsonBody, 415},
		{"text/xml", xmlBody, 415},
		{"application/x-www-form-urlencoded", jsonBody, 415},
		{"application/vnd.x+json", jsonBody, 415},
		{"application/json;charset=utf-16", jsonBody, 415},
		{"application/json, application/xml", jsonBody, 415},
		{"junk", jsonBody, 415},
	}
	for _, tt := range tests {
		t.Run(tt.contentType, func(t *testing.T) {
			n := newNode(t, httpapi.Config{})
			var headers []string
			if tt.contentType != "" {
				headers = append(headers, "Content-Type: "+tt.contentType)
			}
			wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", tt.body, headers...), tt.want)
			if got := n.has("DEMO", "i-1"); got != (tt.want == 204) {
				t.Errorf("registered: %t", got)
			}
		})
	}
}

// W-GZ-1, W-GZ-2, W-GZ-4: gzip for the two registry-wide documents exactly if Accept-Encoding names it.
func TestGz1Compression(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for coding, want := range map[string]bool{
		"gzip": true, "gzip, x-gzip, deflate": true, "gzip;q=0": true, "br, gzip;q=0.1": true, "x-gzip": true,
		"": false, "identity": false, "deflate": false, "br": false, "GZIP": false, "*": false,
	} {
		for _, path := range []string{"apps", "apps/delta", "apps/?regions=us"} {
			for _, accept := range []string{asJSON, asXML} {
				plain := n.do(t, "GET", "/eureka/"+path, "", accept)
				a := n.do(t, "GET", "/eureka/"+path, "", accept, "Accept-Encoding: "+coding)
				if got := a.header.Get("Content-Encoding") == "gzip"; got != want {
					t.Errorf("%s with %q: compressed %t, want %t", path, coding, got, want)
				}
				if a.header.Get("Content-Length") != strconv.Itoa(len(a.body)) {
					t.Errorf("Content-Length %s of %d bytes", a.header.Get("Content-Length"), len(a.body))
				}
				if a.header.Get("Content-Type") != plain.header.Get("Content-Type") {
					t.Errorf("Content-Type %q", a.header.Get("Content-Type"))
				}
				if want {
					a.body = gunzip(t, a.body)
				}
				if unversioned(a.body) != unversioned(plain.body) {
					t.Errorf("%s with %q is another document", path, coding)
				}
			}
		}
	}
}

// unversioned blanks the version of a delta, of which every form may have its own (W-VER-2).
func unversioned(body string) string {
	return regexp.MustCompile(`versions__delta("?[:>]"?)\d+`).ReplaceAllString(body, "versions__delta$1")
}

func gunzip(t *testing.T, s string) string {
	t.Helper()
	zr, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func gzipped(s string) string {
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	io.WriteString(zw, s)
	zw.Close()
	return b.String()
}

// W-GZ-3: nothing else is compressed.
func TestGz3NotCompressed(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{"apps/DEMO", "apps/DEMO/i-1", "instances/i-1", "vips/demo.vip", "svips/demo.svip", "status", "serverinfo/statusoverrides"} {
		a := n.get(t, "/eureka/"+path, "Accept-Encoding: gzip")
		if a.header.Get("Content-Encoding") != "" || !strings.HasPrefix(a.body, "{") {
			t.Errorf("%s is compressed: %v", path, a.header)
		}
	}
}

// W-GZ-5.
func TestGz5Vary(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{"apps", "apps/delta", "apps/DEMO", "vips/demo.vip"} {
		if got := n.get(t, "/eureka/"+path).header.Get("Vary"); got != "Accept, Accept-Encoding, X-Eureka-Accept" {
			t.Errorf("%s: Vary %q", path, got)
		}
	}
	for _, path := range []string{"apps/DEMO/i-1", "instances/i-1", "status"} {
		if got := n.get(t, "/eureka/"+path).header.Get("Vary"); got != "Accept" {
			t.Errorf("%s: Vary %q", path, got)
		}
	}
}

// A document that the client has already is not sent again, in any of its forms; one in another form is.
func TestETag(t *testing.T) {
	n := demo(t, httpapi.Config{})
	seen := map[string]string{}
	for _, path := range []string{"apps", "apps/delta", "apps/DEMO", "vips/demo.vip", "svips/demo.svip", "apps/DEMO/i-1", "instances/i-1"} {
		for _, headers := range [][]string{{asJSON}, {asXML}, {asJSON, "Accept-Encoding: gzip"}, {asJSON, "X-Eureka-Accept: compact"}} {
			a := n.do(t, "GET", "/eureka/"+path, "", headers...)
			tag := a.header.Get("ETag")
			if len(tag) < 3 || tag[0] != '"' || tag[len(tag)-1] != '"' {
				t.Fatalf("%s %v: ETag %q", path, headers, tag)
			}
			if other, ok := seen[path+tag]; ok && other != a.body {
				t.Errorf("%s %v: ETag %s stands for two bodies", path, headers, tag)
			}
			seen[path+tag] = a.body
			for _, match := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
				b := n.do(t, "GET", "/eureka/"+path, "", append(headers, "If-None-Match: "+match)...)
				if b.status != http.StatusNotModified || b.body != "" || b.header.Get("ETag") != tag ||
					b.header.Get("Content-Length") != "" || b.header.Get("Content-Type") != "" {
					t.Errorf("%s with If-None-Match %s = %d %q %v", path, match, b.status, b.body, b.header)
				}
			}
			if b := n.do(t, "GET", "/eureka/"+path, "", append(headers, `If-None-Match: "x"`)...); b.status != http.StatusOK || b.body != a.body {
				t.Errorf("%s with another tag = %d", path, b.status)
			}
		}
	}
}

func TestETagChangesWithTheDocument(t *testing.T) {
	n := demo(t, httpapi.Config{})
	paths := []string{"apps", "apps/delta", "apps/DEMO", "vips/demo.vip", "svips/demo.svip", "apps/DEMO/i-1"}
	before := map[string]string{}
	for _, p := range paths {
		before[p] = n.get(t, "/eureka/"+p).header.Get("ETag")
	}
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE", "")
	for _, p := range paths {
		if a := n.get(t, "/eureka/"+p, "If-None-Match: "+before[p]); a.status != http.StatusOK {
			t.Errorf("%s = %d after a change", p, a.status)
		}
	}
}

// Every 200 with a body parses as what it is labelled.
func TestBodiesParse(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.register(t, "ODD", "\x01<&>\"\u2028😀", fields{"metadata": fields{"a b": "\x02", "": "empty", "1x": "<", "@class": "x"}})
	n.info.Instance = &heureka.Instance{ID: "own", App: "EUREKA", HostName: "h", DataCenter: heureka.OwnDataCenter}
	for _, path := range []string{"apps", "apps/delta", "apps/ODD", "vips/odd.vip", "status"} {
		for _, detail := range []string{"full", "compact"} {
			a := n.get(t, "/eureka/"+path, "X-Eureka-Accept: "+detail)
			if !json.Valid([]byte(a.body)) {
				t.Errorf("%s %s: no JSON: %s", path, detail, a.body)
			}
			a = n.do(t, "GET", "/eureka/"+path, "", asXML, "X-Eureka-Accept: "+detail)
			if err := validXML(a.body); err != nil {
				t.Errorf("%s %s: %v: %s", path, detail, err, a.body)
			}
		}
	}
}

func validXML(s string) error {
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
