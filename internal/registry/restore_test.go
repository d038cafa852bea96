package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// restarted returns a node that has what w had when it ended, that long ago.
func (w *world) restarted(cfg registry.Config, after time.Duration) *world {
	w.t.Helper()
	next := newWorld(w.t, cfg)
	next.now = w.now.Add(after)
	for _, e := range entries(w.Registry, w.now) {
		e.Age += after
		next.Restore(e, next.now)
	}
	return next
}

// What a node knew it knows again, but for who has come or gone meanwhile.
func TestRestore(t *testing.T) {
	before := func(w *world) {
		w.register(instance("x", metadata("a", "1")))
		w.advance(time.Minute)
		w.setStatus("x", heureka.StatusOutOfService)
		w.register(instance("gone"))
		w.cancel("gone")
	}
	for name, tt := range map[string]struct {
		meanwhile func(*world) // what happens before the snapshot is read
		check     func(*testing.T, *world)
	}{
		"as it was": {func(*world) {}, func(t *testing.T, w *world) {
			w.wantOverride("x", heureka.StatusOutOfService, true)
			w.wantStatus("x", heureka.StatusOutOfService)
			in := w.find("x").Instance()
			if want := start.UnixMilli(); in.Lease.RegistrationMS != want || in.Lease.ServiceUpMS != want || in.Metadata.Get("a") != "1" {
				t.Errorf("record = %+v, registered at %d", in, want)
			}
			if _, ok := w.Find(key("gone")); ok || w.Tombstones() != 1 {
				t.Errorf("cancelled instance is back: %t, %d tombstones", ok, w.Tombstones())
			}
		}},
		"registered meanwhile": {func(w *world) { w.register(instance("x", dirty(2000))) }, func(t *testing.T, w *world) {
			w.wantOverride("x", heureka.StatusOutOfService, true)
			if in := w.find("x").Instance(); in.LastDirtyMS != 2000 || in.Metadata.Get("a") != "" {
				t.Errorf("record = %+v, want that of the registration", in)
			}
		}},
		"registered meanwhile though cancelled before": {func(w *world) { w.register(instance("gone")) }, func(t *testing.T, w *world) {
			w.wantStatus("gone", heureka.StatusUp)
		}},
		"cancelled meanwhile": {func(w *world) { w.register(instance("x")); w.cancel("x") }, func(t *testing.T, w *world) {
			if _, ok := w.Find(key("x")); ok {
				t.Error("cancelled instance is back")
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
				before(w)
				next := newWorld(t, registry.Config{})
				next.now = w.now.Add(time.Minute)
				tt.meanwhile(next)
				for _, e := range entries(w.Registry, w.now) {
					e.Age += time.Minute
					next.Restore(e, next.now)
				}
				tt.check(t, next)
				if next.Digest() != next.RecomputedDigest() || next.MisplacedLeases() != 0 {
					t.Errorf("the books are wrong: %d leases misplaced", next.MisplacedLeases())
				}
			})
		})
	}
}

// Nobody is evicted within one lease of the opening, and who has not been heard by then is missing, not gone.
func TestRestoredLeasesAreWholeFromTheOpening(t *testing.T) {
	w := newWorld(t, registry.Config{})
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		w.register(instance(id))
	}
	w.advance(60 * time.Second)
	w = w.restarted(registry.Config{}, 20*time.Minute)
	w.advance(80 * time.Second) // the start took that long
	w.OpenForTraffic(0, w.now)
	if st := w.Stats(w.now); st.RenewalsExpected != 16 || st.RenewalsLastMinute != 16 || st.Overdue != 0 {
		t.Errorf("at the opening %d of %v renewals, %d overdue: want 16 of 16", st.RenewalsLastMinute, st.RenewalsExpected, st.Overdue)
	}
	w.renew("a")
	for range 9 {
		w.advance(10 * time.Second)
		w.renew("a")
		if e := w.Evict(w.now); e.Evicted != 0 {
			t.Fatalf("%d evicted within a lease of the opening", e.Evicted)
		}
	}
	w.advance(time.Second)
	if e := w.Evict(w.now); e.Expired != 7 || e.Evicted != 0 {
		t.Errorf("after a lease: %+v, want 7 who are missing and protected", e)
	}
}

// Until its holder is heard, a restored lease says when that was last: a peer must not take the restart for a sign of life.
func TestRestoredLeaseTellsItsAge(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.advance(30 * time.Second)
	w = w.restarted(registry.Config{}, 5*time.Minute)
	w.OpenForTraffic(0, w.now)
	w.advance(10 * time.Second)
	age := func() time.Duration { return entries(w.Registry, w.now)[0].Age }
	if got, want := age(), 30*time.Second+5*time.Minute+10*time.Second; got != want {
		t.Errorf("age = %v, want %v", got, want)
	}
	if _, ok := w.OwnAge(key("x"), w.now); ok {
		t.Error("it says to have been heard itself")
	}
	want := registry.Heartbeat{At: w.now.Add(-age()), By: registry.ByDisk}
	if diff := cmp.Diff(want, w.Standing(w.find("x"), w.now).Heard); diff != "" {
		t.Errorf("heard: -want +got\n%s", diff)
	}
	w.renew("x")
	if got := age(); got != 0 {
		t.Errorf("age after a heartbeat = %v", got)
	}
	w.advance(time.Minute)
	w.OpenForTraffic(0, w.now)
	if got := age(); got != time.Minute {
		t.Errorf("the opening renews who has been heard: age %v, want 1m", got)
	}
}

func TestRestoreLeavesNonsenseAlone(t *testing.T) {
	w := newWorld(t, registry.Config{})
	if w.Restore(registry.Entry{Key: key("x")}, w.now) || w.Len() != 0 {
		t.Error("an entry without a record has been taken")
	}
	if w.Merge(registry.Entry{Key: key("x"), HasOverride: true, OverrideRev: 1}, w.now) || len(w.Parked(w.now)) != 0 {
		t.Error("a peer makes an override wait")
	}
}

// onlyOverrides are what an old snapshot of w tells.
func (w *world) onlyOverrides() (all []registry.Entry) {
	for _, e := range append(entries(w.Registry, w.now), w.Parked(w.now)...) {
		if e.Instance, e.Tombstone = nil, false; e.OnlyOverride() {
			all = append(all, e)
		}
	}
	return all
}

// An override whose instance is not there waits for it, and is then that of the instance, whoever brings it.
func TestOverridesWaitForTheirInstances(t *testing.T) {
	before := newWorld(t, registry.Config{})
	for _, id := range []string{"x", "y", "plain"} {
		before.register(instance(id))
	}
	before.setStatus("x", heureka.StatusOutOfService)
	before.setStatus("y", heureka.StatusDown)
	restored := func(t *testing.T) *world {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true})
		for _, e := range before.onlyOverrides() {
			if w.Restore(e, w.now) {
				t.Error("restoring an override alone changes an instance")
			}
		}
		if w.Len() != 0 || len(w.Parked(w.now)) != 2 || w.Digest() != [registry.Buckets]uint64{} {
			t.Errorf("%d instances, %d overrides wait", w.Len(), len(w.Parked(w.now)))
		}
		return w
	}
	for name, tt := range map[string]struct {
		do    func(*world)
		want  bool // that x is overridden then
		waits int
	}{
		"it registers":         {func(w *world) { w.register(instance("x", dirty(2000))) }, true, 1},
		"a peer replicates it": {func(w *world) { w.registerFrom(registry.FromPeer, instance("x")) }, true, 1},
		"a peer tells of it": {func(w *world) {
			other := newWorld(t, registry.Config{})
			other.register(instance("x"))
			w.tell(other)
			if other.tell(w); other.Digest() != w.Digest() {
				t.Error("nodes differ")
			}
			other.wantOverride("x", heureka.StatusOutOfService, true)
		}, true, 1},
		"a peer has removed the override": {func(w *world) {
			other := newWorld(t, registry.Config{})
			other.tell(before)
			other.clearStatus("x", heureka.StatusUp)
			w.tell(other)
		}, false, 0},
		"a peer knows that it was cancelled": {func(w *world) {
			other := newWorld(t, registry.Config{})
			other.register(instance("x"))
			other.cancel("x")
			w.tell(other)
			w.register(instance("x", dirty(2000)))
		}, false, 1},
		"it comes after a day": {func(w *world) {
			w.advance(23 * time.Hour)
			w.Evict(w.now)
			w.register(instance("y"))
			w.wantOverride("y", heureka.StatusDown, true)
			w.advance(2 * time.Hour)
			w.Evict(w.now)
			w.register(instance("x"))
		}, false, 0},
		"the node is started again meanwhile": {func(w *world) {
			w.advance(time.Hour)
			next := newWorld(t, registry.Config{})
			next.now = w.now
			for _, e := range w.Parked(w.now) {
				if e.Age != time.Hour {
					t.Errorf("it waits for %v", e.Age)
				}
				next.Restore(e, next.now)
			}
			*w = *next
			w.register(instance("x"))
		}, true, 1},
		"it has come before": {func(w *world) {
			*w = *newWorld(t, registry.Config{})
			w.register(instance("x"))
			for _, e := range before.onlyOverrides() {
				w.Restore(e, w.now)
			}
		}, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := restored(t)
			tt.do(w)
			status := heureka.StatusUnknown
			if tt.want {
				status = heureka.StatusOutOfService
				w.wantStatus("x", status)
			}
			w.wantOverride("x", status, tt.want)
			if got := len(w.Parked(w.now)); got != tt.waits || w.Digest() != w.RecomputedDigest() {
				t.Errorf("%d overrides wait, want %d", got, tt.waits)
			}
		})
	}
}
