package lint_test

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// sound is a registration without fault.
func sound(id string) *heureka.Instance {
	return &heureka.Instance{
		App: "ORDERS", ID: id, HostName: id + ".example.org", IPAddr: "10.0.0." + id, Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, LastDirtyMS: now.UnixMilli(),
		Lease:    heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		Metadata: heureka.NewMetadata(map[string]string{"zone": "z1"}),
	}
}

func TestSoundRegistrationsHaveNoFindings(t *testing.T) {
	java := &heureka.Instance{App: "LEGACY", ID: "1", HostName: "host_1", IPAddr: "10.1.0.1", Port: heureka.Port{Number: 80, Enabled: true}}
	v6 := sound("3")
	v6.IPAddr, v6.HostName = "2001:db8::1", "bücher.example"
	if found := lint.Check(byApp([]*heureka.Instance{sound("1"), sound("2"), v6, java}), nil, now); len(found) > 0 {
		t.Errorf("Check() = %v", found)
	}
}

func TestFaultsOfOneRegistration(t *testing.T) {
	for _, tt := range []struct {
		spoil func(in *heureka.Instance)
		want  lint.Kind
		text  string
	}{
		{func(in *heureka.Instance) { in.IPAddr = "127.0.1.1" }, lint.Loopback, "is registered at 127.0.1.1"},
		{func(in *heureka.Instance) { in.IPAddr = "::1" }, lint.Loopback, "is registered at ::1"},
		{func(in *heureka.Instance) { in.HostName = "LOCALHOST" }, lint.Loopback, "is registered at LOCALHOST"},
		{func(in *heureka.Instance) { in.IPAddr = "0.0.0.0" }, lint.Loopback, "is registered at 0.0.0.0, which is no address"},
		{func(in *heureka.Instance) { in.IPAddr = "169.254.3.4" }, lint.LinkLocal, "is registered at 169.254.3.4"},
		{func(in *heureka.Instance) { in.IPAddr = "fe80::1%eth0" }, lint.LinkLocal, "is registered at fe80::1%eth0"},
		{func(in *heureka.Instance) { in.IPAddr = "172.17.0.5" }, lint.Container, "is registered at 172.17.0.5"},
		{func(in *heureka.Instance) { in.HostName = "3f2a9c81d0be" }, lint.Container, "is registered at 3f2a9c81d0be"},
		{func(in *heureka.Instance) { in.HostName = "my laptop" }, lint.HostName, "is registered as my laptop"},
		{func(in *heureka.Instance) { in.HostName = "printer.local" }, lint.HostName, "is registered as printer.local"},
		{func(in *heureka.Instance) { in.Port.Number = 7001 }, lint.DefaultPort, "listens on port 7001"},
		{func(in *heureka.Instance) { in.SecurePort = heureka.Port{Number: 7002, Enabled: true} }, lint.DefaultPort, "listens on secure port 7002"},
		{func(in *heureka.Instance) { in.LastDirtyMS = now.Add(time.Hour).UnixMilli() }, lint.FutureStamp, "was changed 1h0m0s in the future"},
		{func(in *heureka.Instance) { in.Lease.DurationSecs = 40 }, lint.OddLease, "its lease of 40 s ends when one heartbeat is lost: they come every 30 s"},
		{func(in *heureka.Instance) { in.Lease.DurationSecs = 3600 }, lint.OddLease, "is listed for 3600 s after it has died"},
		{func(in *heureka.Instance) { in.Lease.RenewalIntervalSecs = 1 }, lint.OddLease, "sends a heartbeat every 1 s"},
		{func(in *heureka.Instance) { in.Metadata = nil }, lint.NoZone, "names no zone"},
		{func(in *heureka.Instance) { in.IPAddr = "10.0.0.1" }, lint.SameAddress, "listens on 10.0.0.1:8080, as 1 does"},
	} {
		in := sound("2")
		tt.spoil(in)
		want := []lint.Finding{{Kind: tt.want, App: "ORDERS", ID: "2", Text: tt.text}}
		got := lint.Check(byApp([]*heureka.Instance{sound("1"), in}), nil, now)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.text, diff)
		}
		if tt.want.Advice() == "" {
			t.Errorf("%s has no advice", tt.want)
		}
	}
}

// Two hosts that register under one id, and an instance that goes up and down, show in what the registry reports.
func TestFaultsOverTime(t *testing.T) {
	reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 2)}))
	if err != nil {
		t.Fatal(err)
	}
	add := func(in *heureka.Instance, ms int) {
		in.LastDirtyMS += int64(ms)
		if _, err := reg.Register(in, registry.FromClient, now.Add(time.Duration(ms)*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 4 {
		fought, flapping := sound("1"), sound("2")
		fought.IPAddr = fmt.Sprint("10.0.9.", 1+i%2)
		if i%2 == 1 {
			flapping.Status = heureka.StatusDown
		}
		add(fought, i)
		add(flapping, i)
	}
	flapping := sound("2")
	add(flapping, 5)
	var instances []*heureka.Instance
	for rec := range reg.All() {
		instances = append(instances, rec.Instance())
	}
	changes := make([]registry.Change, 20)
	n, err := reg.Feed().Read(0, changes)
	if err != nil {
		t.Fatal(err)
	}
	want := []lint.Finding{
		{Kind: lint.Contested, App: "ORDERS", ID: "1", Text: "changed its address 3 times within 10m0s"},
		{Kind: lint.Flapping, App: "ORDERS", ID: "2", Text: "came, went or changed its status 5 times within 10m0s"},
	}
	if diff := cmp.Diff(want, lint.Check(byApp(instances), changes[:n], now.Add(time.Second))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if found := lint.Check(byApp(instances), changes[:n], now.Add(time.Hour)); len(found) > 0 {
		t.Errorf("an hour later: %v", found)
	}
}

func TestCountHasEveryKind(t *testing.T) {
	n := lint.Count([]lint.Finding{{Kind: lint.NoZone}, {Kind: lint.NoZone}})
	if len(n) != len(lint.Kinds) || n[lint.NoZone] != 2 || n[lint.Loopback] != 0 {
		t.Errorf("Count() = %v", n)
	}
}

// byApp gathers the instances of each application.
func byApp(instances []*heureka.Instance) iter.Seq[[]*heureka.Instance] {
	apps := map[string][]*heureka.Instance{}
	for _, in := range instances {
		apps[in.App] = append(apps[in.App], in)
	}
	return maps.Values(apps)
}
