package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

func TestStamps(t *testing.T) {
	batch := func() []wire.ReplicationItem {
		return []wire.ReplicationItem{
			{ID: "1", Action: wire.StatusUpdate, LastDirtyMS: 1000}, {ID: "2", Action: wire.Heartbeat}, {ID: "3", Action: wire.Register},
			{ID: "4", Action: wire.DeleteStatusOverride, LastDirtyMS: 2000}, {ID: "5", Action: wire.Register}, {ID: "6", Action: wire.StatusUpdate},
		}
	}
	sent := batch()
	sent[0].Stamp = &wire.Stamp{Time: 36, Node: 1<<64 - 1, DirtyMS: 1000, RecordRev: 1}
	sent[2].MetadataStamps = []wire.MetadataStamp{{Place: 0, Time: 37, Node: 5}, {Place: 2, Time: 38, Node: 5}}
	sent[2].Own, sent[2].HasOwn = heureka.StatusDown, true
	sent[4].HasOwn = true
	sent[3].Stamp = &wire.Stamp{Time: 39, Node: 1<<64 - 1, Rev: 1, DirtyMS: -1, RecordRev: 2, Restored: heureka.StatusUp}
	header := wire.Stamps(sent)
	if want := "10.3w5e11264sgsf...1. =1,0.11.5,2.12.5 13..1.3w5e11264sgsf.2.4 =0 -"; header != want {
		t.Errorf("header %q, want %q", header, want)
	}
	got := batch()
	wire.SetBeside(got, only(wire.HeaderStamps, header))
	if diff := cmp.Diff(sent[:5], got[:5]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, other := range []string{
		"", "1.2.3.4.5.0", "- - - -", "- - - - - -", "1 - - - -", "1.2.3.4.5.9 - - - -", "!.2.3.4.5.0 - - - -", "- 1.2 - - -", "- 1.2.! - - -", "- = - - -", "- =9 - - -",
	} {
		got := batch()
		wire.SetBeside(got, only(wire.HeaderStamps, other))
		if diff := cmp.Diff(batch(), got); diff != "" {
			t.Errorf("header %q was believed (-want +got):\n%s", other, diff)
		}
	}
	if header := wire.Stamps(batch()); header != "" {
		t.Errorf("header %q of a batch without commands", header)
	}
}

// Java's servers take 8 KiB of headers. A batch of drains fits, and metadata that does not is sent without its stamps.
func TestStampsAreShort(t *testing.T) {
	var drains, metadata []wire.ReplicationItem
	for i := range 250 {
		drains = append(drains, wire.ReplicationItem{Action: wire.StatusUpdate, LastDirtyMS: int64(i), Stamp: &wire.Stamp{
			Time: 1_700_000_000_000<<16 + uint64(i), Node: 1<<64 - 1, DirtyMS: int64(i), RecordRev: 1,
		}})
		metadata = append(metadata, wire.ReplicationItem{Action: wire.Register, MetadataStamps: []wire.MetadataStamp{{Time: 1_700_000_000_000 << 16, Node: 1<<64 - 1}}})
	}
	crowded := make([]wire.ReplicationItem, 250)
	for i := range crowded {
		crowded[i] = wire.ReplicationItem{Action: wire.Register}
	}
	crowded[107].MetadataStamps = make([]wire.MetadataStamp, 1000)
	for name, items := range map[string][]wire.ReplicationItem{"drains": drains, "metadata": metadata, "much metadata of one": append(crowded, drains[:100]...)[100:]} {
		header := wire.Stamps(items)
		if len(header) > 5<<10 {
			t.Errorf("%s: %d bytes of header", name, len(header))
		}
		if n := len(strings.Fields(header)); n != 250 {
			t.Errorf("%s: %d texts for 250 items", name, n)
		}
	}
}
