package wire_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// only is a request with one header.
func only(name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return ""
	}
}

// What Beside says of a batch, SetBeside understands, whatever the batch has in it.
func TestBesideThereAndBack(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 500 {
		sent := make([]wire.ReplicationItem, rnd.IntN(12))
		for i := range sent {
			sent[i] = randomItem(rnd, i)
		}
		headers, _ := wire.Beside(sent)
		got := slices.Clone(sent)
		for i := range got {
			got[i] = wire.ReplicationItem{ID: got[i].ID, Action: got[i].Action, LastDirtyMS: got[i].LastDirtyMS}
		}
		wire.SetBeside(got, func(name string) string { return headers[name] })
		if diff := cmp.Diff(sent, got); diff != "" {
			t.Fatalf("seed %d: %q (-sent +got):\n%s", seed, headers, diff)
		}
	}
}

func randomItem(rnd *rand.Rand, i int) wire.ReplicationItem {
	statuses := []heureka.Status{heureka.StatusUnknown, heureka.StatusUp, heureka.StatusDown, heureka.StatusOutOfService}
	status := func() heureka.Status { return statuses[rnd.IntN(len(statuses))] }
	actions := []wire.ReplicationAction{wire.Register, wire.Register, wire.Heartbeat, wire.StatusUpdate, wire.DeleteStatusOverride}
	it := wire.ReplicationItem{ID: fmt.Sprint(i), Action: actions[rnd.IntN(len(actions))], LastDirtyMS: rnd.Int64N(5)}
	switch it.Action {
	case wire.Register:
		it.Incarnation, it.HasIncarnation = rnd.Uint32(), true
		it.Owner = []string{"", "shop", "3", "-", "=a b", "OU=pay,O=A", "\x00ä\n", strings.Repeat("x", wire.MaxOwner)}[rnd.IntN(8)]
		if it.HasOwn = rnd.IntN(2) == 0; it.HasOwn {
			it.Own = status()
		}
		for place := range rnd.IntN(3) {
			it.MetadataStamps = append(it.MetadataStamps, wire.MetadataStamp{Place: place, Time: rnd.Uint64(), Node: rnd.Uint64N(3)})
		}
	case wire.StatusUpdate, wire.DeleteStatusOverride:
		if rnd.IntN(4) > 0 {
			it.Stamp = &wire.Stamp{Time: rnd.Uint64(), Node: rnd.Uint64N(3), Rev: rnd.Uint64N(3), DirtyMS: rnd.Int64N(5) - 1, RecordRev: rnd.Uint64N(3), Restored: status()}
		}
	}
	return it
}
