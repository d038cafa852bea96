package respcache

import (
	"slices"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// The index forgets applications without instances that have a VIP, and VIPs that nobody has: names come and go.
func TestVIPIndexForgets(t *testing.T) {
	x := newVIPIndex()
	a := registry.NewRecord(&heureka.Instance{App: "A", VIPAddress: "shared,own", SecureVIPAddress: "secure"})
	b := registry.NewRecord(&heureka.Instance{App: "B", VIPAddress: "shared"})
	for i, in := range []registry.Record{a, a, b} {
		x.add(in, uint64(i))
	}
	apps := func(want ...string) {
		t.Helper()
		if e := x.plain["shared"]; !slices.Equal(e.apps, want) || len(e.counts) != len(want) {
			t.Errorf("the shared VIP is that of %v (%v instances), want %v", e.apps, e.counts, want)
		}
	}
	x.remove(a, 4)
	apps("A", "B")
	x.remove(a, 5)
	apps("B")
	if len(x.plain) != 1 || len(x.secure) != 0 {
		t.Errorf("%d VIPs and %d secure ones are left, want one and none", len(x.plain), len(x.secure))
	}
	x.remove(b, 6)
	if len(x.plain) != 0 {
		t.Errorf("%d VIPs are left that nobody has", len(x.plain))
	}
}
