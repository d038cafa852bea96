package server

import (
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
)

// Embedders compare registries by their hash.
func TestApplicationsHaveTheirHash(t *testing.T) {
	s := lone(t)
	for id, status := range map[string]heureka.Status{"a": heureka.StatusUp, "b": heureka.StatusUp, "c": heureka.StatusDown} {
		in := &heureka.Instance{App: "ORDERS", ID: id, Status: status}
		if _, err := s.reg.Register(in, registry.FromClient, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Applications().Hash; got != "DOWN_1_UP_2_" {
		t.Errorf("hash is %q, want DOWN_1_UP_2_", got)
	}
}

// GET /eureka/status says whether enough peers are available, unless nobody asked for any number (S-STATPAGE-5).
func TestEnoughPeers(t *testing.T) {
	for _, tt := range []struct {
		least *int
		want  *bool
	}{
		{nil, nil}, {new(-1), nil}, {new(0), new(true)}, {new(1), new(true)}, {new(2), new(false)},
	} {
		st := &status{cfg: &Config{MinAvailablePeers: tt.least}, Own: &heureka.Instance{},
			Peers: []replication.Status{{State: replication.StateOK}, {State: replication.StateFailing}}}
		got := st.info().Healthy
		if (got == nil) != (tt.want == nil) || got != nil && *got != *tt.want {
			t.Errorf("at least %v: healthy is %v, want %v", deref(tt.least), deref(got), deref(tt.want))
		}
	}
}

func deref[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}
