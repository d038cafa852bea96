package httpapi_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/wire"
)

var limits = wire.Limits{NameBytes: 512, TextBytes: 16 << 10, MetadataEntries: 1024, BatchEntries: 1000}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A small body must not become a large one in memory: what it becomes is counted while it is read.
func TestSmallBodiesStaySmall(t *testing.T) {
	bulk := func(head, piece, tail string) string {
		return head + strings.TrimSuffix(strings.Repeat(piece, (8<<20)/len(piece)), ",") + tail
	}
	xml := `<instance><app>A</app>`
	for _, tt := range []struct {
		name, path, kind, body string
		want                   int
		reason                 string
	}{
		{"batch of nothing", "/eureka/peerreplication/batch/", ofJSON, bulk(`{"replicationList":[`, "{},", "]}"), 413, "too-many-entries"},
		{"metadata", "/eureka/apps/A", ofJSON, bulk(`{"instance":{"app":"A","metadata":{`, `"":"",`, "}}}"), 400, "over-limit"},
		{"Amazon's metadata", "/eureka/apps/A", ofJSON, bulk(`{"instance":{"app":"A","dataCenterInfo":{"@class":"com.netflix.appinfo.AmazonInfo","name":"Amazon","metadata":{`, `"":"",`, "}}}}"), 400, "over-limit"},
		{"XML metadata", "/eureka/apps/A", ofXML, bulk(xml+"<metadata>", "<a/>", "</metadata></instance>"), 400, "over-limit"},
		{"XML attributes", "/eureka/apps/A", ofXML, bulk(xml+"<b ", `a="" `, "/></instance>"), 400, "undecodable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := newNode(t, httpapi.Config{Limits: limits})
			for _, coding := range []string{"", "Content-Encoding: gzip"} {
				body, headers := tt.body, []string{tt.kind}
				if coding != "" {
					body, headers = gzipped(tt.body), append(headers, coding)
				}
				var a answer
				n.do(t, "POST", tt.path, "", tt.kind)
				took := allocated(func() { a = n.do(t, "POST", tt.path, body, headers...) })
				if reason, _, _ := strings.Cut(a.header.Get("X-Heureka-Reason"), ":"); a.status != tt.want || reason != tt.reason {
					t.Errorf("%d %q, want %d %s", a.status, a.header.Get("X-Heureka-Reason"), tt.want, tt.reason)
				}
				if most := uint64(6 * 8 << 20); tt.kind == ofJSON && took > most || took > 12*most { // the XML decoder is wasteful, one piece after the other
					t.Errorf("%d bytes sent took %d of memory", len(tt.body), took)
				}
			}
		})
	}
}

// What is too long is refused with its name, and an entry of a batch alone.
func TestRecordLimits(t *testing.T) {
	long := strings.Repeat("x", 513)
	many := fields{}
	for i := range 1025 {
		many[fmt.Sprint("k", i)] = "v"
	}
	for why, more := range map[string]fields{
		"instance.instanceId: has 513 bytes":                   {"instanceId": long},
		"instance.instanceId: has the control character '\\n'": {"instanceId": "a\nb"},
		"instance.app: has the control character '\\u009b'":    {"app": "DEMO\u009b"},
		"instance.app: has the control character '\\u202e'":    {"app": "DEMO\u202e"},
		"instance.hostName: has 20000 bytes":                   {"hostName": strings.Repeat("h", 20000)},
		"instance.statusPageUrl: has 20000 bytes":              {"statusPageUrl": strings.Repeat("h", 20000)},
		"instance.metadata: has more than the 1024 entries":    {"metadata": many},
	} {
		n := newNode(t, httpapi.Config{Limits: limits})
		a := n.do(t, "POST", "/eureka/apps/DEMO", registration("DEMO", "i", more), ofJSON)
		if want := `{"error": "cannot parse request body: ` + strings.ReplaceAll(why, `\`, `\\`); a.status != 400 || !strings.HasPrefix(a.body, want) {
			t.Errorf("%d %s, want 400 %s", a.status, a.body, want)
		}
		if len(n.changes) > 0 {
			t.Errorf("registered in spite of %s", why)
		}
		batch := `{"replicationList":[` + entry("DEMO", "i", record("DEMO", "i", more)) + "," + entry("DEMO", "good", record("DEMO", "good", nil)) + "]}"
		a = n.do(t, "POST", "/eureka/peerreplication/batch/", batch, ofJSON)
		if want := `{"responseList":[{"statusCode":400},{"statusCode":200}]}`; a.body != want || !n.has("DEMO", "good") || len(n.changes) != 1 {
			t.Errorf("batch: %d %s, want %s", a.status, a.body, want)
		}
	}
	n := newNode(t, httpapi.Config{Limits: limits})
	n.register(t, "DEMO", long[:512], fields{"metadata": fields{"big": strings.Repeat("v", 1<<20)}})
	if a := n.do(t, "POST", "/eureka/peerreplication/batch/", `{"replicationList":[`+strings.TrimSuffix(strings.Repeat(entry("A", "1", "null")+",", 1000), ",")+`]}`, ofJSON); a.status != 200 {
		t.Errorf("the largest batch: %d", a.status)
	}
}

func entry(app, id, record string) string {
	return fmt.Sprintf(`{"appName":%q,"id":%s,"action":"Register","instanceInfo":%s}`, app, encode(id), record)
}

// A refused registration says why, in its answer and to whoever keeps the log, in text that a terminal can show.
func TestRefusedRegistrationSaysWhy(t *testing.T) {
	var heard []string
	n := newNode(t, httpapi.Config{RegistrationRefused: func(_ *http.Request, app, why string) { heard = append(heard, app+" "+why) }})
	port := `{"instance":{"app":"DEMO","port":8080}}`
	for _, tt := range []struct{ body, kind, want, header string }{
		{port, ofJSON, `{"error": "cannot parse request body: instance.port: want {\"$\":8080,\"@enabled\":\"true\"}"}`, `instance.port: want {"$":8080,"@enabled":"true"}`},
		{`<instance><app>DEMO</app><port>x</port></instance>`, ofXML, `<error><message>cannot parse request body: instance.port: element port is not a number</message></error>`, "instance.port: element port is not a number"},
		{"{\"instance\":{\"\u009bx\":[}}}", ofJSON, `{"error": "cannot parse request body: instance.?x[0]: want a string, number or boolean, found '}'"}`, "instance.?x[0]: want a string, number or boolean, found '}'"},
	} {
		heard = nil
		a := n.do(t, "POST", "/eureka/apps/demo", tt.body, tt.kind)
		if a.status != 400 || a.body != tt.want || a.header.Get("X-Heureka-Reason") != "undecodable: "+tt.header {
			t.Errorf("%d %s, %q; want %s", a.status, a.body, a.header.Get("X-Heureka-Reason"), tt.want)
		}
		if want := "DEMO undecodable: " + tt.header; len(heard) != 1 || heard[0] != want {
			t.Errorf("heard %q, want %q", heard, want)
		}
	}
}

// A short batch cannot have this node repeat large records without end.
func TestBatchAnswerIsBounded(t *testing.T) {
	n := newNode(t, httpapi.Config{Limits: limits})
	n.register(t, "DEMO", "big", fields{"metadata": fields{"k": strings.Repeat("v", 1<<20)}})
	beat := `{"appName":"DEMO","id":"big","action":"Heartbeat","lastDirtyTimestamp":1},`
	a := n.do(t, "POST", "/eureka/peerreplication/batch/", `{"replicationList":[`+strings.TrimSuffix(strings.Repeat(beat, 100), ",")+`]}`, ofJSON)
	if n := strings.Count(a.body, `"statusCode":409`); a.status != 200 || n != 100 || len(a.body) > 8<<20 || len(a.body) < 4<<20 {
		t.Errorf("%d, %d conflicts in %d bytes", a.status, n, len(a.body))
	}
}
