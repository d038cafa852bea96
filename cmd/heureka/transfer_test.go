package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
)

func TestImportDecisions(t *testing.T) {
	at := func(id string, dirty int64) *heureka.Instance {
		return &heureka.Instance{App: "A", ID: id, LastDirtyMS: dirty}
	}
	overridden := at("overridden", 5)
	overridden.OverriddenStatus = heureka.StatusOutOfService
	wanted := registryOf(at("absent", 5), at("newer", 5), at("older", 5), at("same", 5), overridden)
	present := registryOf(at("newer", 6), at("older", 4), at("same", 5), at("other", 1), at("overridden", 5))
	var got []string
	for _, d := range decide(wanted, present) {
		got = append(got, d.String())
	}
	want := []string{"register A/absent", "leave A/newer (newer there)", "replace A/older", "leave A/same (there already)", "replace A/overridden"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decide (-want +got):\n%s", diff)
	}
}

func TestImportOverridesDecisions(t *testing.T) {
	as := func(id string, override heureka.Status) *heureka.Instance {
		return &heureka.Instance{App: "A", ID: id, OverriddenStatus: override}
	}
	const none, out, down = heureka.StatusUnknown, heureka.StatusOutOfService, heureka.StatusDown
	wanted := registryOf(as("absent", out), as("free", none), as("plain", out), as("same", out), as("other", out))
	present := registryOf(as("free", down), as("plain", none), as("same", out), as("other", down))
	var got []string
	for _, d := range decideOverrides(wanted, present) {
		got = append(got, d.String())
	}
	want := []string{"leave A/absent (not registered there)", "set A/plain OUT_OF_SERVICE", "leave A/same (there already)", "leave A/other (overridden there as DOWN)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("decideOverrides (-want +got):\n%s", diff)
	}
}

func TestCompareIgnoresTimes(t *testing.T) {
	a := &heureka.Instance{App: "A", ID: "i", LastUpdatedMS: 1, LastDirtyMS: 2, Lease: heureka.LeaseInfo{RegistrationMS: 3, LastRenewalMS: 4}}
	b := &heureka.Instance{App: "A", ID: "i", Action: heureka.ActionModified, CoordinatingServer: true}
	if got := compare(registryOf(a), registryOf(b)); len(got) > 0 {
		t.Errorf("compare = %v, want nothing", got)
	}
}

func TestCompareFields(t *testing.T) {
	base := func() *heureka.Instance {
		return &heureka.Instance{App: "A", ID: "i", CountryID: 1, DataCenter: heureka.OwnDataCenter}
	}
	for _, tt := range []struct {
		field  string
		change func(*heureka.Instance)
	}{
		{"hostName", func(in *heureka.Instance) { in.HostName = "h" }},
		{"ipAddr", func(in *heureka.Instance) { in.IPAddr = "192.0.2.1" }},
		{"status", func(in *heureka.Instance) { in.Status = heureka.StatusDown }},
		{"overriddenStatus", func(in *heureka.Instance) { in.OverriddenStatus = heureka.StatusDown }},
		{"port", func(in *heureka.Instance) { in.Port = heureka.Port{Number: 1, Enabled: true} }},
		{"securePort", func(in *heureka.Instance) { in.SecurePort = heureka.Port{Number: 1, Enabled: true} }},
		{"vipAddress", func(in *heureka.Instance) { in.VIPAddress = "v" }},
		{"secureVipAddress", func(in *heureka.Instance) { in.SecureVIPAddress = "v" }},
		{"appGroupName", func(in *heureka.Instance) { in.AppGroupName = "G" }},
		{"asgName", func(in *heureka.Instance) { in.ASGName = "g" }},
		{"homePageUrl", func(in *heureka.Instance) { in.HomePageURL = "u" }},
		{"statusPageUrl", func(in *heureka.Instance) { in.StatusPageURL = "u" }},
		{"healthCheckUrl", func(in *heureka.Instance) { in.HealthCheckURL = "u" }},
		{"secureHealthCheckUrl", func(in *heureka.Instance) { in.SecureHealthCheckURL = "u" }},
		{"dataCenterInfo", func(in *heureka.Instance) { in.DataCenter = heureka.NetflixDataCenter }},
		{"countryId", func(in *heureka.Instance) { in.CountryID = 2 }},
		{"renewalIntervalInSecs", func(in *heureka.Instance) { in.Lease.RenewalIntervalSecs = 1 }},
		{"durationInSecs", func(in *heureka.Instance) { in.Lease.DurationSecs = 1 }},
		{"metadata.empty", func(in *heureka.Instance) { in.Metadata = heureka.NewMetadata(map[string]string{"empty": ""}) }},
	} {
		changed := base()
		tt.change(changed)
		got := compare(registryOf(base()), registryOf(changed))
		if len(got) != 1 || got[0].Where != inBoth || len(got[0].Fields) != 1 || got[0].Fields[0].Field != tt.field {
			t.Errorf("compare with another %s = %+v, want this one field", tt.field, got)
		}
	}
}

func TestFilter(t *testing.T) {
	in := &heureka.Instance{
		App: "A", ID: "i", Status: heureka.StatusUp, VIPAddress: "one,two", SecureVIPAddress: "three",
		Metadata: heureka.NewMetadata(map[string]string{"zone": "eu-1a"}),
	}
	for _, tt := range []struct {
		name string
		f    filter
		want bool
	}{
		{"nothing", filter{}, true},
		{"its status", filter{status: []heureka.Status{heureka.StatusDown, heureka.StatusUp}}, true},
		{"another status", filter{status: []heureka.Status{heureka.StatusDown}}, false},
		{"its zone", filter{zone: "EU-1A"}, true},
		{"another zone", filter{zone: "eu-1"}, false},
		{"its VIP", filter{vip: "Two"}, true},
		{"its secure VIP", filter{vip: "three"}, true},
		{"part of a VIP", filter{vip: "on"}, false},
		{"one of two wrong", filter{zone: "eu-1a", vip: "four"}, false},
	} {
		if got := tt.f.admits(in); got != tt.want {
			t.Errorf("%s: admits = %v, want %v", tt.name, got, tt.want)
		}
		kept := tt.f.apply(registryOf(in))
		if got := len(kept.Apps) == 1 && kept.Hash == "UP_1_"; got != tt.want {
			t.Errorf("%s: apply kept %v with hash %q, want kept: %v", tt.name, kept.Apps, kept.Hash, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"ORDERS", "USERS", "PAYMENT-SERVICE", "X"}
	for _, tt := range []struct {
		name string
		want []string
	}{
		{"orders", []string{"ORDERS"}},
		{"ODERS", []string{"ORDERS"}},
		{"payment", []string{"PAYMENT-SERVICE"}},
		{"ab", []string{"X"}},
		{"something-else", nil},
	} {
		if got := nearest(tt.name, names); !cmp.Equal(got, tt.want) {
			t.Errorf("nearest(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}
