package respcache_test

import (
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// S-DELTA-1: an entry lives for the retention time and goes with the purge after that.
func TestDelta1Retention(t *testing.T) {
	for _, retention := range []time.Duration{0, 10 * time.Second} {
		f := newFixture(t, respcache.Config{DeltaRetention: retention})
		if retention == 0 {
			retention = 180 * time.Second
		}
		f.up("A", "1")
		f.now = f.now.Add(time.Second)
		f.up("A", "2")
		f.now = epoch.Add(retention)
		f.cache.PurgeDelta(f.now)
		f.want(deltaQuery, "A/1 UP ADDED", "A/2 UP ADDED")
		f.now = f.now.Add(time.Second)
		f.cache.PurgeDelta(f.now)
		f.want(deltaQuery, "A/2 UP ADDED")
		f.now = f.now.Add(time.Millisecond)
		f.cache.PurgeDelta(f.now)
		f.want(deltaQuery)
		f.want(allQuery, "A/1 UP ADDED", "A/2 UP ADDED")
	}
}

// S-DELTA-1: a later change of an instance keeps it in the delta.
func TestDelta1LatestChangeCounts(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	f.up("A", "2")
	f.now = epoch.Add(100 * time.Second)
	f.put(modified("A", "1", heureka.StatusDown))
	f.now = epoch.Add(181 * time.Second)
	f.cache.PurgeDelta(f.now)
	f.want(deltaQuery, "A/1 DOWN MODIFIED")
	f.now = epoch.Add(281 * time.Second)
	f.cache.PurgeDelta(f.now)
	f.want(deltaQuery)
}

// S-DELTA-2, S-DELTA-3, W-DELTA-3: one entry for each instance, with its latest state; the last one of a deleted.
func TestDelta3LatestState(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("B", "other")
	f.up("A", "1")
	f.want(deltaQuery, "A/1 UP ADDED", "B/other UP ADDED")
	f.put(modified("A", "1", heureka.StatusOutOfService))
	f.want(deltaQuery, "A/1 OUT_OF_SERVICE MODIFIED", "B/other UP ADDED")
	f.remove("A", "1")
	f.want(deltaQuery, "A/1 OUT_OF_SERVICE DELETED", "B/other UP ADDED")
	f.put(instance("A", "1", heureka.StatusStarting))
	f.want(deltaQuery, "A/1 STARTING ADDED", "B/other UP ADDED")
}

// W-DELTA-4: a deleted instance is sent complete, with the time of its eviction.
func TestDeletedInstanceIsComplete(t *testing.T) {
	f := newRegistryFixture(t, respcache.Config{})
	f.register(instance("A", "1", heureka.StatusUp))
	f.now = f.now.Add(5 * time.Second)
	if err := f.registry.Cancel(heureka.Key{App: "A", ID: "1"}, registry.FromClient, f.now); err != nil {
		t.Fatal(err)
	}
	apps := f.decode(deltaQuery)
	in := apps.Apps[0].Instances[0]
	if in.Action != heureka.ActionDeleted || in.Lease.EvictionMS != f.now.UnixMilli() || in.HomePageURL == "" || in.VIPAddress != "a" {
		t.Errorf("deleted instance is %+v", in)
	}
}

// S-DELTA-4: the first delta has version 1, each one built the next; each variant is built on its own.
func TestDelta4Version(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	wantVersion := func(q respcache.Query, want int64) {
		t.Helper()
		if got := f.version(q); got != want {
			t.Errorf("%+v has version %d, want %d", q, got, want)
		}
	}
	compact, region := deltaQuery, deltaQuery
	compact.Form.Detail = 1
	region.Regions = "elsewhere"
	wantVersion(deltaQuery, 1)
	wantVersion(deltaQuery, 1)
	wantVersion(compact, 2)
	f.up("A", "1")
	f.up("A", "2")
	wantVersion(deltaQuery, 3)
	wantVersion(region, 1) // W-DELTA-9
	wantVersion(compact, 4)
	f.up("A", "1")
	wantVersion(region, 2)
	wantVersion(deltaQuery, 5)
}

// S-DELTA-5, W-DELTA-6: the hash is that of everything registered.
func TestDelta5HashOfFullView(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	f.put(instance("A", "2", heureka.StatusDown))
	f.now = f.now.Add(time.Hour)
	f.cache.PurgeDelta(f.now)
	if _, hash := f.want(deltaQuery); hash != "DOWN_1_UP_1_" {
		t.Errorf("hash of an empty delta is %q", hash)
	}
	f.remove("A", "2")
	if _, hash := f.want(deltaQuery, "A/2 DOWN DELETED"); hash != "UP_1_" {
		t.Errorf("hash after a removal is %q", hash)
	}
	f.remove("A", "1")
	if _, hash := f.want(deltaQuery, "A/1 UP DELETED", "A/2 DOWN DELETED"); hash != "" {
		t.Errorf("hash of the empty registry is %q", hash)
	}
}

// S-DELTA-6, S-DEF-25: a purge that drops something is in the next delta, with a new version; one that does not is not
// noticed. The full answer has nothing to do with either.
func TestDelta6PurgeRefreshesDelta(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	delta, all := f.answer(deltaQuery), f.answer(allQuery)
	f.now = epoch.Add(60 * time.Second)
	f.cache.PurgeDelta(f.now)
	if f.answer(deltaQuery) != delta {
		t.Error("a purge of nothing made a new delta")
	}
	f.now = epoch.Add(170 * time.Second)
	f.cache.PurgeDelta(epoch.Add(181 * time.Second))
	if v, _ := f.want(deltaQuery); v != 2 {
		t.Errorf("version after the purge is %d, want 2", v)
	}
	if f.answer(allQuery) != all {
		t.Error("the purge made a new full answer")
	}
}

// A delta with many entries comes in chunks like a full answer, and an instance that keeps changing costs no more than
// one that changed once.
func TestDeltaOfManyChanges(t *testing.T) {
	f := newFixture(t, respcache.Config{ChunkBytes: 8000})
	for i := range 500 {
		f.up(appName(i%40), hostID(i))
	}
	for i := range 2000 {
		f.now = f.now.Add(10 * time.Millisecond)
		f.put(modified("FLAPPING", "1", heureka.Status(i%4)))
	}
	for i := range 100 {
		f.remove(appName(i%40), hostID(i))
	}
	if f.get(deltaQuery) != f.delta(jsonFull, 1) {
		t.Error("delta differs from the plain encoder's")
	}
	f.now = epoch.Add(185 * time.Second)
	f.cache.PurgeDelta(f.now)
	for k, n := range f.noted {
		if n.at.Before(f.now.Add(-180 * time.Second)) {
			delete(f.noted, k)
		}
	}
	if len(f.noted) != 101 {
		t.Fatalf("%d changes are left, want the flapping instance and the removed", len(f.noted))
	}
	if f.get(deltaQuery) != f.delta(jsonFull, 2) {
		t.Error("delta after the purge differs from the plain encoder's")
	}
}
