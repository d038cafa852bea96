package httpapi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

const batchPath = "/eureka/peerreplication/batch/"

func batchOf(entries ...fields) string { return encode(fields{"replicationList": entries}) }

// rawRecord is a record as a member of a batch entry.
func rawRecord(app, id string, more fields) json.RawMessage {
	return json.RawMessage(record(app, id, more))
}

// run sends a batch and returns the status of each entry.
func (n *node) run(t *testing.T, entries ...fields) []int {
	t.Helper()
	a := n.do(t, "POST", batchPath, batchOf(entries...), ofJSON, asJSON)
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("batch = %d %q %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	var reply struct {
		ResponseList []struct {
			StatusCode     int
			ResponseEntity json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(a.body), &reply); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	codes := []int{}
	for i, r := range reply.ResponseList {
		if (r.ResponseEntity != nil) != (r.StatusCode == 409) { // W-REPL-8
			t.Errorf("entry %d: %d with %q", i, r.StatusCode, r.ResponseEntity)
		}
		codes = append(codes, r.StatusCode)
	}
	return codes
}

// W-REPL-7, S-BATCH-5: the status of each action, one entry to a batch. The instance DEMO/i-1 exists, UP.
func TestRepl7Statuses(t *testing.T) {
	mismatched := rawRecord("OTHER", "i-2", nil)
	tests := []struct {
		name  string
		entry fields
		want  int
	}{
		{"register", fields{"action": "Register", "id": "i-2", "instanceInfo": rawRecord("DEMO", "i-2", nil)}, 200},
		{"register without record", fields{"action": "Register", "id": "i-2"}, 500},
		{"register null", fields{"action": "Register", "id": "i-2", "instanceInfo": nil}, 500},
		{"register for another application", fields{"action": "Register", "id": "i-2", "instanceInfo": mismatched}, 200},
		{"register without host", fields{"action": "Register", "id": "i-2", "instanceInfo": rawRecord("DEMO", "i-2", fields{"hostName": nil})}, 200},
		{"heartbeat", fields{"action": "Heartbeat", "lastDirtyTimestamp": dirty, "status": "UP"}, 200},
		{"heartbeat, timestamp as text", fields{"action": "Heartbeat", "lastDirtyTimestamp": fmt.Sprint(dirty)}, 200}, // W-REPL-10
		{"heartbeat without timestamp", fields{"action": "Heartbeat"}, 200},
		{"heartbeat older", fields{"action": "Heartbeat", "lastDirtyTimestamp": 1}, 409},
		{"heartbeat newer", fields{"action": "Heartbeat", "lastDirtyTimestamp": dirty + 1}, 404},
		{"heartbeat of nobody", fields{"action": "Heartbeat", "id": "none", "lastDirtyTimestamp": 1}, 404},
		{"heartbeat with an override", fields{"action": "Heartbeat", "lastDirtyTimestamp": dirty, "overriddenStatus": "UNKNOWN"}, 200},
		{"heartbeat with a bad override", fields{"action": "Heartbeat", "lastDirtyTimestamp": dirty + 1, "overriddenStatus": "bogus"}, 500},
		{"heartbeat with a bad status", fields{"action": "Heartbeat", "lastDirtyTimestamp": dirty, "status": "bogus"}, 200},
		{"cancel", fields{"action": "Cancel"}, 200},
		{"heartbeat of nobody with a bad override", fields{"action": "Heartbeat", "id": "none", "overriddenStatus": "down"}, 404},
		{"cancel of nobody", fields{"action": "Cancel", "id": "none"}, 404},
		{"status", fields{"action": "StatusUpdate", "lastDirtyTimestamp": dirty, "status": "DOWN"}, 200},
		{"status without timestamp", fields{"action": "StatusUpdate", "status": "DOWN"}, 200},
		{"status of nobody", fields{"action": "StatusUpdate", "id": "none", "status": "DOWN"}, 404},
		{"bad status", fields{"action": "StatusUpdate", "lastDirtyTimestamp": dirty, "status": "down"}, 500},
		{"no status", fields{"action": "StatusUpdate", "lastDirtyTimestamp": dirty}, 500},
		{"bad status of nobody", fields{"action": "StatusUpdate", "id": "none", "status": "down"}, 404},
		{"delete override", fields{"action": "DeleteStatusOverride", "lastDirtyTimestamp": dirty, "status": "UP"}, 200},
		{"delete override without status", fields{"action": "DeleteStatusOverride", "lastDirtyTimestamp": dirty}, 200},
		{"delete override without timestamp", fields{"action": "DeleteStatusOverride", "status": "UP"}, 500},
		{"delete override, bad status", fields{"action": "DeleteStatusOverride", "lastDirtyTimestamp": dirty, "status": "x"}, 500},
		{"delete override of nobody", fields{"action": "DeleteStatusOverride", "id": "none", "lastDirtyTimestamp": dirty}, 404},
		{"no action", fields{}, 500},
		{"null action", fields{"action": nil}, 500},
		{"no application", fields{"action": "Heartbeat", "appName": nil}, 500},
		{"application in lower case", fields{"action": "Heartbeat", "appName": "demo"}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			n := demo(t, httpapi.Config{})
			entry := fields{"appName": "DEMO", "id": "i-1"}
			maps.Copy(entry, tt.entry)
			if got := n.run(t, entry); len(got) != 1 || got[0] != tt.want {
				t.Errorf("= %v, want %d", got, tt.want)
			}
			if tt.want == 500 && len(n.changes) > 1 {
				t.Error("a refused entry changed something")
			}
			if len(n.errors) > 0 {
				t.Errorf("ErrorLog heard %v of a caller's mistake", n.errors)
			}
			for _, c := range n.changes[1:] {
				if c.Origin.By != registry.ByPeer {
					t.Errorf("change from %v, want a peer", c.Origin)
				}
			}
		})
	}
}

// W-REPL-6, W-REPL-7, S-BATCH-4: in order, and none stops the rest.
func TestRepl7Order(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	entry := func(action, id string, more fields) fields {
		f := fields{"appName": "DEMO", "id": id, "action": action, "lastDirtyTimestamp": dirty, "status": "UP"}
		maps.Copy(f, more)
		return f
	}
	got := n.run(t,
		entry("Heartbeat", "a", nil),
		entry("Register", "a", fields{"instanceInfo": rawRecord("DEMO", "a", nil)}),
		entry("Heartbeat", "a", nil),
		entry("Register", "b", nil),
		entry("StatusUpdate", "a", fields{"status": "DOWN"}),
		entry("DeleteStatusOverride", "a", nil),
		entry("Cancel", "a", nil),
		entry("Heartbeat", "a", nil),
		entry("Register", "c", fields{"instanceInfo": rawRecord("DEMO", "c", nil)}),
	)
	if diff := cmp.Diff([]int{404, 200, 200, 500, 200, 200, 200, 404, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	var kinds []registry.ChangeKind
	for _, c := range n.changes {
		kinds = append(kinds, c.Kind)
	}
	want := []registry.ChangeKind{registry.Registered, registry.StatusChanged, registry.StatusChanged, registry.Cancelled, registry.Registered}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// What heureka nodes say beside the batch reaches the registry: which incarnation of its record a registration means.
func TestBatchIncarnations(t *testing.T) {
	for _, header := range []string{"", wire.HeaderIncarnations + ": 0", wire.HeaderIncarnations + ": 1", wire.HeaderIncarnations + ": 0 1"} {
		n := demo(t, httpapi.Config{})
		key := heureka.Key{App: "DEMO", ID: "i-1"}
		if err := n.reg.Cancel(key, registry.FromClient, n.now); err != nil {
			t.Fatal(err)
		}
		again := fields{"appName": "DEMO", "id": "i-1", "action": "Register", "instanceInfo": rawRecord("DEMO", "i-1", nil)}
		if a := n.do(t, "POST", batchPath, batchOf(again), ofJSON, asJSON, header); a.status != 200 || !strings.Contains(a.body, "200") {
			t.Errorf("header %q: %d %s", header, a.status, a.body)
		}
		if _, here := n.reg.Find(key); here == strings.HasSuffix(header, ": 0") {
			t.Errorf("header %q: registered %t", header, here)
		}
	}
}

// A record older than one that was cancelled is late if it comes in a batch; a single request is taken at its word.
func TestBatchOfALatePeer(t *testing.T) {
	n := demo(t, httpapi.Config{})
	key := heureka.Key{App: "DEMO", ID: "i-1"}
	if err := n.reg.Cancel(key, registry.FromClient, n.now); err != nil {
		t.Fatal(err)
	}
	older := record("DEMO", "i-1", fields{"lastDirtyTimestamp": dirty - 1})
	if got := n.run(t, fields{"appName": "DEMO", "id": "i-1", "action": "Register", "instanceInfo": json.RawMessage(older)}); got[0] != 200 {
		t.Errorf("batch: %d", got)
	}
	if _, here := n.reg.Find(key); here {
		t.Error("a batch brought an older record back")
	}
	if a := n.do(t, "POST", "/eureka/apps/DEMO", encode(fields{"instance": json.RawMessage(older)}), ofJSON, "x-netflix-discovery-replication: true"); a.status != 204 {
		t.Errorf("single request: %d %s", a.status, a.body)
	}
	if _, here := n.reg.Find(key); !here {
		t.Error("a single request did not register")
	}
}

// W-REPL-6: with 409 comes the newer record, bare, with its lease.
func TestRepl6Conflict(t *testing.T) {
	n := demo(t, httpapi.Config{})
	a := n.do(t, "POST", batchPath, batchOf(fields{"appName": "DEMO", "id": "i-1", "action": "Heartbeat", "lastDirtyTimestamp": 1}), ofJSON, asJSON)
	single := n.get(t, "/eureka/apps/DEMO/i-1")
	bare := strings.TrimSuffix(strings.TrimPrefix(single.body, `{"instance":`), "}")
	if want := `{"responseList":[{"statusCode":409,"responseEntity":` + bare + `}]}`; a.body != want {
		t.Errorf("= %s\nwant %s", a.body, want)
	}
}

// W-REPL-9: what refuses the whole batch.
func TestRepl9BadBatches(t *testing.T) {
	good := `{"appName":"DEMO","id":"i-1","action":"Cancel"}`
	for name, body := range map[string]string{
		"empty": "", "broken": "{", "truncated": `{"replicationList":[` + good, "list": "[]", "text": `"x"`, "null": "null",
		"no list": "{}", "null list": `{"replicationList":null}`, "object": `{"replicationList":` + good + `}`,
		"unknown action": `{"replicationList":[` + good + `,{"appName":"DEMO","id":"i-1","action":"cancel"}]}`,
		"unknown member": `{"replicationList":[` + good + `,{"appName":"DEMO","id":"i-1","action":"Cancel","x":1}]}`,
		"number":         `{"replicationList":[` + good + `,5]}`,
		"bad record":     `{"replicationList":[` + good + `,{"appName":"DEMO","id":"i-2","action":"Register","instanceInfo":{"metadata":[]}}]}`,
		"not UTF-8":      "{\"replicationList\":[" + good + ",{\"appName\":\"\xff\",\"id\":\"i-2\",\"action\":\"Cancel\"}]}",
	} {
		n := demo(t, httpapi.Config{})
		a := n.do(t, "POST", batchPath, body, ofJSON)
		if a.status != 400 || !unparsed(a, cannotParseJSON) || a.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s = %d %q %q", name, a.status, a.header.Get("Content-Type"), a.body)
		}
		if len(n.changes) != 1 {
			t.Errorf("%s changed something", name)
		}
	}
	n := newNode(t, httpapi.Config{})
	if a := n.do(t, "POST", batchPath, `{"replicationList":[]}`, ofJSON); a.status != 200 || a.body != `{"responseList":[]}` {
		t.Errorf("empty list = %d %s", a.status, a.body)
	}
}

// W-REPL-11: XML is refused, the reply is JSON whatever is asked for.
func TestRepl11Formats(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	a := n.do(t, "POST", batchPath, "<list/>", ofXML)
	if a.status != 400 || !unparsed(a, cannotParseXML) || a.header.Get("Content-Type") != "application/xml" {
		t.Errorf("XML = %d %s", a.status, a.body)
	}
	if a := n.do(t, "POST", batchPath, `{"replicationList":[]}`, ofXML); a.status != 400 {
		t.Errorf("JSON as XML = %d %s", a.status, a.body)
	}
	for _, accept := range []string{"*/*", "application/xml", "application/json"} {
		a := n.do(t, "POST", batchPath, `{"replicationList":[]}`, ofJSON, "Accept: "+accept)
		if a.status != 200 || a.header.Get("Content-Type") != "application/json" || a.body != `{"responseList":[]}` {
			t.Errorf("Accept %s = %d %q %s", accept, a.status, a.header.Get("Content-Type"), a.body)
		}
	}
	for _, ct := range []string{"", "text/plain", "text/json"} {
		wantEmpty(t, n.do(t, "POST", batchPath, `{"replicationList":[]}`, "Content-Type: "+ct), 415)
	}
}

// W-REPL-1: a batch comes from a peer without saying so; W-REPL-13: it may be compressed.
func TestRepl1Compressed(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	body := batchOf(fields{"appName": "DEMO", "id": "i-1", "action": "Register", "instanceInfo": rawRecord("DEMO", "i-1", nil)})
	if a := n.do(t, "POST", batchPath, gzipped(body), ofJSON, "Content-Encoding: gzip"); a.status != 200 {
		t.Errorf("compressed batch = %d %s", a.status, a.body)
	}
	if got := n.origin(t); got != registry.ByPeer {
		t.Errorf("origin %v", got)
	}
}

func TestBatchOfFailingBackend(t *testing.T) {
	n := demo(t, httpapi.Config{})
	n.err = errors.New("disk on fire")
	got := n.run(t, fields{"appName": "DEMO", "id": "i-1", "action": "Heartbeat"}, fields{"appName": "DEMO", "id": "i-1", "action": "Cancel"})
	if diff := cmp.Diff([]int{500, 500}, got); diff != "" || len(n.errors) != 2 {
		t.Errorf("ErrorLog heard %v; statuses (-want +got):\n%s", n.errors, diff)
	}
}

// The usual size of a batch, and one beyond what Java sends.
func TestRepl14LargeBatch(t *testing.T) {
	n := newNode(t, httpapi.Config{})
	var entries []fields
	for i := range 1000 {
		id := fmt.Sprint(i)
		entries = append(entries, fields{"appName": "DEMO", "id": id, "action": "Register", "instanceInfo": rawRecord("DEMO", id, nil)})
	}
	if got := n.run(t, entries...); len(got) != 1000 {
		t.Errorf("%d results", len(got))
	}
	if n.reg.Len() != 1000 || n.stored(t, "DEMO", "999").Status != heureka.StatusUp {
		t.Errorf("%d instances", n.reg.Len())
	}
}
