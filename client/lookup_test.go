package client

import (
	"slices"
	"testing"

	"heureka.internal/heureka"
)

func idsOf(list []*heureka.Instance) []string {
	out := []string{}
	for _, in := range list {
		out = append(out, in.ResolvedID())
	}
	slices.Sort(out)
	return out
}

func amazon(in *heureka.Instance, zone string) *heureka.Instance {
	return with(in, func(in *heureka.Instance) {
		in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{"availability-zone": zone})}
	})
}

func TestLookups(t *testing.T) { // C-CA-2, C-CA-3, C-RR-4 to C-RR-6, C-VP-1, G-RQ-3
	const upS, down = heureka.StatusUp, heureka.StatusDown
	r := rules{regions: newRegions(&Config{
		RemoteRegions: []string{"us-west-2", "eu"}, AvailabilityZones: map[string][]string{"eu": {"eu-x"}},
	})}
	s := empty(r).fromFull(deltaOf(
		record("A", "1", upS), record("A", "2", down),
		amazon(record("A", "3", upS), "us-west-2b"), amazon(record("A", "4", upS), "eu-x"), amazon(record("A", "5", down), "euz"),
		amazon(record("A", "6", upS), "us-east-1a"), with(record("B", "1", upS), func(in *heureka.Instance) { in.VIPAddress = "a" }),
	), FromServer, chance())
	anyStatus, odd := func(in *heureka.Instance) bool { return true }, func(in *heureka.Instance) bool { return in.ID != "1" }
	tests := []struct {
		name string
		sv   Service
		want []string
	}{
		{"app", App("a"), []string{"1", "6"}},
		{"VIP of two applications", VIP("A"), []string{"1", "1", "6"}},
		{"secure VIP", SecureVIP("s-a"), []string{"1", "6"}},
		{"any status", Service{App: "A", AnyStatus: true}, []string{"1", "2", "6"}},
		{"any status by VIP", Service{VIP: "a", AnyStatus: true}, []string{"1", "1", "2", "6"}},
		{"any status by secure VIP", Service{SecureVIP: "s-B", AnyStatus: true}, []string{"1"}},
		{"region by table", Service{App: "A", Region: "us-west-2"}, []string{"3"}},
		{"region by configuration", Service{VIP: "a", Region: "eu"}, []string{"4"}},
		{"region by name, any status", Service{App: "A", Region: "eu", AnyStatus: true}, []string{"4", "5"}},
		{"unknown region", Service{App: "A", Region: "mars"}, []string{}},
		{"match", Service{App: "A", Match: odd}, []string{"6"}},
		{"match all", Service{App: "A", Match: anyStatus}, []string{"1", "6"}},
		{"match in a region", Service{App: "A", Region: "eu", AnyStatus: true, Match: func(in *heureka.Instance) bool { return in.ID == "5" }}, []string{"5"}},
		{"unknown", App("Z"), []string{}},
		{"nothing asked for", Service{}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := idsOf(s.Instances(tt.sv)); !slices.Equal(got, tt.want) {
				t.Errorf("Instances(%+v) = %v, want %v", tt.sv, got, tt.want)
			}
		})
	}
	if got := s.Hash(); got != "DOWN_2_UP_5_" { // of all regions (C-HS-1)
		t.Errorf("hash %s", got)
	}
	if in, ok := s.Instance("a", "2"); !ok || in.Status != down { // C-CA-2: unfiltered
		t.Errorf("Instance = %v, %v", in, ok)
	}
	if _, ok := s.Instance("a", "9"); ok {
		t.Error("found a/9")
	}
	if in, ok := s.InstanceByID("1"); !ok || in.App != "A" {
		t.Errorf("InstanceByID = %v, %v", in, ok)
	}
	if _, ok := s.InstanceByID("9"); ok {
		t.Error("found 9")
	}
	if got := idsOf(s.AppAll("A")); len(got) != 6 {
		t.Errorf("AppAll = %v", got)
	}
}

// TestInstancesWithoutID is C-MD-2: what old programs registered goes by another name everywhere.
func TestInstancesWithoutID(t *testing.T) {
	unnamed := with(record("A", "", heureka.StatusUp), func(in *heureka.Instance) { in.HostName = "h" })
	cloud := with(unnamed, func(in *heureka.Instance) {
		in.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.NewMetadata(map[string]string{"instance-id": "i-7"})}
	})
	s := empty(rules{}).fromFull(deltaOf(unnamed, cloud), FromServer, chance())
	for _, id := range []string{"h", "i-7"} {
		if _, ok := s.Instance("A", id); !ok {
			t.Errorf("%s is not found", id)
		}
	}
	if s, n := s.fromDelta(deltaOf(deleted(unnamed)), chance()); n != 1 || s.Len() != 1 {
		t.Errorf("%d changes left %d instances", n, s.Len())
	}
}

func TestIncludeAllStatuses(t *testing.T) { // C-CA-1
	s := empty(rules{allStatuses: true}).fromFull(deltaOf(record("A", "1", heureka.StatusUp), record("A", "2", heureka.StatusDown)), FromServer, chance())
	if got := idsOf(s.App("A")); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("App = %v", got)
	}
}

// TestOrderDiffersFromClientToClient is C-CA-5.
func TestOrderDiffersFromClientToClient(t *testing.T) {
	firsts := map[string]int{}
	r := chance()
	for range 300 {
		s := empty(rules{}).fromFull(deltaOf(record("A", "1", heureka.StatusUp), record("A", "2", heureka.StatusUp), record("A", "3", heureka.StatusUp)), FromServer, r)
		firsts[s.App("A")[0].ID]++
		firsts["vip "+s.VIP("a")[0].ID]++
	}
	for _, id := range []string{"1", "2", "3", "vip 1", "vip 2", "vip 3"} {
		if n := firsts[id]; n < 60 || n > 140 {
			t.Errorf("%s comes first %d times of 300", id, n)
		}
	}
}

func TestLookupsDoNotAllocate(t *testing.T) { // G-CA-1, but for the fresh slice header, which immutable lists do not need
	s := empty(rules{}).fromFull(deltaOf(record("ORDERS", "1", heureka.StatusUp), record("B", "1", heureka.StatusUp)), FromServer, chance())
	for name, f := range map[string]func(){
		"App":          func() { s.App("orders") },
		"VIP":          func() { s.VIP("Orders") },
		"SecureVIP":    func() { s.SecureVIP("S-orders") },
		"Instance":     func() { s.Instance("orders", "1") },
		"InstanceByID": func() { s.InstanceByID("1") },
		"Instances":    func() { s.Instances(VIP("orders")) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func TestZone(t *testing.T) {
	plain := record("A", "1", heureka.StatusUp)
	zoned := with(plain, func(in *heureka.Instance) { in.Metadata = heureka.NewMetadata(map[string]string{"zone": "z"}) })
	for want, in := range map[string]*heureka.Instance{
		"": plain, "z": amazon(zoned, "us-east-1a"), "us-east-1a": amazon(plain, "us-east-1a"),
	} {
		if got := Zone(in); got != want {
			t.Errorf("Zone = %q, want %q", got, want)
		}
	}
	if got := Zone(with(plain, func(in *heureka.Instance) { in.DataCenter = nil })); got != "" {
		t.Errorf("Zone without data center = %q", got)
	}
}
