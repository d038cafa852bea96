package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// entries returns all that a registry would tell another one.
func entries(r *registry.Registry, now time.Time) []registry.Entry {
	var all []registry.Entry
	for i := range registry.Buckets {
		for _, k := range r.Bucket(i, now) {
			all = append(all, k.Entry())
		}
	}
	return all
}

// tell merges all that from knows into w, and reports how many instances that changed.
func (w *world) tell(from *world) int {
	n := 0
	for _, e := range entries(from.Registry, w.now) {
		if w.Merge(e, w.now) {
			n++
		}
	}
	return n
}

// pair returns two nodes with the same time.
func pair(t *testing.T) (a, b *world) {
	return newWorld(t, registry.Config{DisableSelfPreservation: true}), newWorld(t, registry.Config{DisableSelfPreservation: true})
}

func wantSameDigest(t *testing.T, a, b *world, same bool) {
	t.Helper()
	if got := a.Digest() == b.Digest(); got != same {
		t.Errorf("digests equal: %v, want %v\na: %+v\nb: %+v", got, same, entries(a.Registry, a.now), entries(b.Registry, b.now))
	}
}

// What each of two nodes learned alone, both know after telling each other.
func TestMergeCases(t *testing.T) {
	both := func(w *world) { w.register(instance("x")) }
	nothing := func(*world) {}
	tests := []struct {
		name  string
		first func(*world) // on both nodes
		a, b  func(*world)
		check func(*testing.T, *world)
	}{
		{"a new instance", nothing, func(w *world) { w.register(instance("x", metadata("a", "1"))) }, nothing,
			func(t *testing.T, w *world) {
				if in := w.find("x").Instance(); in.Metadata.Get("a") != "1" || in.Action != heureka.ActionAdded {
					t.Errorf("record = %+v", in)
				}
			}},
		{"a newer record", both, func(w *world) { w.register(instance("x", dirty(2000), status(heureka.StatusDown))) }, nothing,
			func(t *testing.T, w *world) { w.wantStatus("x", heureka.StatusDown) }},
		{"metadata", both, func(w *world) {
			w.SetMetadata(key("x"), []heureka.MetadataEntry{{Key: "a", Value: "1"}}, registry.FromClient, w.now)
		}, nothing, func(t *testing.T, w *world) {
			if got := w.find("x").Instance().Metadata.Get("a"); got != "1" {
				t.Errorf("metadata = %q", got)
			}
		}},
		{"an override", both, func(w *world) { w.setStatus("x", heureka.StatusOutOfService) }, nothing,
			func(t *testing.T, w *world) {
				w.wantStatus("x", heureka.StatusOutOfService)
				w.wantOverride("x", heureka.StatusOutOfService, true)
			}},
		{"an override, where the record is newer", both, func(w *world) { w.setStatus("x", heureka.StatusOutOfService) },
			func(w *world) { w.register(instance("x", dirty(2000), metadata("a", "1"))) },
			func(t *testing.T, w *world) {
				w.wantStatus("x", heureka.StatusOutOfService)
				if got := w.find("x").Instance().Metadata.Get("a"); got != "1" {
					t.Errorf("metadata = %q", got)
				}
			}},
		{"the later of two overrides", both, func(w *world) {
			w.setStatus("x", heureka.StatusDown)
			w.setStatus("x", heureka.StatusOutOfService)
		}, func(w *world) { w.setStatus("x", heureka.StatusStarting) },
			func(t *testing.T, w *world) { w.wantOverride("x", heureka.StatusOutOfService, true) }},
		{"a cleared override", func(w *world) { both(w); w.setStatus("x", heureka.StatusOutOfService) },
			func(w *world) { w.clearStatus("x", heureka.StatusUp) }, nothing,
			func(t *testing.T, w *world) {
				w.wantStatus("x", heureka.StatusUp)
				w.wantOverride("x", heureka.StatusUnknown, false)
				if w.Renew(key("x"), renewal(1000, heureka.StatusOutOfService), registry.FromPeer, w.now); true {
					w.wantStatus("x", heureka.StatusUp)
				}
			}},
		{"a cancellation", both, func(w *world) { w.cancel("x") }, nothing, wantGone},
		{"a cancellation, in the middle of things", both, func(w *world) { w.cancel("x") },
			func(w *world) { w.renew("x"); w.setStatus("x", heureka.StatusUp) }, wantGone},
		{"a cancellation against a newer record", both, func(w *world) { w.cancel("x") },
			func(w *world) { w.register(instance("x", dirty(2000))) },
			func(t *testing.T, w *world) { w.wantStatus("x", heureka.StatusUp) }},
		{"registered again after a cancellation", func(w *world) { both(w); w.cancel("x") },
			func(w *world) { w.register(instance("x", status(heureka.StatusDown))) }, nothing,
			func(t *testing.T, w *world) { w.wantStatus("x", heureka.StatusDown) }},
		{"registered again by a client whose clock went back", func(w *world) { both(w); w.cancel("x") },
			func(w *world) { w.register(instance("x", dirty(1))) }, nothing,
			func(t *testing.T, w *world) {
				if got := w.find("x").Instance().LastDirtyMS; got != 1 {
					t.Errorf("LastDirtyMS = %d, want 1", got)
				}
			}},
		{"cancelled and registered again, unseen", func(w *world) { both(w); w.setStatus("x", heureka.StatusDown) },
			func(w *world) { w.cancel("x"); w.register(instance("x")) }, nothing,
			func(t *testing.T, w *world) {
				w.wantStatus("x", heureka.StatusUp)
				w.wantOverride("x", heureka.StatusUnknown, false)
			}},
		{"evicted here, alive there", both, func(w *world) {
			w.advance(91 * time.Second)
			w.Evict(w.now)
		}, func(w *world) { w.renewAfter("x", 80*time.Second); w.advance(11 * time.Second) },
			func(t *testing.T, w *world) {
				if got, want := w.find("x").Lease().LastRenewalMS, w.ms()-11_000+90_000; got != want {
					t.Errorf("LastRenewalMS = %d, want %d", got, want)
				}
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := pair(t)
			tt.first(a)
			tt.first(b)
			tt.a(a)
			tt.b(b)
			now := a.now
			if b.now.After(now) {
				now = b.now
			}
			a.now, b.now = now, now
			b.tell(a)
			a.tell(b)
			wantSameDigest(t, a, b, true)
			for _, w := range []*world{a, b} {
				tt.check(t, w)
				if w.Digest() != w.RecomputedDigest() || w.MisplacedLeases() != 0 {
					t.Error("the digest or the wheel has drifted")
				}
			}
			if n := b.tell(a) + a.tell(b); n != 0 {
				t.Errorf("telling it again changed %d instances", n)
			}
		})
	}
}

func wantGone(t *testing.T, w *world) {
	t.Helper()
	if rec, ok := w.Find(key("x")); ok {
		t.Errorf("x is still there: %+v", rec.Instance())
	}
}

// What a merge reports as a change.
func TestMergeChanges(t *testing.T) {
	a, b := pair(t)
	a.register(instance("x"))
	a.setStatus("x", heureka.StatusDown)
	b.tell(a)
	a.setStatus("x", heureka.StatusUp)
	a.clearStatus("x", heureka.StatusUp)
	b.tell(a)
	a.cancel("x")
	b.tell(a)

	type line struct {
		Kind    registry.ChangeKind
		Status  heureka.Status
		Removed bool
	}
	var got []line
	for _, ch := range b.changes {
		if ch.Origin != registry.FromSync || ch.Key != key("x") || !ch.At.Equal(b.now) {
			t.Errorf("change = %+v", ch)
		}
		got = append(got, line{ch.Kind, ch.Record.Instance().Status, ch.Removed()})
	}
	want := []line{
		{registry.Registered, heureka.StatusDown, false},
		{registry.StatusChanged, heureka.StatusUp, false},
		{registry.Cancelled, heureka.StatusUp, true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	registered, cancelled := b.Recent()
	if len(registered) != 1 || len(cancelled) != 1 {
		t.Errorf("%d registrations and %d cancels are listed, want 1 and 1", len(registered), len(cancelled))
	}
	if s := b.Stats(b.now); s.RenewalsExpected != 0 || s.ReplicationsLastMinute != 0 {
		t.Errorf("stats = %+v", s)
	}
}

// Only an override changed: the record stays, the change is one of status.
func TestMergeOverrideAlone(t *testing.T) {
	a, b := pair(t)
	a.register(instance("x"))
	b.tell(a)
	b.advance(time.Second)
	a.Renew(key("x"), renewal(1000, heureka.StatusDown), registry.FromPeer, a.now)
	if n := b.tell(a); n != 1 {
		t.Fatalf("%d instances changed, want 1", n)
	}
	ch := b.changes[1]
	in := ch.Record.Instance()
	if ch.Kind != registry.StatusChanged || in.Status != heureka.StatusDown || in.Action != heureka.ActionModified ||
		in.LastUpdatedMS != b.ms() || in.Lease.RegistrationMS != start.UnixMilli() {
		t.Errorf("change = %+v of %+v", ch, in)
	}
	wantSameDigest(t, a, b, true)
}

// Equal records with different histories: the later revision is followed without a word.
func TestMergeFollowsRevisionsSilently(t *testing.T) {
	a, b := pair(t)
	for _, w := range []*world{a, b} {
		w.register(instance("x"))
	}
	a.register(instance("x", metadata("a", "1")))
	a.register(instance("x"))
	wantSameDigest(t, a, b, false)
	in := b.find("x").Instance()
	if n := b.tell(a); n != 0 || len(b.changes) != 1 {
		t.Errorf("%d instances changed", n)
	}
	wantSameDigest(t, a, b, true)
	if diff := cmp.Diff(in, b.find("x").Instance()); diff != "" {
		t.Errorf("the record changed:\n%s", diff)
	}
	if n := a.tell(b); n != 0 {
		t.Error("and back again")
	}
}

// An instance that is dead over there does not come to life here; one that is fresher over there lives longer here.
func TestMergeAge(t *testing.T) {
	a, b := pair(t)
	a.register(instance("x"))
	a.advance(91 * time.Second)
	b.now = a.now
	if n := b.tell(a); n != 0 || b.Len() != 0 {
		t.Errorf("a dead instance was taken over")
	}
	a.renew("x")
	a.advance(60 * time.Second)
	b.now = a.now
	b.tell(a)
	if got, want := b.find("x").Lease(), a.find("x").Lease(); got.LastRenewalMS != want.LastRenewalMS {
		t.Errorf("LastRenewalMS = %d, want %d", got.LastRenewalMS, want.LastRenewalMS)
	}
	if _, ok := b.Get(key("x"), b.now.Add(30*time.Second)); !ok {
		t.Error("expired too early")
	}
	if _, ok := b.Get(key("x"), b.now.Add(30*time.Second+1)); ok {
		t.Error("the lease began anew on its way")
	}
	a.renewAfter("x", 20*time.Second)
	b.now = a.now
	b.tell(a)
	if _, ok := b.Get(key("x"), b.now.Add(90*time.Second)); !ok {
		t.Error("the renewal over there does not count here")
	}
}

// Telling each other of a silent instance, with some delay each time, does not keep it alive.
func TestMergeDoesNotCreep(t *testing.T) {
	a, b := pair(t)
	a.register(instance("x"))
	b.register(instance("x"))
	for range 200 {
		for _, pair := range [][2]*world{{a, b}, {b, a}} {
			told := entries(pair[0].Registry, pair[0].now)
			a.advance(time.Second)
			b.advance(time.Second)
			for _, e := range told {
				pair[1].Merge(e, pair[1].now)
			}
		}
	}
	if _, ok := a.Get(key("x"), start.Add(96*time.Second)); ok {
		t.Error("the lease crept ahead")
	}
}

// With doubled leases a record is taken over as long as it lives over there.
func TestMergeAgeOfDoubledLeases(t *testing.T) {
	w := newWorld(t, netflix(registry.Config{DisableSelfPreservation: true}))
	e := registry.Entry{Key: key("x"), Instance: instance("x"), DirtyMS: 1000, Rev: 1, Age: 180*time.Second + 1}
	if w.Merge(e, w.now) {
		t.Error("a record that is past its doubled lease was taken over")
	}
	e.Age--
	if !w.Merge(e, w.now) {
		t.Error("a record within its doubled lease was not taken over")
	}
	if _, ok := w.Get(key("x"), w.now); !ok {
		t.Error("and is not found")
	}
}

// What is told of an override that was never followed, or of one at a cancelled key, orders as everything else.
func TestMergeOrdersOverrides(t *testing.T) {
	entry := func(e registry.Entry) registry.Entry {
		e.Key, e.DirtyMS, e.Rev = key("x"), 1000, 1
		if !e.Tombstone {
			e.Instance = instance("x")
		}
		return e
	}
	tests := []struct{ first, second registry.Entry }{
		{registry.Entry{OverrideRev: 1}, registry.Entry{OverrideRev: 1, HasOverride: true, Override: heureka.StatusUnknown}},
		{registry.Entry{OverrideRev: 1, HasOverride: true, Override: heureka.StatusDown},
			registry.Entry{OverrideRev: 1, HasOverride: true, Override: heureka.StatusOutOfService}},
		{registry.Entry{OverrideRev: 3}, registry.Entry{OverrideRev: 2, HasOverride: true, Override: heureka.StatusDown}},
		{registry.Entry{Tombstone: true}, registry.Entry{OverrideRev: 2, HasOverride: true, Override: heureka.StatusDown}},
	}
	for _, tt := range tests {
		a, b := pair(t)
		a.Merge(entry(tt.first), a.now)
		a.Merge(entry(tt.second), a.now)
		b.Merge(entry(tt.second), b.now)
		b.Merge(entry(tt.first), b.now)
		wantSameDigest(t, a, b, true)
		if diff := cmp.Diff(visible(a.Registry), visible(b.Registry)); diff != "" {
			t.Errorf("%+v: order matters:\n%s", tt, diff)
		}
	}
}

// What makes no sense is ignored.
func TestMergeIgnoresNonsense(t *testing.T) {
	w := newWorld(t, registry.Config{})
	for _, e := range []registry.Entry{
		{},
		{Key: key("x")},
		{Key: key("x"), Instance: instance("y")},
		{Key: key("x"), Instance: instance("x"), Tombstone: true},
		{Key: key("x"), Instance: instance("x"), Age: -1},
		{Key: key(""), Tombstone: true},
		{Key: heureka.Key{ID: "x"}, Tombstone: true},
		{Key: key("x"), Tombstone: true, Age: 1 << 62},
	} {
		if w.Merge(e, w.now) {
			t.Errorf("Merge(%+v) changed something", e)
		}
	}
	if w.Digest() != (newWorld(t, registry.Config{})).Digest() {
		t.Error("the digest changed")
	}
}

// Another node must have heard an instance clearly later, or two of them would keep a silent one alive by telling each other.
func TestAgesMustDifferClearly(t *testing.T) {
	for later, want := range map[time.Duration]bool{4 * time.Second: false, 6 * time.Second: true} {
		w, other := newWorld(t, registry.Config{}), newWorld(t, registry.Config{})
		w.register(instance("1", dirty(w.ms())))
		other.register(instance("1", dirty(w.ms())))
		w.advance(30 * time.Second)
		other.advance(30 * time.Second)
		w.renew("1")
		other.advance(later)
		other.renew("1")
		w.advance(later)
		for _, e := range entries(other.Registry, other.now) {
			w.Merge(e, w.now)
		}
		for _, e := range entries(w.Registry, w.now) {
			if fresh := e.Age < later; fresh != want {
				t.Errorf("heard %v later elsewhere: the lease is %v old, taken over %v, want %v", later, e.Age, fresh, want)
			}
		}
	}
}
