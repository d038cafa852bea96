package respcache_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/respcache"
)

// twoRegions has east, and west with a white list.
func twoRegions(t testing.TB, cfg respcache.Config) *fixture {
	cfg.Regions = []respcache.RegionConfig{{Name: "west", Apps: []string{"LISTED"}}, {Name: "East"}}
	return newFixture(t, cfg)
}

func regionQuery(kind respcache.Kind, list string) respcache.Query {
	return respcache.Query{Kind: kind, Form: jsonFull, Regions: list}
}

// S-REGION-5, S-DEF-11, W-APPS-4, W-APPS-5: with regions named, the local registry and those that exist; capital letters
// of the configuration do no harm.
func TestRegion5NamedRegions(t *testing.T) {
	for _, disabled := range []bool{false, true} {
		f := twoRegions(t, respcache.Config{DisableFallback: disabled})
		f.up("A", "local")
		f.region("EAST", "A/far", "B/far")
		f.region("west", "LISTED/far", "OTHER/far")
		tests := []struct {
			list string
			want []string
		}{
			{"east", []string{"A/far UP ADDED", "A/local UP ADDED", "B/far UP ADDED"}},
			{"west", []string{"A/local UP ADDED", "LISTED/far UP ADDED"}},
			{"east,west", []string{"A/far UP ADDED", "A/local UP ADDED", "B/far UP ADDED", "LISTED/far UP ADDED"}},
			{"nowhere", []string{"A/local UP ADDED"}},
			{"nowhere,west", []string{"A/local UP ADDED", "LISTED/far UP ADDED"}},
			{",", []string{"A/local UP ADDED"}},
		}
		for _, tt := range tests {
			f.want(regionQuery(respcache.All, tt.list), tt.want...)
			f.want(regionQuery(respcache.Delta, tt.list), tt.want...)
		}
	}
}

// S-REGION-5: of two instances with one id, the remote copy is shown.
func TestRegion5RemoteCopyReplaces(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.put(instance("A", "1", heureka.StatusDown))
	east := f.region("east", "A/1")
	if _, hash := f.want(allQuery, "A/1 UP ADDED"); hash != "UP_1_" {
		t.Errorf("hash is %q", hash)
	}
	f.remove("A", "1")
	f.want(allQuery, "A/1 UP ADDED")
	f.want(deltaQuery, "A/1 UP ADDED")
	f.put(instance("A", "1", heureka.StatusDown))
	east.Replace(nil, f.now)
	f.want(allQuery, "A/1 DOWN ADDED")
	f.want(deltaQuery, "A/1 DOWN ADDED")
}

// S-REGION-5: a change of an instance behind a remote copy is no change of what is shown.
func TestRegion5HiddenChange(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.region("east", "A/1")
	f.now = f.now.Add(181 * time.Second)
	f.cache.PurgeDelta(f.now)
	f.want(deltaQuery)
	f.put(instance("A", "1", heureka.StatusDown))
	f.want(deltaQuery)
	f.remove("A", "1")
	f.want(deltaQuery)
	f.want(allQuery, "A/1 UP ADDED")
}

// S-REGION-6, W-HASH-7: without regions named, everything merged: in the full answer, the delta and both hashes alike.
func TestRegion6Fallback(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.up("A", "1")
	f.put(instance("B", "1", heureka.StatusDown))
	f.region("east", "A/2")
	want := []string{"A/1 UP ADDED", "A/2 UP ADDED", "B/1 DOWN ADDED"}
	_, full := f.want(allQuery, want...)
	_, delta := f.want(deltaQuery, want...)
	if full != "DOWN_1_UP_2_" || delta != full {
		t.Errorf("hash of the full answer is %q, of the delta %q", full, delta)
	}
	if got := f.cache.Counts().Hash(); got != full {
		t.Errorf("Counts say %q", got)
	}
}

// S-REGION-6: with fallback disabled, the local registry only.
func TestRegion6FallbackDisabled(t *testing.T) {
	f := twoRegions(t, respcache.Config{DisableFallback: true})
	f.up("A", "1")
	f.region("east", "A/2", "B/2")
	f.want(allQuery, "A/1 UP ADDED")
	f.want(deltaQuery, "A/1 UP ADDED")
	f.want(vipQuery("b"))
	f.wantMissing("B")
}

// S-REGION-6, S-DEF-11: an application whose remote instances have gone is not listed.
func TestRegion6NoEmptyApplications(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	east := f.region("east", "A/1", "B/1")
	east.Replace(applications("A/1"), f.now)
	if apps := f.decode(allQuery).Apps; len(apps) != 1 {
		t.Errorf("%d applications are listed, want A only", len(apps))
	}
	f.want(deltaQuery, "A/1 UP ADDED", "B/1 UP DELETED")
}

// S-CACHE-13, W-APP-2: one application is local, or else that of the first region that has it, white list or not.
func TestRegionApplication(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.up("A", "local")
	f.region("east", "A/east", "B/east")
	f.region("west", "B/west", "OTHER/west")
	for app, want := range map[string]string{"A": "local", "B": "east", "OTHER": "west"} {
		in := instance(app, want, heureka.StatusUp)
		if got := f.get(appQuery(app)); got != application(jsonFull, []*heureka.Instance{in}) {
			t.Errorf("%s is not that of %s: %s", app, want, got)
		}
	}
	f.wantMissing("C")
	f.up("B", "local")
	if got := f.get(appQuery("B")); got != application(jsonFull, []*heureka.Instance{instance("B", "local", heureka.StatusUp)}) {
		t.Errorf("the local application does not win: %s", got)
	}
}

// S-CACHE-14: VIPs are looked for in the view without regions.
func TestRegionVIP(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.up("A", "local")
	f.region("east", "A/far")
	f.want(vipQuery("a"), "A/far UP ADDED", "A/local UP ADDED")
	f.cache.Region("east").Replace(nil, f.now)
	f.want(vipQuery("a"), "A/local UP ADDED")
}

// S-REGION-7: single instances are found in a region whatever its white list says.
func TestRegion7SingleInstance(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	west := f.region("west", "OTHER/1", "LISTED/2")
	if in, ok := west.Instance(heureka.Key{App: "OTHER", ID: "1"}); !ok || in.ID != "1" {
		t.Errorf("Instance = %v, %v", in, ok)
	}
	if in, ok := west.InstanceByID("2"); !ok || in.App != "LISTED" {
		t.Errorf("InstanceByID = %v, %v", in, ok)
	}
	if in, ok := west.Instance(heureka.Key{App: "OTHER", ID: "2"}); ok {
		t.Errorf("found %v", in)
	}
	if in, ok := west.InstanceByID("3"); ok {
		t.Errorf("found %v", in)
	}
}

// S-REGION-2: a delta is applied as a client does it, and the counts are those of the region alone.
func TestRegion2ApplyDelta(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.up("A", "local")
	east := f.region("east", "A/1", "A/2")
	gone, changed, added := instance("A", "1", heureka.StatusUp), modified("A", "2", heureka.StatusDown), instance("B", "1", heureka.StatusUp)
	gone.Action = heureka.ActionDeleted
	unknown := instance("B", "9", heureka.StatusUp)
	unknown.Action = heureka.ActionDeleted
	east.ApplyDelta([]*heureka.Application{
		{Name: "A", Instances: []*heureka.Instance{gone, changed}},
		{Name: "B", Instances: []*heureka.Instance{added, unknown}},
	}, f.now)
	if got := east.Counts().Hash(); got != "DOWN_1_UP_1_" {
		t.Errorf("Counts are %s", got)
	}
	f.want(regionQuery(respcache.All, "east"), "A/2 DOWN MODIFIED", "A/local UP ADDED", "B/1 UP ADDED")
	f.want(regionQuery(respcache.Delta, "east"), "A/1 UP DELETED", "A/2 DOWN MODIFIED", "A/local UP ADDED", "B/1 UP ADDED")
}

// A full answer that says the same again changes nothing, except for when leases were renewed.
func TestReplaceBySame(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	east := f.region("east", "A/1", "B/1")
	before := f.answer(allQuery)
	same := applications("A/1", "B/1")
	same[0].Instances[0].Lease.LastRenewalMS += 30_000
	same[1].Instances[0].Action = heureka.ActionModified
	east.Replace(same, f.now)
	if f.answer(allQuery) != before {
		t.Error("an equal full answer changed ours")
	}
	same[0].Instances[0].Metadata = heureka.NewMetadata(map[string]string{"zone": "b"})
	east.Replace(same, f.now)
	if f.answer(allQuery) == before {
		t.Error("changed metadata did not arrive")
	}
}

// What a region sends is shown with names in upper case, as not the answering server, and as something to add.
func TestReceivedInstances(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	in := instance("", "1", heureka.StatusUp)
	in.CoordinatingServer, in.Action = true, heureka.ActionNone
	f.cache.Region("east").Replace([]*heureka.Application{{Name: "lower", Instances: []*heureka.Instance{in}}}, f.now)
	f.want(deltaQuery, "LOWER/1 UP ADDED")
	want := in.Clone()
	want.App, want.CoordinatingServer, want.Action = "LOWER", false, heureka.ActionAdded
	got, _ := f.cache.Region("east").InstanceByID("1")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if in.App != "" || !in.CoordinatingServer {
		t.Error("Replace changed what it was given")
	}
}

// S-DELTA-1: changes of regions are forgotten like others.
func TestRegionDeltaRetention(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.region("east", "A/1")
	f.want(regionQuery(respcache.Delta, "east"), "A/1 UP ADDED")
	f.now = f.now.Add(181 * time.Second)
	f.cache.PurgeDelta(f.now)
	f.want(deltaQuery)
	f.want(regionQuery(respcache.Delta, "east"))
	f.want(regionQuery(respcache.All, "east"), "A/1 UP ADDED")
}

// A choice of regions that is asked for the first time, or again after it was dropped, has the delta of what happened
// before, deleted instances included.
func TestNewChoiceKnowsRecentChanges(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.up("A", "1")
	f.up("A", "2")
	east := f.region("east", "B/1", "B/2")
	f.region("west", "LISTED/1", "OTHER/1")
	f.remove("A", "2")
	east.Replace(applications("B/1"), f.now)
	want := []string{"A/1 UP ADDED", "A/2 UP DELETED", "B/1 UP ADDED", "B/2 UP DELETED", "LISTED/1 UP ADDED"}
	if _, hash := f.want(regionQuery(respcache.Delta, "east,west"), want...); hash != "UP_3_" {
		t.Errorf("hash is %s", hash)
	}
}

// A choice that is made later shows what it would show had it been there all the time: in its delta the record that
// wins, whichever changed last, and each change for as long as it is recent.
func TestNewChoiceIsLikeAnOldOne(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.region("east", "A/1", "B/1")
	f.now = epoch.Add(100 * time.Second)
	f.put(instance("A", "1", heureka.StatusDown))
	f.up("C", "1")
	f.want(regionQuery(respcache.Delta, "east"), "A/1 UP ADDED", "B/1 UP ADDED", "C/1 UP ADDED")
	f.cache.PurgeDelta(epoch.Add(190 * time.Second))
	f.want(regionQuery(respcache.Delta, "east"), "A/1 UP ADDED", "C/1 UP ADDED")
	f.cache.PurgeDelta(epoch.Add(290 * time.Second))
	f.want(regionQuery(respcache.Delta, "east"))
	f.want(regionQuery(respcache.Delta, "east,west")) // nor does one that is made now show what was forgotten
}

// S-REGION-5: of two regions that have an instance, the one that is named last is shown.
func TestRegion5LastRegionWins(t *testing.T) {
	f := twoRegions(t, respcache.Config{})
	f.region("west", "LISTED/1")
	east := f.region("east", "LISTED/1")
	east.ApplyDelta([]*heureka.Application{
		{Name: "LISTED", Instances: []*heureka.Instance{modified("LISTED", "1", heureka.StatusDown)}},
	}, f.now)
	f.want(regionQuery(respcache.All, "east,west"), "LISTED/1 UP ADDED")
	f.want(allQuery, "LISTED/1 UP ADDED")
	f.region("west")
	f.want(regionQuery(respcache.All, "east,west"), "LISTED/1 DOWN MODIFIED")
	f.want(allQuery, "LISTED/1 DOWN MODIFIED")
}

// S-DEF-10: lists of regions that nobody can count cost nothing, and of those that exist a few are kept ready.
func TestManyChoicesOfRegions(t *testing.T) {
	var cfg respcache.Config
	for i := range 6 {
		cfg.Regions = append(cfg.Regions, respcache.RegionConfig{Name: fmt.Sprintf("r%d", i)})
	}
	f := newFixture(t, cfg)
	for i := range 6 {
		f.region(fmt.Sprintf("r%d", i), fmt.Sprintf("A/%d", i))
	}
	for round := range 2 {
		for choice := range 64 {
			list, want := "", []string(nil)
			for i := range 6 {
				if choice&(1<<i) != 0 {
					list, want = list+fmt.Sprintf("r%d,", i), append(want, fmt.Sprintf("A/%d UP ADDED", i))
				}
			}
			f.want(regionQuery(respcache.All, list+"unknown"), want...)
		}
		f.now = f.now.Add(time.Duration(round) * time.Second)
	}
	if got := len(f.cache.Regions()); got != 6 || f.cache.Region("r9") != nil || f.cache.Regions()[3].Name() != "r3" {
		t.Errorf("%d regions", got)
	}
}
