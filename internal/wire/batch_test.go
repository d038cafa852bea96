package wire_test

import (
	"errors"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// entry returns a batch with one entry.
func entry(members string) []byte { return []byte(`{"replicationList":[{` + members + `}]}`) }

// W-REPL-2, W-REPL-3, W-REPL-10.
func TestDecodeBatchEntries(t *testing.T) {
	type item = wire.ReplicationItem
	tests := []struct {
		members string
		want    item
	}{
		{``, item{}},
		{`"appName":null,"id":null,"action":null,"instanceInfo":null,"lastDirtyTimestamp":null,"status":null,"overriddenStatus":null`, item{}},
		{`"appName":"A","id":"i","action":"Heartbeat"`, item{App: "A", ID: "i", Action: wire.Heartbeat}},
		{`"action":"Register"`, item{Action: wire.Register}},
		{`"action":"Cancel"`, item{Action: wire.Cancel}},
		{`"action":"StatusUpdate"`, item{Action: wire.StatusUpdate}},
		{`"action":"DeleteStatusOverride"`, item{Action: wire.DeleteStatusOverride}},
		{`"appName":7,"id":true`, item{App: "7", ID: "true"}},
		{`"lastDirtyTimestamp":1700000000900`, item{LastDirtyMS: 1700000000900, HasLastDirty: true}},
		{`"lastDirtyTimestamp":"1700000000900"`, item{LastDirtyMS: 1700000000900, HasLastDirty: true}},
		{`"lastDirtyTimestamp":0`, item{HasLastDirty: true}},
		{`"lastDirtyTimestamp":1.9`, item{LastDirtyMS: 1, HasLastDirty: true}},
		{`"lastDirtyTimestamp":9223372036854775807`, item{LastDirtyMS: math.MaxInt64, HasLastDirty: true}},
		{`"lastDirtyTimestamp":""`, item{}},
		{`"status":"UP","overriddenStatus":"OUT_OF_SERVICE"`, item{Status: "UP", OverriddenStatus: "OUT_OF_SERVICE"}},
		{`"status":"resting","overriddenStatus":"up"`, item{Status: "resting", OverriddenStatus: "up"}},
		{`"id":"a","id":"b"`, item{ID: "b"}},
		{`"instanceInfo":{"hostName":"h1","app":"demo","ipAddr":"10.0.0.1","dataCenterInfo":` + ownDataCenter + `}`,
			item{Instance: registered(func(*heureka.Instance) {})}},
		{`"instanceInfo":{"app":"DEMO","hostName":"h1","ipAddr":"10.0.0.1","metadata":{"instanceId":"i"},"dataCenterInfo":` + ownDataCenter + `}`,
			item{Instance: registered(func(in *heureka.Instance) { in.ID, in.Metadata = "h1:i", metadata("instanceId", "i") })}},
	}
	for _, tt := range tests {
		t.Run(tt.members, func(t *testing.T) {
			got, err := wire.DecodeBatch(entry(tt.members))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]item{tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// W-REPL-9.
func TestDecodeBatchRefuses(t *testing.T) {
	tests := map[string]string{
		"unknown action":             string(entry(`"action":"Renew"`)),
		"action in other case":       string(entry(`"action":"heartbeat"`)),
		"empty action":               string(entry(`"action":""`)),
		"unknown member":             string(entry(`"action":"Cancel","x":1`)),
		"unknown member beside":      `{"replicationList":[],"x":1}`,
		"an object as list":          `{"replicationList":{}}`,
		"a text as list":             `{"replicationList":"x"}`,
		"null entry":                 `{"replicationList":[null]}`,
		"list as root":               `[]`,
		"bad JSON":                   `{"replicationList":[{"id":"a"`,
		"empty":                      ``,
		"XML":                        `<replicationList/>`,
		"text as timestamp":          string(entry(`"lastDirtyTimestamp":"abc"`)),
		"absurd timestamp":           string(entry(`"lastDirtyTimestamp":1e99`)),
		"overflowing timestamp":      string(entry(`"lastDirtyTimestamp":"99999999999999999999"`)),
		"boolean timestamp":          string(entry(`"lastDirtyTimestamp":true`)),
		"object as id":               string(entry(`"id":{}`)),
		"instance without app":       string(entry(`"instanceInfo":{"hostName":"h"}`)),
		"instance in an envelope":    string(entry(`"instanceInfo":{"instance":{"app":"A"}}`)),
		"W-BUG-2 inside":             string(entry(`"instanceInfo":{"app":"A","metadata":[]}`)),
		"instance as text":           string(entry(`"instanceInfo":"x"`)),
		"nested too deeply":          string(entry(`"instanceInfo":{"app":"A","x":` + strings.Repeat(`[`, 1000))),
		"one bad entry among others": `{"replicationList":[{"action":"Cancel"},{"action":"Burn"},{"action":"Cancel"}]}`,
	}
	for name, body := range tests {
		t.Run(name, func(t *testing.T) {
			items, err := wire.DecodeBatch([]byte(body))
			if _, ok := errors.AsType[*wire.SyntaxError](err); !ok || items != nil {
				t.Errorf("got %v, %v", items, err)
			}
		})
	}
	for _, body := range []string{`{}`, `{"replicationList":null}`, `null`} {
		if items, err := wire.DecodeBatch([]byte(body)); !errors.Is(err, wire.ErrNoReplicationList) || items != nil {
			t.Errorf("%s: got %v, %v", body, items, err)
		}
	}
	if items, err := wire.DecodeBatch([]byte(`{"replicationList":[]}`)); err != nil || items == nil || len(items) != 0 {
		t.Errorf("an empty list: got %v, %v", items, err)
	}
}

// A batch of heartbeats costs little more than the names in it, however long it is.
func TestDecodeBatchMemory(t *testing.T) {
	items := make([]wire.ReplicationItem, 250) // W-REPL-14
	for i := range items {
		items[i] = wire.ReplicationItem{App: "ORDERS", ID: "host-" + strconv.Itoa(i) + ".example.org:orders:8080", Action: wire.Heartbeat}
	}
	body := wire.AppendBatch(nil, items)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := wire.DecodeBatch(body); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 250_000 {
		t.Errorf("%d bytes for a body of %d", used, len(body))
	}
}

// W-REPL-2, W-REPL-5: the instance is bare and full.
func TestAppendBatch(t *testing.T) {
	in := service(1, 1)
	tests := []struct {
		items []wire.ReplicationItem
		want  string
	}{
		{nil, `{"replicationList":[]}`},
		{[]wire.ReplicationItem{{App: "A", ID: `"`, Action: wire.Cancel}, {App: "B", ID: "b", Action: wire.Cancel}},
			`{"replicationList":[{"appName":"A","id":"\"","action":"Cancel"},{"appName":"B","id":"b","action":"Cancel"}]}`},
		{[]wire.ReplicationItem{{App: "A", ID: "a", LastDirtyMS: -5, HasLastDirty: true, OverriddenStatus: "DOWN", Status: "UP",
			Action: wire.Heartbeat}},
			`{"replicationList":[{"appName":"A","id":"a","lastDirtyTimestamp":-5,"overriddenStatus":"DOWN","status":"UP","action":"Heartbeat"}]}`},
		{[]wire.ReplicationItem{{App: "A", ID: "a", Action: wire.Register, Instance: in}},
			`{"replicationList":[{"appName":"A","id":"a","instanceInfo":` + bare(in) + `,"action":"Register"}]}`},
	}
	for _, tt := range tests {
		if got := string(wire.AppendBatch(nil, tt.items)); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// bare is an instance in the full form without an envelope.
func bare(in *heureka.Instance) string { return string(fullJSON.AppendInstance(nil, in, in.Lease)) }

// W-REPL-6.
func TestBatchResults(t *testing.T) {
	in := service(1, 1)
	results := []wire.ReplicationResult{{StatusCode: 200}, {StatusCode: 409, Instance: in}, {StatusCode: 404}}
	body := wire.AppendBatchResult(nil, results)
	if want := `{"responseList":[{"statusCode":200},{"statusCode":409,"responseEntity":` + bare(in) + `},{"statusCode":404}]}`; string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	got, err := wire.DecodeBatchResult(body, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(results, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodeBatchResultLeniently(t *testing.T) {
	tests := map[string][]wire.ReplicationResult{
		`{"responseList":[]}`: nil,
		`{"x":{},"responseList":[{"statusCode":"200","y":[]},{"statusCode":null},{}]}`:     {{StatusCode: 200}, {}, {}},
		`{"responseList":[{"statusCode":409,"responseEntity":{"app":"A","status":{}}}]}`:   {{StatusCode: 409}},
		`{"responseList":[{"statusCode":409,"responseEntity":{}},{"responseEntity":1}]}`:   {{StatusCode: 409}, {}},
		`{"responseList":[{"responseEntity":{"app":"A"},"statusCode":409},{"a":{"b":1}}]}`: {{StatusCode: 409}, {}},
	}
	for body, want := range tests {
		got, err := wire.DecodeBatchResult([]byte(body), 1000)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", body, err, diff)
		}
	}
	for _, body := range []string{``, `{}`, `{"responseList":null}`, `{"responseList":{}}`, `{"responseList":[1]}`, `{"responseList":[`} {
		if got, err := wire.DecodeBatchResult([]byte(body), 1000); err == nil || got != nil {
			t.Errorf("%s: got %v, %v", body, got, err)
		}
	}
}
