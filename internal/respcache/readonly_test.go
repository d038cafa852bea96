package respcache_test

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/respcache/respcachetest"
)

func newReadOnly(t testing.TB) *fixture {
	return newFixture(t, respcache.Config{UseReadOnlyCache: true})
}

// S-CACHE-5: a miss on both levels is served fresh, and from then on from the read-only level.
func TestCache5ReadOnlyLevel(t *testing.T) {
	for _, q := range []respcache.Query{allQuery, deltaQuery, appQuery("A"), vipQuery("a")} {
		f := newReadOnly(t)
		f.up("A", "1")
		first := f.answer(q)
		f.up("A", "2")
		if f.answer(q) != first {
			t.Errorf("kind %d does not come from the read-only level", q.Kind)
		}
	}
}

// S-CACHE-6: the copy takes what changed and leaves the rest.
func TestCache6SyncReadOnly(t *testing.T) {
	f := newReadOnly(t)
	f.up("A", "1")
	f.up("B", "1")
	a, b, all := f.answer(appQuery("A")), f.answer(appQuery("B")), f.answer(allQuery)
	f.up("A", "2")
	f.cache.SyncReadOnly(f.now)
	f.want(allQuery, "A/1 UP ADDED", "A/2 UP ADDED", "B/1 UP ADDED")
	if f.answer(appQuery("A")) == a || f.answer(allQuery) == all {
		t.Error("an answer that changed was not copied")
	}
	if f.answer(appQuery("B")) != b {
		t.Error("an answer that did not change was replaced")
	}
}

// S-CACHE-6: the first copy is due at a multiple of the interval since the epoch.
func TestCache6NextSync(t *testing.T) {
	tests := []struct {
		interval time.Duration
		now      time.Time
		want     time.Time
	}{
		{0, time.Unix(1_700_000_001, 5e6), time.Unix(1_700_000_010, 0)},
		{0, time.Unix(1_700_000_010, 0), time.Unix(1_700_000_040, 0)},
		{7 * time.Second, time.Unix(15, 1), time.Unix(21, 0)},
		{1500 * time.Millisecond, time.Unix(1, 600e6), time.Unix(3, 0)},
	}
	for _, tt := range tests {
		c := respcachetest.New(respcache.Config{UpdateInterval: tt.interval})
		if got := c.NextSync(tt.now); !got.Equal(tt.want) {
			t.Errorf("NextSync(%v) with interval %v = %v, want %v", tt.now, tt.interval, got, tt.want)
		}
	}
}

// S-CACHE-7: that an application does not exist is remembered until the next copy, too.
func TestCache7MissingIsRemembered(t *testing.T) {
	f := newReadOnly(t)
	f.wantMissing("A")
	f.up("A", "1")
	f.wantMissing("A")
	f.cache.SyncReadOnly(f.now)
	f.get(appQuery("A"))
	f.remove("A", "1")
	f.get(appQuery("A"))
	f.cache.SyncReadOnly(f.now)
	f.wantMissing("A")
}

// Without the read-only level copying does nothing.
func TestSyncWithoutReadOnlyLevel(t *testing.T) {
	f := newFixture(t, respcache.Config{})
	f.up("A", "1")
	a := f.answer(allQuery)
	f.cache.SyncReadOnly(f.now)
	if f.answer(allQuery) != a {
		t.Error("SyncReadOnly replaced an answer")
	}
}

// S-DEF-10: what nobody asks for any more is forgotten, and not made again by each copy.
func TestDef10ReadOnlyEntriesExpire(t *testing.T) {
	f := newReadOnly(t)
	f.up("A", "1")
	f.answer(deltaQuery)
	for range 20 {
		f.up("A", "1")
		f.now = f.now.Add(30 * time.Second)
		f.cache.SyncReadOnly(f.now)
	}
	// Six copies until nobody had asked for 180 s, and this one.
	if v := f.version(deltaQuery); v != 8 {
		t.Errorf("delta was built %d times", v)
	}
}

// S-CACHE-3, S-DEF-10: queries that mean the same share an entry; naming no region that exists is not naming none.
func TestReadOnlyKeysAreCanonical(t *testing.T) {
	f := newFixture(t, respcache.Config{UseReadOnlyCache: true, Regions: []respcache.RegionConfig{{Name: "east"}}})
	f.region("east", "R/1")
	f.up("A", "1")
	withRegions := func(list string) respcache.Query {
		q := allQuery
		q.Regions = list
		return q
	}
	if f.answer(withRegions("east,nowhere")) != f.answer(withRegions("east")) {
		t.Error("a region that does not exist makes another entry")
	}
	f.want(withRegions("nowhere"), "A/1 UP ADDED")
	f.want(allQuery, "A/1 UP ADDED", "R/1 UP ADDED")
	q := appQuery("A")
	q.Gzip, q.Regions = true, "east"
	before := f.answer(q)
	f.up("A", "2")
	if f.answer(appQuery("A")) != before {
		t.Error("regions make another entry of an application")
	}
}
