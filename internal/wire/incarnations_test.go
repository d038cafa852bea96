package wire_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/wire"
)

func TestIncarnations(t *testing.T) {
	batch := func() []wire.ReplicationItem {
		return []wire.ReplicationItem{
			{ID: "1", Action: wire.Register}, {ID: "2", Action: wire.Heartbeat}, {ID: "3", Action: wire.Register},
		}
	}
	sent := batch()
	sent[2].Incarnation = 1<<32 - 1
	header := wire.Incarnations(sent)
	if want := "0 4294967295"; header != want {
		t.Errorf("header %q, want %q", header, want)
	}
	got, want := batch(), batch()
	wire.SetBeside(got, only(wire.HeaderIncarnations, header))
	want[0].HasIncarnation = true
	want[2].Incarnation, want[2].HasIncarnation = 1<<32-1, true
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, other := range []string{"", "1", "1 2 3", "1 x", "1 -1", "1 4294967296", "x 1"} {
		got := batch()
		wire.SetBeside(got, only(wire.HeaderIncarnations, other))
		if diff := cmp.Diff(batch(), got); diff != "" {
			t.Errorf("header %q was believed (-want +got):\n%s", other, diff)
		}
	}
	if header := wire.Incarnations(batch()[1:2]); header != "" {
		t.Errorf("header %q of a batch without registrations", header)
	}
}
