package httpapi_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
)

// W-REG-1, W-REG-12.
func TestReg1Created(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for range 2 {
		for _, header := range []string{asJSON, fromPeer, "Accept: */*"} {
			wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", registration("DEMO", "i-1", nil), ofJSON, header), http.StatusNoContent)
		}
	}
	xmlBody := `<instance><instanceId>x-1</instanceId><hostName>h</hostName><app>demo</app><ipAddr>1.1.1.1</ipAddr>` +
		`<dataCenterInfo><name>MyOwn</name></dataCenterInfo></instance>`
	wantEmpty(t, n.do(t, "POST", "/eureka/apps/DEMO", xmlBody, ofXML), http.StatusNoContent)
	if !n.has("DEMO", "x-1") {
		t.Error("nothing registered by XML")
	}
}

const (
	cannotParseJSON = `{"error": "cannot parse request body: %"}`
	cannotParseXML  = `<error><message>cannot parse request body: %</message></error>`
)

// W-ERR-4, W-REG-2, W-REG-5: the text of the reference and a reason, under the request's own type.
func TestErr4Undecodable(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for contentType, want := range map[string]string{
		"application/json": cannotParseJSON, "application/json;charset=UTF-8": cannotParseXML, "application/xml": cannotParseXML,
	} {
		for _, body := range []string{"", "{", "null", "[]", "{}", `{"instance":null}`, record("DEMO", "i-1", nil), registration("DEMO", "i-1", fields{"app": nil})} {
			a := n.do(t, "POST", "/eureka/apps/DEMO", body, "Content-Type: "+contentType, asXML)
			if a.status != 400 || !unparsed(a, want) || a.header.Get("Content-Type") != contentType {
				t.Errorf("%s %.20q = %d %q %q, want 400 %q", contentType, body, a.status, a.header.Get("Content-Type"), a.body, want)
			}
		}
	}
	if len(n.changes) > 0 {
		t.Error("something was registered")
	}
}

// W-REG-3, W-REG-4, W-REG-6, W-ERR-5: the checks, in their order.
func TestReg4Checks(t *testing.T) {
	tests := []struct {
		name string
		more fields
		want string // "": accepted
	}{
		{"no id at all", fields{"instanceId": nil, "hostName": nil}, "Missing instanceId"},
		{"blank id, no host", fields{"instanceId": "", "hostName": ""}, "Missing instanceId"},
		{"host name as id", fields{"instanceId": nil}, ""},
		{"no host", fields{"hostName": nil, "ipAddr": nil}, "Missing hostname"},
		{"empty host", fields{"hostName": ""}, "Missing hostname"},
		{"white space is not blank", fields{"hostName": " "}, ""},
		{"no address", fields{"ipAddr": nil, "app": ""}, "Missing ip address"},
		{"empty app", fields{"app": "", "dataCenterInfo": nil}, "Missing appName"},
		{"other app", fields{"app": "other", "dataCenterInfo": nil}, "Mismatched appName, expecting DEMO but was OTHER"},
		{"same app in lower case", fields{"app": "demo"}, ""},
		{"no data centre", fields{"dataCenterInfo": nil}, "Missing dataCenterInfo"},
		{"nameless data centre", fields{"dataCenterInfo": fields{"@class": "com.netflix.appinfo.MyDataCenterInfo"}}, "Missing dataCenterInfo Name"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, httpapi.Config{})
			for accept, label := range map[string]string{"*/*": "application/xml", "application/json": "application/json"} {
				a := n.do(t, "POST", "/eureka/apps/demo", registration("DEMO", "i-1", tt.more), ofJSON, "Accept: "+accept)
				if tt.want == "" {
					wantEmpty(t, a, http.StatusNoContent)
					continue
				}
				if a.status != 400 || a.body != tt.want || a.header.Get("Content-Type") != label {
					t.Errorf("= %d %q %q, want 400 %q %q", a.status, a.header.Get("Content-Type"), a.body, label, tt.want)
				}
			}
			if got := len(n.changes) > 0; got != (tt.want == "") {
				t.Errorf("registered: %t", got)
			}
		})
	}
}

// W-REG-7, W-BUG-1: Amazon instances have their id among their data centre's metadata, also under the phantom class.
func TestReg7AmazonID(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.register(t, "DEMO", "a", fields{"dataCenterInfo": fields{"@class": "com.netflix.appinfo.AmazonInfo", "name": "Amazon", "metadata": fields{"mac": "m"}}})
	n.register(t, "DEMO", "b", fields{"dataCenterInfo": fields{"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo", "name": "Amazon"}})
	n.do(t, "POST", "/eureka/peerreplication/batch/", batchOf(fields{"appName": "DEMO", "id": "c", "action": "Register",
		"instanceInfo": rawRecord("DEMO", "c", fields{"dataCenterInfo": fields{"@class": "com.netflix.appinfo.AmazonInfo", "metadata": fields{}}})}), ofJSON)
	for _, id := range []string{"a", "b", "c"} {
		if got := n.stored(t, "DEMO", id).DataCenter.Metadata.Get("instance-id"); got != id {
			t.Errorf("instance-id %q, want %q", got, id)
		}
	}
	if doc := apps(t, n.get(t, "/eureka/apps")); len(ids(doc)) != 3 {
		t.Errorf("apps = %v", ids(doc))
	}
}

// W-FLD-9, S-STATUS-5: who gets UP because an override is taken away gets no time of that.
func TestFld9ServiceUpAfterAnOverride(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.register(t, "DEMO", "i-1", fields{"status": "DOWN"})
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE", "")
	n.do(t, "DELETE", "/eureka/apps/DEMO/i-1/status?value=UP", "")
	in, lease, err := n.Instance(heureka.Key{App: "DEMO", ID: "i-1"})
	if err != nil || in.Status != heureka.StatusUp || lease.ServiceUpMS != 0 {
		t.Errorf("status %v, up since %d, %v, want UP since 0", in.Status, lease.ServiceUpMS, err)
	}
}

// W-REG-8. Unlike on the reference a lastDirtyTimestamp of 0 is as good as none.
func TestReg8Stored(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	n.register(t, "DEMO", "i-1", fields{"actionType": "DELETED", "lastUpdatedTimestamp": "1", "isCoordinatingDiscoveryServer": "true",
		"leaseInfo": fields{"registrationTimestamp": 1, "lastRenewalTimestamp": 2, "evictionTimestamp": 3, "serviceUpTimestamp": 4}})
	for id, dirty := range map[string]any{"undated": nil, "zero": 0, "text": "abc"} {
		n.register(t, "DEMO", id, fields{"lastDirtyTimestamp": dirty})
		if got := n.stored(t, "DEMO", id).LastDirtyMS; got != n.now.UnixMilli() {
			t.Errorf("lastDirtyTimestamp %v became %d, want the server's time", dirty, got)
		}
	}
	in := n.stored(t, "DEMO", "i-1")
	if in.Action != heureka.ActionAdded || in.LastUpdatedMS != n.now.UnixMilli() || in.LastDirtyMS != dirty || in.CoordinatingServer {
		t.Errorf("stored %+v", in)
	}
	_, lease, _ := n.Instance(heureka.Key{App: "DEMO", ID: "i-1"})
	ms := n.now.UnixMilli()
	want := heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: ms, LastRenewalMS: ms, ServiceUpMS: ms}
	if diff := cmp.Diff(want, lease); diff != "" {
		t.Errorf("lease (-want +got):\n%s", diff)
	}
}

// W-REG-9: the older record is dropped, and the answer does not say so.
func TestReg9OlderRecord(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for _, step := range []struct {
		dirty int
		ip    string
		want  string
	}{{dirty, "1.1.1.1", "1.1.1.1"}, {dirty - 1, "2.2.2.2", "1.1.1.1"}, {dirty, "3.3.3.3", "3.3.3.3"}, {dirty + 1, "4.4.4.4", "4.4.4.4"}} {
		n.register(t, "DEMO", "i-1", fields{"lastDirtyTimestamp": step.dirty, "ipAddr": step.ip})
		if got := n.stored(t, "DEMO", "i-1").IPAddr; got != step.want {
			t.Errorf("after %d %s: address %s, want %s", step.dirty, step.ip, got, step.want)
		}
	}
}

// W-RENEW-1, row by row, and W-RENEW-7.
func TestRenew1Answers(t *testing.T) {
	tests := []struct {
		name, path, query string
		peer              bool
		want              int
	}{
		{"step 1, no lease", "DEMO/none", "lastDirtyTimestamp=1", false, 404},
		{"step 1, other application", "OTHER/i-1", "", false, 404},
		{"step 2, status unknown", "DEMO/unknown", "", false, 404},
		{"step 3, no timestamp", "DEMO/i-1", "status=UP", false, 200},
		{"step 5, the same", "DEMO/i-1", fmt.Sprintf("status=UP&lastDirtyTimestamp=%d", dirty), false, 200},
		{"step 5, the same with a sign", "DEMO/i-1", fmt.Sprintf("lastDirtyTimestamp=%%2B%d", dirty), true, 200},
		{"step 6, newer", "DEMO/i-1", fmt.Sprintf("lastDirtyTimestamp=%d", dirty+1), false, 404},
		{"step 6, newer from a peer", "DEMO/i-1", fmt.Sprintf("lastDirtyTimestamp=%d", dirty+1), true, 404},
		{"step 7, older", "DEMO/i-1", "lastDirtyTimestamp=1", false, 200},
		{"step 7, negative", "DEMO/i-1", "lastDirtyTimestamp=-1", false, 200},
		{"lower case", "demo/i-1", "", false, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := demo(t, httpapi.Config{})
			n.register(t, "DEMO", "unknown", fields{"status": "UNKNOWN"})
			var headers []string
			if tt.peer {
				headers = append(headers, fromPeer)
			}
			wantEmpty(t, n.do(t, "PUT", "/eureka/apps/"+tt.path+"?"+tt.query, "", headers...), tt.want)
		})
	}
}

// W-RENEW-1 step 8: a peer that is behind gets the newer record.
func TestRenew1Conflict(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=OUT_OF_SERVICE", "")
	for accept, want := range map[string]struct{ label, begin, status string }{
		"application/json": {"application/json", `{"instance":{"instanceId":"i-1",`, `"status":"OUT_OF_SERVICE"`},
		"*/*":              {"application/xml", "<instance>\n  <instanceId>i-1</instanceId>", "<status>DOWN</status>"}, // W-XENC-9
	} {
		a := n.do(t, "PUT", "/eureka/apps/DEMO/i-1?lastDirtyTimestamp=1", "", fromPeer, "Accept: "+accept)
		if a.status != 409 || a.header.Get("Content-Type") != want.label || !strings.HasPrefix(a.body, want.begin) || !strings.Contains(a.body, want.status) {
			t.Errorf("= %d %q %s", a.status, a.header.Get("Content-Type"), a.body)
		}
	}
}

// The heartbeat of an unknown instance must not be answered with a body, and a good one neither (W-RENEW-3, W-RENEW-7).
func TestRenew3NoBodies(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, accept := range []string{asJSON, asXML, "Accept: */*"} {
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1", "{}", accept, ofJSON), 200)
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/none", "{}", accept, ofJSON), 404)
	}
}

// badNumbers are timestamps that are none.
var badNumbers = []string{"", "abc", "1.5", "%201", "1%20", "1e3", "0x10", "1_000", "9223372036854775808", "-9223372036854775809", "--1", "%2B", "١", "NaN", "+1"}

// W-RENEW-1 step 4, W-STAT-5, S-STATUS-4, S-DEF-20: a bad timestamp is 400 and nothing has happened.
func TestBadTimestamps(t *testing.T) {
	for _, v := range badNumbers {
		n := demo(t, httpapi.Config{})
		changes := len(n.changes)
		renewed := n.reg.Stats(n.now).Renewals
		for _, target := range []string{
			"PUT /eureka/apps/DEMO/i-1?", "PUT /eureka/apps/DEMO/i-1/status?value=DOWN&", "PUT /eureka/apps/DEMO/i-1/status?value=UP&",
			"DELETE /eureka/apps/DEMO/i-1/status?", "DELETE /eureka/apps/DEMO/i-1/status?value=UP&",
		} {
			method, path, _ := strings.Cut(target, " ")
			wantBad(t, n.do(t, method, path+"lastDirtyTimestamp="+v, ""), "lastDirtyTimestamp is ")
			// An instance that is not there is 404, whatever else is wrong.
			wantEmpty(t, n.do(t, method, strings.Replace(path, "i-1", "none", 1)+"lastDirtyTimestamp="+v, ""), 404)
		}
		if len(n.changes) != changes || n.reg.Stats(n.now).Renewals != renewed || n.stored(t, "DEMO", "i-1").Status != heureka.StatusUp {
			t.Errorf("lastDirtyTimestamp=%s changed something", v)
		}
	}
}

// W-RENEW-4, S-RENEW-7: any status.
func TestRenew4StatusIgnored(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, v := range []string{"", "UP", "DOWN", "BOGUS", "%00", strings.Repeat("x", 1000)} {
		wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/i-1?status="+v, ""), 200)
	}
	if got := n.stored(t, "DEMO", "i-1").Status; got != heureka.StatusUp {
		t.Errorf("status %s", got)
	}
}

// W-RENEW-5: a peer's override is kept when its record is newer; a client's is not looked at.
func TestRenew5Override(t *testing.T) {
	newer := fmt.Sprintf("/eureka/apps/DEMO/i-1?lastDirtyTimestamp=%d&overriddenstatus=", dirty+1)
	for value, want := range map[string]string{"OUT_OF_SERVICE": `{"i-1":"OUT_OF_SERVICE"}`, "UNKNOWN": "{}"} {
		n := demo(t, httpapi.Config{})
		wantEmpty(t, n.do(t, "PUT", newer+value, ""), 404)
		if a := n.get(t, "/eureka/serverinfo/statusoverrides"); a.body != "{}" {
			t.Errorf("a client's override %s was kept: %s", value, a.body)
		}
		wantEmpty(t, n.do(t, "PUT", newer+value, "", fromPeer), 404)
		if a := n.get(t, "/eureka/serverinfo/statusoverrides"); a.body != want {
			t.Errorf("after a peer's %s: %s, want %s", value, a.body, want)
		}
	}
	n := demo(t, httpapi.Config{})
	wantEmpty(t, n.do(t, "PUT", newer+"bogus", ""), 404)
	wantBad(t, n.do(t, "PUT", newer+"bogus", "", fromPeer), "overriddenstatus is ")
}

// W-CANCEL-1, and S-DEF-6, S-DEF-19 against W-CANCEL-2: nothing happens to others.
func TestCancel1(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.register(t, "OTHER", "i-1", nil)
	n.do(t, "PUT", "/eureka/apps/OTHER/i-1/status?value=DOWN", "")
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/demo/i-1", ""), 200)
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/DEMO/i-1", ""), 404)
	wantEmpty(t, n.do(t, "DELETE", "/eureka/apps/NONE/i-1", ""), 404)
	if a := n.get(t, "/eureka/serverinfo/statusoverrides"); a.body != `{"i-1":"DOWN"}` {
		t.Errorf("overrides %s", a.body)
	}
}

// W-META-1, W-META-2.
func TestMeta2Parameters(t *testing.T) {
	tests := []struct {
		query string
		want  map[string]string // besides zone=z1
	}{
		{"", nil},
		{"color=blue", map[string]string{"color": "blue"}},
		{"color=red&size=1&color=blue", map[string]string{"color": "red", "size": "1"}},
		{"flag", map[string]string{"flag": ""}},
		{"e=", map[string]string{"e": ""}},
		{"=x", nil},
		{"=x&a=1&&", map[string]string{"a": "1"}},
		{"x=%3C%26%3E", map[string]string{"x": "<&>"}},
		{"a+b=c+d%2B", map[string]string{"a b": "c d+"}},
		{"a=b=c", map[string]string{"a": "b=c"}},
		{"regions=r&value=v", map[string]string{"regions": "r", "value": "v"}},
		{"%C3%BC=%F0%9F%98%80", map[string]string{"ü": "😀"}},
		{"k=%FF", map[string]string{"k": "\uFFFD"}},
		{"zone=z2", map[string]string{"zone": "z2"}},
		{"a;b=c;d", map[string]string{"a;b": "c;d"}},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			n := demo(t, httpapi.Config{})
			wantEmpty(t, n.do(t, "PUT", "/eureka/apps/demo/i-1/metadata?"+tt.query, ""), 200)
			want := map[string]string{"zone": "z1"}
			maps.Copy(want, tt.want)
			if diff := cmp.Diff(want, n.stored(t, "DEMO", "i-1").Metadata.Map()); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			wantEmpty(t, n.do(t, "PUT", "/eureka/apps/DEMO/none/metadata?"+tt.query, ""), 404)
		})
	}
}

// W-META-3, W-META-4.
func TestMeta3RegisteredAgain(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/status?value=DOWN", "")
	n.now = n.now.Add(time.Minute)
	n.do(t, "PUT", "/eureka/apps/DEMO/i-1/metadata?k=v", "", fromPeer)
	in := n.stored(t, "DEMO", "i-1")
	_, lease, _ := n.Instance(in.Key())
	if in.Action != heureka.ActionAdded || in.LastDirtyMS != dirty || lease.RegistrationMS != n.now.UnixMilli() {
		t.Errorf("stored %+v", in)
	}
	if last := n.changes[len(n.changes)-1]; last.Kind != registry.Registered || last.Origin.By != registry.ByClient {
		t.Errorf("change %v from %v, want a registration by a client", last.Kind, last.Origin)
	}
	n.register(t, "DEMO", "i-1", nil)
	if got := n.stored(t, "DEMO", "i-1").Metadata.Get("k"); got != "v" {
		t.Errorf("metadata after the registration of the same record: %q, want v", got)
	}
	n.register(t, "DEMO", "i-1", fields{"lastDirtyTimestamp": fmt.Sprint(dirty + 1)})
	if got := n.stored(t, "DEMO", "i-1").Metadata.Get("k"); got != "" {
		t.Errorf("metadata outlived a registration: %q", got)
	}
}

// W-ASG-1: 400 without a body, whatever is sent.
func TestAsg1(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for _, q := range []string{"", "?value=DISABLED", "?value=ENABLED", "?value=X"} {
		wantEmpty(t, n.do(t, "PUT", "/eureka/asg/a-v001/status"+q, "", asJSON), 400)
		wantEmpty(t, n.do(t, "PUT", "/eureka/asg/a-v001/status/"+q, "", fromPeer), 400)
	}
}

// W-ERR-1: a failing backend is an empty 500 on every write, and is heard of once.
func TestErr1BackendFailure(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.err = errors.New("disk on fire")
	for _, target := range []string{
		"POST /eureka/apps/DEMO", "PUT /eureka/apps/DEMO/i-1", "DELETE /eureka/apps/DEMO/i-1", "PUT /eureka/apps/DEMO/i-1/status?value=UP",
		"DELETE /eureka/apps/DEMO/i-1/status", "PUT /eureka/apps/DEMO/i-1/metadata?a=b",
	} {
		n.errors = nil
		method, path, _ := strings.Cut(target, " ")
		wantEmpty(t, n.do(t, method, path, registration("DEMO", "i-1", nil), ofJSON), 500)
		if len(n.errors) != 1 || n.errors[0] != n.err {
			t.Errorf("%s: ErrorLog heard %v", target, n.errors)
		}
	}
}

// W-ERR-7: nobody but the node's own failures is answered 500.
func TestErr7NoCallerCauses500(t *testing.T) {
	n := demo(t, httpapi.Config{})
	for _, target := range []string{
		"PUT /eureka/apps/DEMO/i-1?lastDirtyTimestamp=x", "PUT /eureka/apps/DEMO/i-1/status?value=x", "DELETE /eureka/apps/DEMO/i-1/status?value=x",
		"PUT /eureka/asg/a/status?value=x", "POST /eureka/apps/DEMO", "POST /eureka/peerreplication/batch",
	} {
		method, path, _ := strings.Cut(target, " ")
		if a := n.do(t, method, path, "null", ofJSON); a.status != 400 {
			t.Errorf("%s = %d, want 400", target, a.status)
		}
	}
	if len(n.errors) > 0 {
		t.Errorf("ErrorLog heard %v", n.errors)
	}
}

// W-ERR-8: clients on aiohttp look at the type of an answer before they look whether it has a body.
func TestErr8BodilessAnswersHaveAType(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	for _, want := range []string{"application/json", "application/xml"} {
		accept := "Accept: " + want
		for _, r := range []struct{ method, path, body string }{
			{"POST", "apps/DEMO", registration("DEMO", "i-1", nil)},
			{"PUT", "apps/DEMO/i-1", ""},
			{"PUT", "apps/DEMO/i-1/status?value=DOWN", ""},
			{"DELETE", "apps/DEMO/i-1/status", ""},
			{"PUT", "apps/DEMO/i-1/metadata?k=v", ""},
			{"DELETE", "apps/DEMO/i-1", ""},
		} {
			a := n.do(t, r.method, "/eureka/"+r.path, r.body, ofJSON, accept)
			if a.status/100 != 2 || a.header.Get("Content-Type") != want {
				t.Errorf("%s %s for %s = %d with type %q", r.method, r.path, want, a.status, a.header.Get("Content-Type"))
			}
		}
	}
	for _, refused := range []string{"apps/DEMO/nobody", "apps/DEMO/nobody?lastDirtyTimestamp=x"} {
		if a := n.do(t, "PUT", "/eureka/"+refused, "", asJSON); a.header.Get("Content-Type") != "" {
			t.Errorf("a refusal = %d with type %q: clients would decode it", a.status, a.header.Get("Content-Type"))
		}
	}
}

// unparsed reports whether an answer is one of these texts with a reason in the place of the percent sign.
func unparsed(a answer, text string) bool {
	before, after, _ := strings.Cut(text, "%")
	return strings.HasPrefix(a.body, before) && strings.HasSuffix(a.body, after) && len(a.body) > len(before)+len(after)
}
