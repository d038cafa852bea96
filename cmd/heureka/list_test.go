package main

import (
	"testing"

	"heureka.internal/heureka"
)

// Servers show a heartbeat as later than it was by the lease's duration, but not before the first one (W-FLD-9).
func TestRenewedIsTheTimeOfTheHeartbeat(t *testing.T) {
	const registered, duration = 1_767_366_245_000, 90
	for _, tt := range []struct {
		name    string
		renewed int64
		want    string
	}{
		{"no heartbeat yet", registered, "2026-01-02T15:04:05Z"},
		{"a minute later", registered + 60_000 + duration*1000, "2026-01-02T15:05:05Z"},
		{"from a server that adds nothing", registered + 60_000, "2026-01-02T15:05:05Z"},
		{"unknown", 0, "-"},
	} {
		in := &heureka.Instance{Lease: heureka.LeaseInfo{DurationSecs: duration, RegistrationMS: registered, LastRenewalMS: tt.renewed}}
		if got := renewed(in); got != tt.want {
			t.Errorf("%s: renewed = %s, want %s", tt.name, got, tt.want)
		}
	}
}
