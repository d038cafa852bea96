package packed_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/packed"
)

// numbers has the ones at which encodings change their length or sign.
var numbers = rapid.OneOf(rapid.SampledFrom([]int64{0, 1, -1, 63, 64, 1 << 40, math.MaxInt64, math.MinInt64}), rapid.Int64())

// texts repeat each other and contain each other, as those of instances do.
var texts = rapid.OneOf(
	rapid.SampledFrom([]string{"", "", "host", "host.example.org", "http://host.example.org:8080/", "http://host.example.org:8080/health", "Straße \x00"}),
	rapid.StringN(0, 40, -1),
	rapid.Map(rapid.IntRange(0, 20_000), func(n int) string { return strings.Repeat("long ", n/5) }),
)

func drawInstance(t *rapid.T) *heureka.Instance {
	n := func(name string) int64 { return numbers.Draw(t, name) }
	s := func(name string) string { return texts.Draw(t, name) }
	in := &heureka.Instance{
		App: s("app"), ID: s("id"), HostName: s("host"), IPAddr: s("ip"), SID: s("sid"), AppGroupName: s("group"), HomePageURL: s("home"),
		StatusPageURL: s("status page"), HealthCheckURL: s("health"), SecureHealthCheckURL: s("secure health"), VIPAddress: s("vip"),
		SecureVIPAddress: s("secure vip"), ASGName: s("asg"),
		Status: heureka.Status(rapid.IntRange(0, 4).Draw(t, "status")), OverriddenStatus: heureka.Status(rapid.IntRange(0, 4).Draw(t, "override")),
		Port:       heureka.Port{Number: int(n("port")), Enabled: rapid.Bool().Draw(t, "plain")},
		SecurePort: heureka.Port{Number: int(n("secure port")), Enabled: rapid.Bool().Draw(t, "secure")},
		CountryID:  int(n("country")),
		DataCenter: rapid.SampledFrom([]*heureka.DataCenter{nil, heureka.OwnDataCenter, {Name: heureka.Amazon}}).Draw(t, "data centre"),
		Lease: heureka.LeaseInfo{RenewalIntervalSecs: n("interval"), DurationSecs: n("duration"), RegistrationMS: n("registered"),
			LastRenewalMS: n("renewed"), EvictionMS: n("evicted"), ServiceUpMS: n("up")},
		CoordinatingServer: rapid.Bool().Draw(t, "coordinating"), LastUpdatedMS: n("updated"), LastDirtyMS: n("dirty"),
		Action: heureka.Action(rapid.IntRange(0, 3).Draw(t, "action")), Blank: heureka.Fields(rapid.Uint16().Draw(t, "blank")),
	}
	md := map[string]string{}
	for range rapid.IntRange(0, 5).Draw(t, "entries") {
		md[s("key")] = s("value")
	}
	in.Metadata = heureka.NewMetadata(md)
	return in
}

// What is packed comes out as it was, whole and in parts.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInstance(t)
		p := packed.Of(in)
		if diff := cmp.Diff(in, p.Unpack()); diff != "" {
			t.Fatalf("unpacked (-want +got):\n%s", diff)
		}
		if plain, secure := p.VIPs(); plain != in.VIPAddress || secure != in.SecureVIPAddress {
			t.Errorf("VIPs are %q and %q, want %q and %q", plain, secure, in.VIPAddress, in.SecureVIPAddress)
		}
		if p.Key() != in.Key() || p.Lease() != in.Lease || p.IsZero() {
			t.Errorf("key %v, lease %+v; want %v, %+v", p.Key(), p.Lease(), in.Key(), in.Lease)
		}
	})
}

func usual() *heureka.Instance {
	host := "ip-10-1-106-150.eu-central-1.compute.internal"
	return &heureka.Instance{
		App: "ORDERS", ID: host + ":orders:8080", HostName: host, IPAddr: "10.1.106.150", Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443}, CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Lease:       heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: 1767225600000, LastRenewalMS: 1767225630000, ServiceUpMS: 1767225600000},
		Metadata:    heureka.NewMetadata(map[string]string{"management.port": "8081", "zone": "eu-central-1a", "version": "1.2.3"}),
		HomePageURL: "http://" + host + ":8080/", StatusPageURL: "http://" + host + ":8081/actuator/info", HealthCheckURL: "http://" + host + ":8081/actuator/health",
		VIPAddress: "orders", SecureVIPAddress: "orders", LastUpdatedMS: 1767225600000, LastDirtyMS: 1767225599000, Action: heureka.ActionAdded,
	}
}

// An instance as they are takes little more than half of what it takes unpacked.
func TestSize(t *testing.T) {
	in := usual()
	unpacked := int(unsafe.Sizeof(*in)) + len(in.Metadata)*int(unsafe.Sizeof(heureka.MetadataEntry{}))
	for _, s := range []string{in.ID, in.HomePageURL, in.StatusPageURL, in.HealthCheckURL} { // the others are parts of these, for whoever looks
		unpacked += len(s)
	}
	if got := packed.Of(in).Bytes(); 5*got > 3*unpacked {
		t.Errorf("an instance takes %d bytes, unpacked at least %d", got, unpacked)
	}
}

// Names outlive their instance, in tombstones and lists: those of a large one must not keep all of it.
func TestNamesOfLargeInstances(t *testing.T) {
	in := usual()
	in.Metadata = heureka.NewMetadata(map[string]string{"giant": strings.Repeat("x", packed.LargeText)})
	p := packed.Of(in)
	giant := p.Unpack().Metadata.Get("giant")
	from := uintptr(unsafe.Pointer(unsafe.StringData(giant)))
	for what, name := range map[string]string{"key": p.Key().ID, "instance": p.Unpack().ID} {
		at := uintptr(unsafe.Pointer(unsafe.StringData(name)))
		if at >= from-1024 && at < from+uintptr(len(giant))+1024 {
			t.Errorf("the id of the %s lies beside the giant's metadata", what)
		}
	}
}

// All of a large instance comes from one allocation for its text, one for its metadata and one for itself.
func TestAllocations(t *testing.T) {
	in := usual()
	p := packed.Of(in)
	for what, tt := range map[string]struct {
		most float64
		do   func()
	}{
		"pack":   {1, func() { packed.Of(in) }},
		"unpack": {2, func() { p.Unpack() }},
		"key":    {0, func() { p.Key() }},
		"lease":  {0, func() { p.Lease() }},
		"VIPs":   {0, func() { p.VIPs() }},
	} {
		if got := testing.AllocsPerRun(100, tt.do); got > tt.most && !raceEnabled {
			t.Errorf("%s: %v allocations, want at most %v", what, got, tt.most)
		}
	}
}

func BenchmarkInstance(b *testing.B) {
	in := usual()
	p := packed.Of(in)
	for name, do := range map[string]func(){"pack": func() { packed.Of(in) }, "unpack": func() { p.Unpack() }, "key": func() { p.Key() }} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
