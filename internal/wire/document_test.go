package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// usable is an instance that a client can use, as it stands in a document; members replace its own.
func usable(members string) string {
	s := `{"instanceId":"i1","hostName":"h1","app":"DEMO"`
	if members != "" {
		s += "," + members
	}
	return s + "}"
}

func document(app string) []byte {
	return []byte(`{"applications":{"versions__delta":"1","apps__hashcode":"UP_1_","application":` + app + `}}`)
}

// instancesOf returns the instances of a document that must be readable.
func instancesOf(t *testing.T, f wire.Format, body []byte) []*heureka.Instance {
	t.Helper()
	apps, err := wire.DecodeApplications(f, body)
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	var all []*heureka.Instance
	for _, app := range apps.Apps {
		all = append(all, app.Instances...)
	}
	return all
}

// W-JLEG-1: one application or instance may stand where a list belongs.
func TestLegacyLists(t *testing.T) {
	tests := map[string]int{
		`[{"name":"DEMO","instance":[` + usable("") + `]}]`:                  1,
		`{"name":"DEMO","instance":` + usable("") + `}`:                      1,
		`[{"name":"DEMO","instance":` + usable("") + `}]`:                    1,
		`{"name":"DEMO","instance":[` + usable("") + `,` + usable("") + `]}`: 2,
		`null`: 0, `[]`: 0, `""`: 0, `[null,1,"x",[{}]]`: 0,
		`[{"name":"DEMO"}]`: 0, `[{"name":"DEMO","instance":null}]`: 0, `[{"name":"DEMO","instance":""}]`: 0,
		`[{"name":"DEMO","instance":[]}]`: 0, `[{"name":"DEMO","instance":[null,3]}]`: 0,
	}
	for app, want := range tests {
		if got := len(instancesOf(t, wire.JSON, document(app))); got != want {
			t.Errorf("%s: %d instances, want %d", app, got, want)
		}
	}
}

func TestApplicationsWithoutMembers(t *testing.T) {
	for _, body := range []string{`{"applications":{}}`, `{"x":[],"applications":{"more":{"a":1}},"y":2}`} {
		got, err := wire.DecodeApplications(wire.JSON, []byte(body))
		if diff := cmp.Diff(&heureka.Applications{}, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
	}
}

// W-JLEG-2: values of other types than those that current servers write.
func TestLegacyValues(t *testing.T) {
	type instance = heureka.Instance
	base := func(change func(*instance)) *instance {
		return registered(func(in *instance) {
			in.ID, in.IPAddr, in.DataCenter = "i1", "", nil
			change(in)
		})
	}
	tests := []struct {
		name, members string
		change        func(*instance)
	}{
		{"defaults, also without data center and lease", ``, func(in *instance) {}},
		{"numbers and texts", `"lastUpdatedTimestamp":5,"lastDirtyTimestamp":"6","countryId":"2","isCoordinatingDiscoveryServer":true`,
			func(in *instance) {
				in.LastUpdatedMS, in.LastDirtyMS, in.CountryID, in.CoordinatingServer = 5, 6, 2, true
			}},
		{"ports", `"port":{"$":"8080","@enabled":true},"securePort":{"@enabled":"true","x":{}}`,
			func(in *instance) { in.Port.Number, in.SecurePort.Enabled = 8080, true }},
		{"bare ports", `"port":8080,"securePort":"8443"`, func(in *instance) { in.Port.Number, in.SecurePort.Number = 8080, 8443 }},
		{"old spelling of the override", `"overriddenstatus":"DOWN"`, func(in *instance) { in.OverriddenStatus = heureka.StatusDown }},
		{"unknown status", `"status":"RESTING","overriddenStatus":"x"`, func(in *instance) { in.Status = heureka.StatusUnknown }},
		{"W-GOCLI-9 marker", `"metadata":{"@class":"java.util.Collections$EmptyMap"}`, func(in *instance) {}},
		{"W-GOCLI-9 marker among entries", `"metadata":{"@class":"x","a":"b"}`, func(in *instance) { in.Metadata = metadata("a", "b") }},
		{"metadata that is none", `"metadata":""`, func(in *instance) {}},
		{"metadata as list", `"metadata":[{"a":"b"}]`, func(in *instance) {}},
		{"nested metadata", `"metadata":{"a":{"b":1},"c":[2],"d":3,"e":null}`,
			func(in *instance) { in.Metadata = metadata("d", "3", "e", "null") }},
		{"renewalTimestamp", `"leaseInfo":{"renewalTimestamp":7,"x":{"y":1},"durationInSecs":15}`,
			func(in *instance) { in.Lease.LastRenewalMS, in.Lease.DurationSecs = 7, 15 }},
		{"data center without class", `"dataCenterInfo":{"name":"MyOwn","metadata":{"a":"b"},"more":{}}`,
			func(in *instance) { in.DataCenter = heureka.OwnDataCenter }},
		{"Amazon by its name", `"dataCenterInfo":{"metadata":{"instance-id":"i-1"},"name":"Amazon"}`, func(in *instance) {
			in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("instance-id", "i-1")}
		}},
		{"Amazon by its class", `"dataCenterInfo":{"@class":"com.netflix.appinfo.AmazonInfo","metadata":{"a":"b"}}`,
			func(in *instance) {
				in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: metadata("a", "b")}
			}},
		{"unknown data center", `"dataCenterInfo":{"name":"Google","@class":"x"}`, func(in *instance) {}},
		{"unknown members", `"hostname":"x","extra":{"hostName":"evil"},"list":[1]`, func(in *instance) {}},
		{"invalid UTF-8", "\"vipAddress\":\"a\xffb\"", func(in *instance) { in.VIPAddress = "a\uFFFDb" }},
		{"no id from metadata", `"instanceId":null,"instanceId":"i2","metadata":{"instanceId":"m"}`,
			func(in *instance) { in.ID, in.Metadata = "i2", metadata("instanceId", "m") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := instancesOf(t, wire.JSON, document(`{"name":"DEMO","instance":`+usable(tt.members)+`}`))
			if diff := cmp.Diff([]*heureka.Instance{base(tt.change)}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	for _, version := range []string{`7`, `"7"`, `"7.0"`} {
		apps, err := wire.DecodeApplications(wire.JSON, []byte(`{"applications":{"apps__hashcode":null,"versions__delta":`+version+`}}`))
		if err != nil || apps.Version != 7 || apps.Hash != "" {
			t.Errorf("versions__delta %s: %+v, %v", version, apps, err)
		}
	}
}

// W-GOCLI-8: an instance that cannot be used costs only itself.
func TestUnusableInstancesAreSkipped(t *testing.T) {
	for _, bad := range []string{
		`{}`,
		`{"app":"DEMO"}`,
		`{"app":"DEMO","instanceId":"x"}`,
		`{"app":"DEMO","hostName":{"deep":["x"]}}`,
		`{"app":"DEMO","hostName":"h","leaseInfo":[1,2]}`,
		`{"app":"DEMO","hostName":"h","dataCenterInfo":"MyOwn"}`,
		`{"app":"DEMO","hostName":"h","status":{}}`,
	} {
		list := usable("") + "," + bad + "," + usable(`"instanceId":"i2"`)
		got := instancesOf(t, wire.JSON, document(`[{"name":"DEMO","instance":[`+list+`]},{"name":"DEMO","instance":`+bad+`}]`))
		if len(got) != 2 || got[0].ID != "i1" || got[1].ID != "i2" {
			t.Errorf("%s: got %v", bad, got)
		}
	}
	xml := `<applications><application><name>demo</name>%</application></applications>`
	good := `<instance><instanceId>i1</instanceId><hostName>h</hostName></instance>`
	for _, bad := range []string{
		`<instance/>`, `<instance><instanceId>x</instanceId></instance>`,
		`<instance><hostName>h</hostName><port>x</port></instance>`,
		`<instance><hostName>h</hostName><dataCenterInfo><name>?</name></dataCenterInfo></instance>`,
	} {
		got := instancesOf(t, wire.XML, []byte(strings.Replace(xml, "%", good+bad+good, 1)))
		if len(got) != 2 || got[0].ID != "i1" || got[0].App != "DEMO" {
			t.Errorf("%s: got %v", bad, got)
		}
	}
}

func TestInstanceWithoutAppGetsThatOfItsList(t *testing.T) {
	for _, members := range []string{`"name":"demo","instance":{"hostName":"h"}`, `"instance":{"hostName":"h"},"name":"demo"`} {
		got := instancesOf(t, wire.JSON, document(`{`+members+`}`))
		if len(got) != 1 || got[0].App != "DEMO" || got[0].ResolvedID() != "h" {
			t.Errorf("%s: got %v", members, got)
		}
	}
}

// Broken documents are errors, and no half of them is returned.
func TestBrokenDocuments(t *testing.T) {
	bodies := map[wire.Format][]string{
		wire.JSON: {
			``, `null`, `[]`, `{}`, `{"applications":null}`, `{"applications":[]}`, `{"applications":{}`, `{"application":[]}`,
			`{"applications":{"application":[{"name":"A","instance":[{"hostName":"h]}]}}`,
			`{"applications":{"application":[{"name":"A","instance":[{"hostName":{]}]}}`,
			`{"applications":{"versions__delta":{}}}`, `{"applications":{"apps__hashcode":[]}}`,
			`{"applications":{"application":[` + strings.Repeat("[", 100),
			`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `,"applications":{}}`,
		},
		wire.XML: {
			``, `x`, `<apps/>`, `<applications>`, `<applications><application></applications>`, `<!DOCTYPE x><applications/>`,
			`<applications>` + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + `</applications>`,
		},
	}
	for f, list := range bodies {
		for _, body := range list {
			if got, err := wire.DecodeApplications(f, []byte(body)); err == nil || got != nil {
				t.Errorf("DecodeApplications(%s) = %v, %v", body, got, err)
			}
			if got, err := wire.DecodeApplication(f, []byte(body)); err == nil && !strings.Contains(body, `{"application":`) {
				t.Errorf("DecodeApplication(%s) = %v, %v", body, got, err)
			}
			if got, err := wire.DecodeSingle(f, []byte(body)); err == nil || got != nil {
				t.Errorf("DecodeSingle(%s) = %v, %v", body, got, err)
			}
		}
	}
}

func TestDecodeSingle(t *testing.T) {
	for _, body := range []string{`{"instance":` + usable("") + `}`, `{"x":1,"instance":` + usable("") + `}`} {
		in, err := wire.DecodeSingle(wire.JSON, []byte(body))
		if err != nil || in.Key() != (heureka.Key{App: "DEMO", ID: "i1"}) {
			t.Errorf("%s: %v, %v", body, in, err)
		}
	}
	for f, bodies := range map[wire.Format][]string{
		wire.JSON: {usable(""), `{"instance":{"app":"DEMO"}}`, `{"instance":{"hostName":"h"}}`},
		wire.XML:  {`<application/>`, `<instance><app>A</app></instance>`, `<instance><app>A</app><hostName>h</hostName><port>x</port></instance>`},
	} {
		for _, body := range bodies {
			if in, err := wire.DecodeSingle(f, []byte(body)); err == nil {
				t.Errorf("%s: got %v", body, in)
			}
		}
	}
}

// A client's copy of a registry is replaced piece by piece: an instance must not keep its neighbours' text alive.
func TestDecodedDocumentKeepsNoPartOfTheBody(t *testing.T) {
	for _, f := range []wire.Form{fullJSON, fullXML} {
		want := fleet(30)
		body := encodeApps(f, want)
		got, err := wire.DecodeApplications(f.Format, body)
		if err != nil {
			t.Fatal(err)
		}
		clear(body)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", formName(f), diff)
		}
	}
}
