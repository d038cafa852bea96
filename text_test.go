package heureka_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
)

// An instance as JSON has words in place of numbers, and comes back the same.
func TestInstanceAsJSON(t *testing.T) {
	in := &heureka.Instance{
		App: "ORDERS", ID: "o1", HostName: "h", IPAddr: "10.0.0.1", Status: heureka.StatusOutOfService, Action: heureka.ActionModified,
		Port: heureka.Port{Number: 8080, Enabled: true}, DataCenter: heureka.OwnDataCenter, VIPAddress: "orders",
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90}, LastDirtyMS: 7,
		Metadata: heureka.NewMetadata(map[string]string{"zone": "z1", "b": "<&>"}),
	}
	doc, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"app":"ORDERS","id":"o1","hostName":"h","ipAddr":"10.0.0.1","status":"OUT_OF_SERVICE","port":{"number":8080,"enabled":true},` +
		`"dataCenter":{"name":"MyOwn"},"lease":{"renewalIntervalSecs":30,"durationSecs":90},"metadata":{"b":"\u003c\u0026\u003e","zone":"z1"},` +
		`"vipAddress":"orders","lastDirtyMS":7,"action":"MODIFIED"}`
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var back heureka.Instance
	if err := json.Unmarshal(doc, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(in, &back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	for _, bad := range []string{`{"status":"UPP"}`, `{"status":"up"}`, `{"action":"x"}`, `{"metadata":{"a":1}}`} {
		if err := json.Unmarshal([]byte(bad), new(heureka.Instance)); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
