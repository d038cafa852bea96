package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// S-REGISTER-1 steps 3 and 5: of two records the one with the later dirty timestamp stays, the lease starts anew.
func TestRegister1KeepsTheNewerRecord(t *testing.T) {
	tests := []struct {
		name     string
		dirty    int64
		wantHost string
	}{
		{"older is discarded", 999, "first"},
		{"equal replaces", 1000, "second"},
		{"newer replaces", 1001, "second"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
				w.register(instance("x", func(in *heureka.Instance) { in.HostName = "first" }))
				w.renewAfter("x", 20*time.Second)
				w.advance(10 * time.Second)
				ch := w.register(instance("x", dirty(tt.dirty), func(in *heureka.Instance) { in.HostName = "second" }))

				rec := w.find("x")
				if rec.Instance().HostName != tt.wantHost || ch.Record != rec {
					t.Errorf("host = %s, want %s; change has %s", rec.Instance().HostName, tt.wantHost, ch.Record.Instance().HostName)
				}
				if got := rec.Lease(); got.RegistrationMS != w.ms() || got.LastRenewalMS != w.ms() {
					t.Errorf("lease did not start anew at %d: %+v", w.ms(), got)
				}
				if rec.Instance().LastUpdatedMS != w.ms() {
					t.Errorf("LastUpdatedMS = %d, want %d", rec.Instance().LastUpdatedMS, w.ms())
				}
			})
		})
	}
}

// S-REGISTER-1 step 5: the lease lasts as long as the incoming record asks, also when the stored one stays.
func TestRegister1UsesTheIncomingDuration(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x", leased(30, 90)))
	w.register(instance("x", leased(30, 10), dirty(1)))
	if got := w.find("x").Lease().DurationSecs; got != 90 {
		t.Errorf("the stored record shows a lease of %d s, want 90", got)
	}
	w.advance(10*time.Second + 1)
	if e := w.Evict(w.now); e.Evicted != 1 {
		t.Errorf("Evict after 10 s = %+v, want the lease of 10 s evicted", e)
	}
}

// S-REGISTER-1 steps 10 and 11, W-REG-8: what the server says of an instance replaces what was sent.
func TestRegister1StampsTheRecord(t *testing.T) {
	w := newWorld(t, registry.Config{OwnID: "self"})
	sent := instance("x", func(in *heureka.Instance) {
		in.Action, in.LastUpdatedMS, in.CoordinatingServer = heureka.ActionDeleted, 5, true
		in.Lease = heureka.LeaseInfo{RegistrationMS: 1, LastRenewalMS: 2, EvictionMS: 3, ServiceUpMS: 4}
	})
	before := *sent
	ch := w.register(sent)

	want := *sent
	want.Action, want.LastUpdatedMS, want.CoordinatingServer = heureka.ActionAdded, w.ms(), false
	want.Lease = heureka.LeaseInfo{
		RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: w.ms(), LastRenewalMS: w.ms(), ServiceUpMS: w.ms(),
	}
	if diff := cmp.Diff(&want, ch.Record.Instance()); diff != "" {
		t.Errorf("stored record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&before, sent); diff != "" {
		t.Errorf("Register changed its argument:\n%s", diff)
	}
	if self := w.register(instance("self", app("OTHER"))); !self.Record.Instance().CoordinatingServer {
		t.Error("the node's own id is not marked as the coordinating server")
	}
}

// W-REG-8: a record without a dirty timestamp gets the server's time, and so wins over an earlier one.
func TestRegister1DirtyTimestampDefaultsToNow(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	if got := w.register(instance("x", dirty(0))).Record.Instance().LastDirtyMS; got != w.ms() {
		t.Errorf("LastDirtyMS = %d, want %d", got, w.ms())
	}
}

// S-REGISTER-1 step 10, S-LEASE-6: the time of being up is that of the first UP and survives registrations.
func TestRegister1ServiceUp(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", status(heureka.StatusStarting)))
	if got := w.find("x").Lease().ServiceUpMS; got != 0 {
		t.Errorf("ServiceUpMS of an instance that was never UP = %d, want 0", got)
	}
	w.advance(time.Second)
	up := w.ms()
	w.register(instance("x"))
	for _, s := range []heureka.Status{heureka.StatusDown, heureka.StatusUp} {
		w.advance(time.Second)
		w.register(instance("x", status(s)))
		if got := w.find("x").Lease().ServiceUpMS; got != up {
			t.Errorf("ServiceUpMS after registering as %v = %d, want %d", s, got, up)
		}
	}
}

// S-REGISTER-1 steps 7 and 8, W-REG-11: a registration brings an override only where there is none.
func TestRegister1InitialOverride(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.register(instance("x", overridden(heureka.StatusOutOfService)))
		w.wantOverride("x", heureka.StatusOutOfService, true)
		w.wantStatus("x", heureka.StatusOutOfService)

		w.register(instance("x", overridden(heureka.StatusDown)))
		w.wantOverride("x", heureka.StatusOutOfService, true)
		if got := w.find("x").Instance().OverriddenStatus; got != heureka.StatusOutOfService {
			t.Errorf("OverriddenStatus = %v, want OUT_OF_SERVICE", got)
		}
	})
}

// S-DEF-6, fixed: an override belongs to an application's instance, not to everybody with the same id.
func TestRegisterOverridesAreKeyedByApplication(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.register(instance("x", app("B")))
	w.setStatus("x", heureka.StatusOutOfService)
	b := heureka.Key{App: "B", ID: "x"}
	if s, ok := w.Override(b); ok {
		t.Errorf("Override(%v) = %v, want none", b, s)
	}
	w.cancelKey(b)
	w.wantOverride("x", heureka.StatusOutOfService, true)
	if diff := cmp.Diff(map[heureka.Key]heureka.Status{key("x"): heureka.StatusOutOfService}, w.Overrides()); diff != "" {
		t.Errorf("Overrides() (-want +got):\n%s", diff)
	}
}

// S-REGISTER-1 step 6, S-REG-3: every registration is listed, newest first, the last thousand.
func TestRegister1RecentRegistrations(t *testing.T) {
	w := newWorld(t, registry.Config{})
	for range 1001 {
		w.register(instance("x"))
		w.advance(time.Second)
	}
	w.register(instance("y"))
	registered, _ := w.Recent()
	if len(registered) != 1000 {
		t.Fatalf("%d registrations are listed, want 1000", len(registered))
	}
	want := []registry.Event{{At: w.now, Key: key("y")}, {At: w.now.Add(-time.Second), Key: key("x")}}
	if diff := cmp.Diff(want, registered[:2]); diff != "" {
		t.Errorf("newest registrations (-want +got):\n%s", diff)
	}
	if oldest := registered[999].At; !oldest.Equal(start.Add(2 * time.Second)) {
		t.Errorf("oldest registration is of %v, want %v", oldest, start.Add(2*time.Second))
	}
}

// S-REGISTER-2: a registration is no renewal.
func TestRegister2IsNoRenewal(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.register(instance("x"))
	if s := w.Stats(w.now); s.Renewals != 0 || s.Registrations != 2 {
		t.Errorf("renewals = %d, last minute %d, registrations %d; want 0, 0, 2",
			s.Renewals, s.RenewalsLastMinute, s.Registrations)
	}
}

// S-REGISTER-3: the change tells which record stayed, and from whom the other one came.
func TestRegister3Change(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	first := w.find("x")
	w.advance(time.Second)
	w.registerFrom(registry.FromPeer, instance("x", dirty(1)))

	got := w.changes[1]
	if got.Seq != 2 || got.Kind != registry.Registered || got.Origin != registry.FromPeer || got.Key != key("x") ||
		!got.At.Equal(w.now) || got.Previous != first || got.Record.Instance().LastDirtyMS != 1000 || got.Removed() {
		t.Errorf("change = %+v", got)
	}
}

// W-IDENT-1: without an instance id the host name identifies; an instance without any name is refused.
func TestRegisterNeedsAKey(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("", func(in *heureka.Instance) { in.HostName = "h" }))
	if _, ok := w.Find(key("h")); !ok {
		t.Error("instance without id is not found under its host name")
	}
	for _, in := range []*heureka.Instance{instance("x", app("")), instance("", func(in *heureka.Instance) { in.HostName = "" })} {
		if _, err := w.Register(in, registry.FromClient, w.now); err == nil {
			t.Errorf("Register(%v) succeeded", in.Key())
		}
	}
	if len(w.changes) != 1 {
		t.Errorf("refused registrations made changes: %v", w.changes[1:])
	}
}

// S-REGISTER-5, S-DEF-33, W-META-2 to -4: metadata are added, the record registers anew, its client's next record forgets them.
func TestRegister5Metadata(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", metadata("zone", "z1"), metadata("a", "1")))
	w.renewAfter("x", 30*time.Second)
	w.setStatus("x", heureka.StatusOutOfService)
	w.advance(time.Second)
	ch, err := w.SetMetadata(key("x"), []heureka.MetadataEntry{{Key: "a", Value: "2"}, {Key: "b", Value: ""}}, registry.FromClient, w.now)
	if err != nil {
		t.Fatal(err)
	}
	in := w.find("x").Instance()
	if diff := cmp.Diff(map[string]string{"zone": "z1", "a": "2", "b": ""}, in.Metadata.Map()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if in.Action != heureka.ActionAdded || in.LastDirtyMS != 1000 || in.Lease.RegistrationMS != w.ms() {
		t.Errorf("record was not registered anew with its dirty timestamp: %+v", in)
	}
	if ch.Kind != registry.Registered || ch.Origin != registry.FromClient || ch.Record != w.find("x") {
		t.Errorf("change = %+v", ch)
	}
	w.wantStatus("x", heureka.StatusOutOfService)
	w.wantOverride("x", heureka.StatusOutOfService, true)

	w.register(instance("x", metadata("zone", "z2")))
	if diff := cmp.Diff(map[string]string{"zone": "z2", "a": "2", "b": ""}, w.find("x").Instance().Metadata.Map()); diff != "" {
		t.Errorf("metadata after the client registered the same record again (-want +got):\n%s", diff)
	}
	w.register(instance("x", dirty(1001)))
	if md := w.find("x").Instance().Metadata; len(md) != 0 {
		t.Errorf("metadata after the client registered a new record = %v, want none", md)
	}
}

// W-META-1, W-INST-3: metadata of an instance that Get does not find are refused.
func TestRegister5MetadataOfMissingInstance(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x"))
	w.advance(91 * time.Second)
	for _, id := range []string{"x", "never"} {
		if _, err := w.SetMetadata(key(id), nil, registry.FromClient, w.now); !isNotFound(err) {
			t.Errorf("SetMetadata(%s) = %v, want not found", id, err)
		}
	}
}

// S-SYNC-6: the record of a peer that refused a heartbeat brings its override along, replacing this node's.
func TestSync6Adopt(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", overridden(heureka.StatusOutOfService)))
	if _, err := w.Adopt(instance("x", dirty(2000), overridden(heureka.StatusDown)), registry.FromPeer, w.now); err != nil {
		t.Fatal(err)
	}
	w.wantOverride("x", heureka.StatusDown, true)
	w.wantStatus("x", heureka.StatusDown)

	if _, err := w.Adopt(instance("x", dirty(1999), metadata("old", "1")), registry.FromPeer, w.now); err != nil {
		t.Fatal(err)
	}
	in := w.find("x").Instance()
	if in.LastDirtyMS != 2000 || len(in.Metadata) != 0 {
		t.Errorf("an older record was adopted: %+v", in)
	}
	w.wantOverride("x", heureka.StatusDown, true)
}

// S-REG-1, S-DEF-35: an application without instances is absent.
func TestReg1EmptyApplications(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.register(instance("y", app("B")))
	w.register(instance("z", app("B")))
	if s := w.Stats(w.now); s.Apps != 2 || s.Instances != 3 || w.Len() != 3 {
		t.Errorf("apps = %d, instances = %d, Len = %d; want 2, 3, 3", s.Apps, s.Instances, w.Len())
	}
	w.cancel("x")
	if s := w.Stats(w.now); s.Apps != 1 || s.Instances != 2 {
		t.Errorf("apps = %d, instances = %d after a cancel; want 1, 2", s.Apps, s.Instances)
	}
}

// A record copied from a peer that is not later than one cancelled here is late, and left aside. A single request of a client
// or a peer counts all the same, as on the reference; nodes replicate in batches.
func TestRegisterOfALatePeer(t *testing.T) {
	tests := []struct {
		origin registry.Origin
		dirty  int64
		want   bool
	}{
		{registry.FromClient, 999, true}, {registry.FromPeer, 999, true}, {registry.FromSync, 999, false},
		{registry.FromSync, 1000, false}, {registry.FromSync, 1001, true}, {registry.FromSync, 0, true},
	}
	for _, tt := range tests {
		w := newWorld(t, registry.Config{})
		w.register(instance("x"))
		w.cancel("x")
		ch := w.registerFrom(tt.origin, instance("x", dirty(tt.dirty)))
		if _, ok := w.Find(key("x")); ok != tt.want || (ch.Seq != 0) != tt.want {
			t.Errorf("%+v: registered %v, change %+v", tt, ok, ch)
		}
	}
}

// A peer that says which incarnation it means cannot bring back one that was cancelled.
func TestRegisterOfACancelledIncarnation(t *testing.T) {
	tests := []struct {
		dirty       int64
		incarnation uint32
		want        bool
	}{{999, 5, false}, {999, registry.AnyIncarnation, false}, {1000, registry.AnyIncarnation, true}, {1000, 0, false}, {1000, 1, false}, {1000, 2, true}, {1001, 0, true}, {0, 0, true}}
	for _, tt := range tests {
		w := newWorld(t, registry.Config{})
		w.register(instance("x"))
		w.cancel("x")
		w.register(instance("x"))
		if rec, _ := w.Find(key("x")); rec.Incarnation() != 1 {
			t.Fatalf("registered again as incarnation %d, want 1", rec.Incarnation())
		}
		w.cancel("x")
		ch, err := w.RegisterTold(instance("x", dirty(tt.dirty)), registry.Told{Incarnation: tt.incarnation}, registry.FromPeer, w.now)
		if _, ok := w.Find(key("x")); err != nil || ok != tt.want || (ch.Seq != 0) != tt.want {
			t.Errorf("%+v: registered %v, change %+v, %v", tt, ok, ch, err)
		}
	}
}

// S-SYNC-6: what a peer knew better when it was told of the instance does not outlive a cancellation since.
func TestSync6AdoptAfterCancel(t *testing.T) {
	for dirtyMS, want := range map[int64]bool{1000: false, 1001: true} {
		w := newWorld(t, registry.Config{})
		w.register(instance("x"))
		w.cancel("x")
		if _, err := w.Adopt(instance("x", dirty(dirtyMS)), registry.FromPeer, w.now); err != nil {
			t.Fatal(err)
		}
		if _, ok := w.Find(key("x")); ok != want {
			t.Errorf("record of %d adopted: %t, want %t", dirtyMS, ok, want)
		}
	}
}
