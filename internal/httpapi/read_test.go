package httpapi_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/respcache"
)

// cached are the paths that answer from the cache, and that the gate closes.
var cached = []string{"apps", "apps/", "apps/delta", "apps/DEMO", "vips/demo.vip", "svips/demo.svip"}

// W-GATE-1: reads are refused while the registry is not whole, and only reads of the registry.
func TestGate1NotReady(t *testing.T) {
	for _, want := range []struct {
		configured, status int
	}{{0, 503}, {503, 503}, {403, 403}} {
		n := newNode(t, httpapi.Config{NotReadyStatus: want.configured})
		n.refuse = true
		n.register(t, "DEMO", "i-1", nil) // W-GATE-3
		for _, path := range cached {
			for _, headers := range [][]string{{asJSON}, {asXML, "Accept-Encoding: gzip"}} {
				a := n.do(t, "GET", "/eureka/"+path, "", headers...)
				wantEmpty(t, a, want.status)
				if got := a.header.Get("Retry-After"); got != "" {
					t.Errorf("%s: Retry-After %q makes clients sleep through their refresh", path, got)
				}
			}
		}
		for _, target := range []string{
			"GET /eureka/apps/DEMO/i-1", "GET /eureka/instances/i-1", "PUT /eureka/apps/DEMO/i-1", "PUT /eureka/apps/DEMO/i-1/status?value=UP",
			"DELETE /eureka/apps/DEMO/i-1/status", "PUT /eureka/apps/DEMO/i-1/metadata?k=v", "GET /eureka/status", "DELETE /eureka/apps/DEMO/i-1",
		} {
			method, path, _ := strings.Cut(target, " ")
			if a := n.do(t, method, path, ""); a.status != http.StatusOK {
				t.Errorf("%s = %d while not ready", target, a.status)
			}
		}
		if a := n.do(t, "POST", "/eureka/peerreplication/batch/", `{"replicationList":[]}`, ofJSON); a.status != http.StatusOK {
			t.Errorf("batch = %d while not ready", a.status)
		}
	}
}

// W-APPS-1: all instances whatever their status, no empty applications.
func TestApps1Everything(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for _, s := range []string{"UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"} {
		n.register(t, "DEMO", s, fields{"status": s})
	}
	n.register(t, "GONE", "i-1", nil)
	n.do(t, "DELETE", "/eureka/apps/GONE/i-1", "")
	for _, accept := range []string{asJSON, asXML} {
		doc := apps(t, n.do(t, "GET", "/eureka/apps", "", accept))
		want := []string{
			"DEMO/DOWN DOWN ADDED", "DEMO/OUT_OF_SERVICE OUT_OF_SERVICE ADDED", "DEMO/STARTING STARTING ADDED",
			"DEMO/UNKNOWN UNKNOWN ADDED", "DEMO/UP UP ADDED",
		}
		if diff := cmp.Diff(want, ids(doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", accept, diff)
		}
		// W-APPS-2.
		if doc.Version != 1 || doc.Hash != "DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UNKNOWN_1_UP_1_" {
			t.Errorf("version %d, hash %q", doc.Version, doc.Hash)
		}
	}
}

// W-APPS-3, W-DELTA-7.
func TestApps3Empty(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	a := n.get(t, "/eureka/apps")
	if want := `{"applications":{"versions__delta":"1","apps__hashcode":"","application":[]}}`; a.status != 200 || a.body != want {
		t.Errorf("apps = %d %s, want %s", a.status, a.body, want)
	}
	a = n.do(t, "GET", "/eureka/apps", "", asXML)
	want := "<applications>\n  <versions__delta>1</versions__delta>\n  <apps__hashcode></apps__hashcode>\n</applications>"
	if a.status != 200 || a.body != want {
		t.Errorf("apps = %d %s, want %s", a.status, a.body, want)
	}
	if doc := apps(t, n.get(t, "/eureka/apps/delta")); len(doc.Apps) != 0 || doc.Hash != "" {
		t.Errorf("delta = %v", doc)
	}
}

// W-APPS-4: how the regions parameter becomes part of a cache key.
func TestApps4Regions(t *testing.T) {
	for query, want := range map[string]string{
		"": "", "regions=": "", "regions": "", "regions=us-east-1": "us-east-1", "regions=b,a": "a,b", "regions=EU-West-1,us-east-1": "eu-west-1,us-east-1",
		"regions=a%2Cb": "a,b", "regions=a,,b,": "a,b", "regions=a,a": "a", "regions=,": "", "Regions=a": "", "regions=a&regions=b": "a",
		"x=1&regions=a": "a",
	} {
		for _, path := range []string{"apps", "apps/delta"} {
			spy := &querySpy{node: newNode(t, httpapi.Config{})}
			do(t, newAPI(httpapi.Config{}, spy), "GET", "/eureka/"+path+"?"+query, "", asJSON)
			if got := spy.asked.Regions; got != want {
				t.Errorf("%s?%s: regions %q, want %q", path, query, got, want)
			}
		}
	}
	// W-APP-2, W-VIP-4: the others do not read it.
	for _, path := range []string{"apps/DEMO", "vips/v", "svips/v"} {
		spy := &querySpy{node: newNode(t, httpapi.Config{})}
		do(t, newAPI(httpapi.Config{}, spy), "GET", "/eureka/"+path+"?regions=a", "", asJSON)
		if got := spy.asked.Regions; got != "" {
			t.Errorf("%s: regions %q", path, got)
		}
	}
}

// A querySpy remembers what was asked of the cache.
type querySpy struct {
	*node
	asked respcache.Query
}

func (s *querySpy) Answer(q respcache.Query) (*respcache.Answer, error) {
	s.asked = q
	return s.node.Answer(q)
}

// W-DELTA-1, W-DELTA-2, W-DELTA-3, W-DELTA-4, W-DELTA-6.
func TestDeltaActions(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	delta := func(want ...string) {
		t.Helper()
		for _, accept := range []string{asJSON, asXML} {
			doc := apps(t, n.do(t, "GET", "/eureka/apps/delta", "", accept))
			if diff := cmp.Diff(want, ids(doc)); diff != "" {
				t.Errorf("delta (-want +got):\n%s", diff)
			}
			if full := apps(t, n.do(t, "GET", "/eureka/apps", "", accept)); full.Hash != doc.Hash {
				t.Errorf("hash of the delta %q, of everything %q", doc.Hash, full.Hash)
			}
		}
	}
	n.register(t, "DEMO", "i-1", nil)
	delta("DEMO/i-1 UP ADDED")
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE", "")
	delta("DEMO/i-1 OUT_OF_SERVICE MODIFIED")
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1", "")
	delta("DEMO/i-1 OUT_OF_SERVICE MODIFIED")
	n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status?value=UP", "")
	delta("DEMO/i-1 UP MODIFIED")
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/metadata?k=v", "")
	delta("DEMO/i-1 UP ADDED")
	n.do(t, "DELETE", "/eureka/apps/DEMO/i-1", "")
	delta("DEMO/i-1 UP DELETED")
	if a := n.get(t, "/eureka/apps/delta"); !strings.Contains(a.body, fmt.Sprintf(`"evictionTimestamp":%d`, n.now.UnixMilli())) {
		t.Errorf("no eviction time in %s", a.body)
	}
	n.register(t, "DEMO", "i-1", nil)
	delta("DEMO/i-1 UP ADDED")
}

// W-DELTA-5, W-VER-2: another content, another version.
func TestDelta5Version(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	last := int64(0)
	for i := range 5 {
		n.register(t, "DEMO", fmt.Sprint(i), nil)
		doc := apps(t, n.get(t, "/eureka/apps/delta"))
		if doc.Version <= last {
			t.Errorf("version %d after %d", doc.Version, last)
		}
		last = doc.Version
	}
}

// W-DELTA-8, S-DELTA-7.
func TestDelta8Disabled(t *testing.T) {
	n := demo(t, httpapi.Config{DisableDelta: true})
	wantEmpty(t, n.get(t, "/eureka/apps/delta"), http.StatusForbidden)
	wantEmpty(t, n.do(t, "GET", "/eureka/apps/delta", "", "Accept: text/plain"), http.StatusNotAcceptable)
	if a := n.get(t, "/eureka/apps"); a.status != http.StatusOK {
		t.Errorf("apps = %d", a.status)
	}
}

// W-APP-1, W-APP-3, W-IDENT-5.
func TestApp1Lookup(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, name := range []string{"DEMO", "demo", "Demo"} {
		a := n.get(t, "/eureka/apps/"+name)
		if a.status != 200 || !strings.HasPrefix(a.body, `{"application":{"name":"DEMO","instance":[{"instanceId":"i-1",`) {
			t.Errorf("%s = %d %s", name, a.status, a.body)
		}
		a = n.do(t, "GET", "/eureka/apps/"+name, "", asXML)
		if a.status != 200 || !strings.HasPrefix(a.body, "<application>\n  <name>DEMO</name>\n  <instance>\n") {
			t.Errorf("%s = %d %s", name, a.status, a.body)
		}
	}
	wantEmpty(t, n.get(t, "/eureka/apps/NOPE"), http.StatusNotFound)
	n.do(t, "DELETE", "/eureka/apps/DEMO/i-1", "")
	wantEmpty(t, n.get(t, "/eureka/apps/DEMO"), http.StatusNotFound)
}

// Names are upper-cased in full, whatever the language of the server, unlike W-IDENT-5.
func TestIdent5FullUpperCase(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.do(t, "POST", "/eureka/apps/stra%C3%9Fe", registration("straße", "i-1", nil), ofJSON)
	if !n.has("STRASSE", "i-1") {
		t.Error("straße is not STRASSE")
	}
	n.do(t, "POST", "/eureka/apps/M%C3%9CSLI", registration("müsli", "i-2", nil), ofJSON)
	if a := n.do(t, "PUT", "/eureka/apps/m%C3%BCsli/i-2", ""); a.status != 200 {
		t.Errorf("a heartbeat of müsli = %d", a.status)
	}
}

// W-INST-1, W-INST-4.
func TestInst1Lookup(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, path := range []string{"apps/DEMO/i-1", "apps/demo/i-1", "instances/i-1"} {
		if a := n.get(t, "/eureka/"+path); a.status != 200 || !strings.HasPrefix(a.body, `{"instance":{"instanceId":"i-1",`) {
			t.Errorf("%s = %d %s", path, a.status, a.body)
		}
		if a := n.do(t, "GET", "/eureka/"+path, "", asXML); a.status != 200 || !strings.HasPrefix(a.body, "<instance>\n  <instanceId>i-1<") {
			t.Errorf("%s = %d %s", path, a.status, a.body)
		}
	}
	for _, path := range []string{"apps/DEMO/I-1", "apps/OTHER/i-1", "instances/I-1", "instances/DEMO"} {
		wantEmpty(t, n.get(t, "/eureka/"+path), http.StatusNotFound)
	}
}

// W-INST-3: a lease that has run out hides its instance here, and not in its application; a renewal brings it back.
func TestInst3Expired(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.register(t, "DEMO", "short", fields{"leaseInfo": fields{"durationInSecs": 5}})
	for range 8 { // enough heartbeats to end self-preservation
		n.now = n.now.Add(10 * time.Second)
		for range 3 {
			n.do(t, "PUT", "/eureka/apps/DEMO/i-1", "")
		}
	}
	if !n.reg.EvictionAllowed(n.now) {
		t.Fatal("self-preservation hides what is to be seen")
	}
	wantEmpty(t, n.get(t, "/eureka/apps/DEMO/short"), http.StatusNotFound)
	wantEmpty(t, n.get(t, "/eureka/instances/short"), http.StatusNotFound)
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/short/status?value=DOWN", ""), http.StatusNotFound)
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/short/status", ""), http.StatusNotFound)
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/short/metadata?k=v", ""), http.StatusNotFound)
	if a := n.get(t, "/eureka/apps/DEMO"); !strings.Contains(a.body, `"short"`) {
		t.Errorf("not listed: %s", a.body)
	}
	wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/short", ""), http.StatusOK)
	if a := n.get(t, "/eureka/apps/DEMO/short"); a.status != http.StatusOK {
		t.Errorf("= %d after a renewal", a.status)
	}
}

// W-INST-5, W-XENC-9: v1 statuses in XML documents of one instance, and nowhere else.
func TestInst5V1Statuses(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for status, v1 := range map[string]string{"UP": "UP", "DOWN": "DOWN", "STARTING": "STARTING", "OUT_OF_SERVICE": "DOWN", "UNKNOWN": "DOWN"} {
		n.register(t, "DEMO", status, fields{"status": status})
		for path, want := range map[string]string{"apps/DEMO/" + status: v1, "instances/" + status: v1, "apps/DEMO": status} {
			if a := n.do(t, "GET", "/eureka/"+path, "", asXML); !strings.Contains(a.body, "<status>"+want+"</status>") {
				t.Errorf("%s: not %s in %s", path, want, a.body)
			}
		}
		if a := n.get(t, "/eureka/apps/DEMO/"+status); !strings.Contains(a.body, `"status":"`+status+`"`) {
			t.Errorf("JSON has another status than %s: %s", status, a.body)
		}
	}
}

// W-VIP-1, W-VIP-2, W-VIP-3, W-VIP-4, W-VIP-6.
func TestVIPLookups(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.register(t, "A", "1", fields{"vipAddress": "one,Two, three", "secureVipAddress": "s1"})
	n.register(t, "B", "2", fields{"vipAddress": "one", "secureVipAddress": "s1,s2", "status": "DOWN"})
	n.register(t, "C", "3", fields{"vipAddress": nil, "secureVipAddress": nil})
	tests := []struct {
		path string
		want []string
		hash string
	}{
		{"vips/one", []string{"A/1 UP ADDED", "B/2 DOWN ADDED"}, "DOWN_1_UP_1_"},
		{"vips/one/", []string{"A/1 UP ADDED", "B/2 DOWN ADDED"}, "DOWN_1_UP_1_"},
		{"vips/Two", []string{"A/1 UP ADDED"}, "UP_1_"},
		{"vips/two", []string{}, ""},
		{"vips/three", []string{}, ""},
		{"vips/%20three", []string{"A/1 UP ADDED"}, "UP_1_"},
		{"vips/one,Two", []string{}, ""},
		{"vips/one%2CTwo", []string{}, ""},
		{"vips/s1", []string{}, ""},
		{"svips/s1", []string{"A/1 UP ADDED", "B/2 DOWN ADDED"}, "DOWN_1_UP_1_"},
		{"svips/s2", []string{"B/2 DOWN ADDED"}, "DOWN_1_"},
		{"svips/one", []string{}, ""},
	}
	for _, tt := range tests {
		for _, accept := range []string{asJSON, asXML} {
			doc := apps(t, n.do(t, "GET", "/eureka/"+tt.path, "", accept))
			if got := ids(doc); !slices.Equal(got, tt.want) || doc.Hash != tt.hash || doc.Version != -1 {
				t.Errorf("%s = %v %q %d, want %v %q -1", tt.path, got, doc.Hash, doc.Version, tt.want, tt.hash)
			}
		}
	}
	// W-VIP-6: fresher than the original.
	n.register(t, "A", "1", fields{"vipAddress": "four", "lastDirtyTimestamp": dirty + 1})
	for path, want := range map[string]int{"vips/one": 1, "vips/Two": 0, "vips/four": 1} {
		for _, detail := range []string{"full", "compact"} {
			if got := ids(apps(t, n.get(t, "/eureka/"+path, "X-Eureka-Accept: "+detail))); len(got) != want {
				t.Errorf("%s %s = %v after the VIP has changed", path, detail, got)
			}
		}
	}
}

// W-SRV-1.
func TestSrv1Overrides(t *testing.T) {
	n := demo(t, httpapi.Config{})
	const path = "/eureka/serverinfo/statusoverrides"
	if a := n.get(t, path); a.status != 200 || a.body != "{}" {
		t.Errorf("= %d %s, want {}", a.status, a.body)
	}
	n.register(t, "OTHER", `h"1`, nil)
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE", "")
	n.do(t, "PUT", "/eureka/apps/OTHER/h%221/status?value=DOWN", "")
	for _, accept := range []string{"", "*/*", "application/*", "application/json", "application/xml, application/json;q=0.1"} {
		a := n.do(t, "GET", path, "", "Accept: "+accept)
		if want := `{"h\"1":"DOWN","i-1":"OUT_OF_SERVICE"}`; a.status != 200 || a.body != want || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("Accept %q = %d %s, want %s", accept, a.status, a.body, want)
		}
	}
	for _, accept := range []string{"application/xml", "text/plain", "application/json;q=no"} {
		wantEmpty(t, n.do(t, "GET", path, "", "Accept: "+accept), http.StatusNotAcceptable)
	}
}

// W-SRV-2 to W-SRV-5, S-STATPAGE-3, S-STATPAGE-4.
func TestSrv2StatusInfo(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.info = httpapi.StatusInfo{
		General:     []heureka.MetadataEntry{{Key: "num-of-cpus", Value: "2"}, {Key: "server-uptime", Value: "00:03"}},
		Application: []heureka.MetadataEntry{{Key: "registered-replicas", Value: "http://a/?x&y"}},
		Instance: &heureka.Instance{ID: "own", App: "EUREKA", HostName: "h", IPAddr: "192.0.2.2", Status: heureka.StatusOutOfService,
			DataCenter: heureka.OwnDataCenter, CountryID: 1},
	}
	const begin = `{"generalStats":{"num-of-cpus":"2","server-uptime":"00:03"},"applicationStats":{"registered-replicas":"http://a/?x&y"},` +
		`"instanceInfo":{"instanceId":"own","hostName":"h","app":"EUREKA","ipAddr":"192.0.2.2","status":"OUT_OF_SERVICE",`
	for _, healthy := range []*bool{nil, new(true), new(false)} {
		n.info.Healthy = healthy
		end, xmlEnd := "}}", "</instanceInfo>\n</com.netflix.eureka.util.StatusInfo>"
		if healthy != nil {
			end = fmt.Sprintf(`},"healthy":%t}`, *healthy)
			xmlEnd = fmt.Sprintf("</instanceInfo>\n  <isHeathly>%t</isHeathly>\n</com.netflix.eureka.util.StatusInfo>", *healthy)
		}
		a := n.get(t, "/eureka/status")
		if a.status != 200 || !strings.HasPrefix(a.body, begin) || !strings.HasSuffix(a.body, end) || strings.Contains(a.body, "healthy") != (healthy != nil) {
			t.Errorf("status = %d %s", a.status, a.body)
		}
		a = n.do(t, "GET", "/eureka/status", "")
		if a.status != 200 || !strings.HasPrefix(a.body, "<com.netflix.eureka.util.StatusInfo>\n  <generalStats>\n    <num-of-cpus>2</num-of-cpus>") ||
			!strings.HasSuffix(a.body, xmlEnd) || !strings.Contains(a.body, "<status>DOWN</status>") {
			t.Errorf("status = %d %s", a.status, a.body)
		}
	}
}

// W-SRV-6.
func TestSrv6Healthcheck(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for status, want := range map[heureka.Status]int{
		heureka.StatusUp: 200, heureka.StatusStarting: 204, heureka.StatusOutOfService: 503, heureka.StatusDown: 500, heureka.StatusUnknown: 500,
	} {
		n.info.Instance = &heureka.Instance{Status: status}
		wantEmpty(t, n.do(t, "GET", "/eureka/healthcheck", "", "Accept: text/plain"), want)
	}
	n.info.Instance = nil
	wantEmpty(t, n.do(t, "GET", "/eureka/healthcheck", ""), 500)
}
