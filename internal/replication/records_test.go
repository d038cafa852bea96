package replication_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// What is written of a registry on one line each is what another one would be told.
func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	key := heureka.Key{App: "ORDERS", ID: "näher\n\"x\""}
	in := &heureka.Instance{App: key.App, ID: key.ID, HostName: "h", Status: heureka.StatusUp, LastDirtyMS: 7, CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Metadata: heureka.NewMetadata(map[string]string{"a": "line\nbreak"}), Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: 5}}
	for _, e := range []registry.Entry{
		{Key: key, Instance: in, DirtyMS: 7, Rev: 1 << 40, Age: 3 * time.Second, Override: heureka.StatusOutOfService, HasOverride: true, OverrideRev: 3},
		{Key: key, Instance: in, DirtyMS: 7, Rev: 1, Override: heureka.StatusUnknown, HasOverride: true, OverrideRev: 1},
		{Key: key, Tombstone: true, DirtyMS: 9, Rev: 2, Age: time.Minute},
		{Key: key, Override: heureka.StatusDown, HasOverride: true, OverrideRev: 4, Age: time.Hour},
	} {
		line := replication.AppendRecord([]byte("before"), &e)
		if bytes.ContainsAny(line, "\n\r") {
			t.Errorf("record of several lines: %q", line)
		}
		got, err := replication.ReadRecord(bytes.TrimPrefix(line, []byte("before")))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest() != e.Digest() {
			t.Errorf("digests differ: %q", line)
		}
		if diff := cmp.Diff(e, got, cmp.Comparer(func(a, b *heureka.Instance) bool {
			return a == b || a.Key() == b.Key() && a.Lease.RegistrationMS == b.Lease.RegistrationMS
		})); diff != "" {
			t.Errorf("-written +read\n%s", diff)
		}
	}
}

func TestRecordsThatMakeNoSense(t *testing.T) {
	for _, line := range []string{"", "{", `{"app":"A","id":"x","override":"NO"}`, `{"app":"A","id":"x","record":{"instance":7}}`} {
		if e, err := replication.ReadRecord([]byte(line)); err == nil {
			t.Errorf("%q is read as %+v", line, e)
		}
	}
}
