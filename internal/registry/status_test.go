package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

var allStatuses = []heureka.Status{
	heureka.StatusUp, heureka.StatusDown, heureka.StatusStarting, heureka.StatusOutOfService, heureka.StatusUnknown,
}

// S-STATUS-1, W-STAT-1, W-INST-3: instances that Get does not find cannot be overridden, and nothing happens.
func TestStatus1NotFound(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("expired"))
	w.advance(91 * time.Second)
	for _, id := range []string{"never", "expired"} {
		if err := w.SetOverride(key(id), heureka.StatusDown, 0, registry.FromClient, w.now); !isNotFound(err) {
			t.Errorf("SetOverride(%s) = %v, want not found", id, err)
		}
		if err := w.ClearOverride(key(id), heureka.StatusUp, 0, registry.FromClient, w.now); !isNotFound(err) {
			t.Errorf("ClearOverride(%s) = %v, want not found", id, err)
		}
	}
	if len(w.changes) != 1 {
		t.Errorf("changes = %+v, want only the registration", w.changes)
	}
	if _, ok := w.Get(key("expired"), w.now); ok {
		t.Error("a refused status update renewed the lease")
	}
}

// S-STATUS-2: the lease is renewed whether or not the status changes, but no renewal is counted.
func TestStatus2RenewsTheLease(t *testing.T) {
	operations := map[string]func(*world){
		"set to another":  func(w *world) { w.setStatus("x", heureka.StatusDown) },
		"set to the same": func(w *world) { w.setStatus("x", heureka.StatusUp) },
		"clear nothing":   func(w *world) { w.clearStatus("x", heureka.StatusUp) },
	}
	for name, operate := range operations {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, registry.Config{})
			w.register(instance("x"))
			w.advance(20 * time.Second)
			operate(w)
			if got, want := w.find("x").Lease().LastRenewalMS, w.ms()+90_000; got != want {
				t.Errorf("LastRenewalMS = %d, want %d", got, want)
			}
			if n := w.Stats(w.now).Renewals; n != 0 {
				t.Errorf("%d renewals were counted", n)
			}
		})
	}
}

// S-STATUS-3, W-STAT-3: what an override changes.
func TestStatus3Set(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", status(heureka.StatusStarting)))
	before := w.find("x")
	w.advance(time.Second)
	w.setStatus("x", heureka.StatusUp)

	rec := w.find("x")
	in := rec.Instance()
	if in.Status != heureka.StatusUp || in.OverriddenStatus != heureka.StatusUp || in.Action != heureka.ActionModified ||
		in.LastUpdatedMS != w.ms() || in.LastDirtyMS != 1000 {
		t.Errorf("record = %+v", in)
	}
	if lease := rec.Lease(); lease.ServiceUpMS != w.ms() || lease.RegistrationMS != start.UnixMilli() {
		t.Errorf("lease = %+v, want it up since %d", lease, w.ms())
	}
	w.wantOverride("x", heureka.StatusUp, true)
	ch := w.changes[1]
	if ch.Kind != registry.StatusChanged || ch.Origin != registry.FromClient || ch.Previous != before || ch.Record != rec {
		t.Errorf("change = %+v", ch)
	}
	w.renew("x")
	w.wantStatus("x", heureka.StatusUp)
}

// S-STATUS-3: a later dirty timestamp is adopted, an earlier one and none are not.
func TestStatus3DirtyTimestamp(t *testing.T) {
	for _, tt := range []struct{ sent, want int64 }{{0, 1000}, {999, 1000}, {1001, 1001}} {
		w := newWorld(t, registry.Config{})
		w.register(instance("x"))
		w.SetOverride(key("x"), heureka.StatusDown, tt.sent, registry.FromClient, w.now)
		if got := w.find("x").Instance().LastDirtyMS; got != tt.want {
			t.Errorf("SetOverride with %d: LastDirtyMS = %d, want %d", tt.sent, got, tt.want)
		}
		w.ClearOverride(key("x"), heureka.StatusUp, tt.sent+1, registry.FromClient, w.now)
		if got, want := w.find("x").Instance().LastDirtyMS, max(tt.want, tt.sent+1); got != want {
			t.Errorf("ClearOverride with %d: LastDirtyMS = %d, want %d", tt.sent+1, got, want)
		}
	}
}

// S-STATUS-3, S-DEF-8, W-STAT-4: overriding with the present status records nothing, not even the timestamp.
func TestStatus3SameStatus(t *testing.T) {
	for _, s := range allStatuses {
		w := newWorld(t, registry.Config{})
		w.register(instance("x", status(s)))
		before := w.find("x").Instance()
		if err := w.SetOverride(key("x"), s, 5000, registry.FromClient, w.now); err != nil {
			t.Fatal(err)
		}
		if !cmp.Equal(w.find("x").Instance(), before) || len(w.changes) != 1 {
			t.Errorf("override of %v with %v changed the record", s, s)
		}
		w.wantOverride("x", heureka.StatusUnknown, false)
	}
}

// S-STATUS-5, W-STAT-8: clearing an override gives the status asked for.
func TestStatus5Clear(t *testing.T) {
	for _, s := range allStatuses {
		w := newWorld(t, registry.Config{})
		w.register(instance("x"))
		w.setStatus("x", heureka.StatusOutOfService)
		w.advance(time.Second)
		w.clearStatus("x", s)

		in := w.find("x").Instance()
		if in.Status != s || in.OverriddenStatus != heureka.StatusUnknown || in.Action != heureka.ActionModified ||
			in.LastUpdatedMS != w.ms() {
			t.Errorf("record after clearing with %v = %+v", s, in)
		}
		w.wantOverride("x", heureka.StatusUnknown, false)
		if ch := w.changes[2]; ch.Kind != registry.StatusChanged || ch.Previous.Status() != heureka.StatusOutOfService {
			t.Errorf("change = %+v", ch)
		}
	}
}

// S-STATUS-5: without an override nothing is changed.
func TestStatus5NothingToClear(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	before := w.find("x").Instance()
	w.ClearOverride(key("x"), heureka.StatusDown, 5000, registry.FromClient, w.now)
	if !cmp.Equal(w.find("x").Instance(), before) || len(w.changes) != 1 {
		t.Error("clearing no override changed the record")
	}
}

// S-STATUS-6, W-STAT-9: cleared to UNKNOWN, the next heartbeat makes the client register with its own status.
func TestStatus6ClientRestoresItsStatus(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusOutOfService)
	w.clearStatus("x", heureka.StatusUnknown)
	if err := w.Renew(key("x"), renewal(1000), registry.FromClient, w.now); !isNotFound(err) {
		t.Fatalf("Renew = %v, want not found", err)
	}
	w.register(instance("x"))
	w.wantStatus("x", heureka.StatusUp)
	w.renew("x")
}

// W-STAT-6: an override of UNKNOWN is one: heartbeats and registrations do not get past it.
func TestStatus6OverrideOfUnknown(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusUnknown)
	w.wantOverride("x", heureka.StatusUnknown, true)
	if err := w.Renew(key("x"), renewal(1000), registry.FromClient, w.now); !isNotFound(err) {
		t.Errorf("Renew = %v, want not found", err)
	}
	w.register(instance("x", dirty(2000)))
	w.wantStatus("x", heureka.StatusUnknown)
	w.clearStatus("x", heureka.StatusUp)
	w.wantStatus("x", heureka.StatusUp)
}

// S-CANCEL-2: what a cancel does.
func TestCancel2Removes(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusOutOfService)
	before := w.find("x")
	w.advance(time.Second)
	if err := w.Cancel(key("x"), registry.FromPeer, w.now); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Find(key("x")); ok || w.Len() != 0 {
		t.Error("cancelled instance is still there")
	}
	w.wantOverride("x", heureka.StatusUnknown, false)
	ch := w.changes[2]
	if ch.Kind != registry.Cancelled || ch.Origin != registry.FromPeer || ch.Previous != before || !ch.Removed() {
		t.Errorf("change = %+v", ch)
	}
	in := ch.Record.Instance()
	if in.Action != heureka.ActionDeleted || in.LastUpdatedMS != w.ms() || in.Status != heureka.StatusOutOfService {
		t.Errorf("last state = %+v", in)
	}
	if got := ch.Record.Lease().EvictionMS; got != w.ms() {
		t.Errorf("EvictionMS = %d, want %d (S-LEASE-6)", got, w.ms())
	}
	if _, cancelled := w.Recent(); len(cancelled) != 1 || cancelled[0].Key != key("x") {
		t.Errorf("recent cancels = %v", cancelled)
	}
	if err := w.Renew(key("x"), renewal(1000), registry.FromClient, w.now); err != heureka.ErrNotFound {
		t.Errorf("Renew after Cancel = %v, want ErrNotFound", err)
	}
	if s := w.Stats(w.now); s.Cancels != 1 || s.ReplicationsLastMinute != 1 {
		t.Errorf("cancels = %d, replications = %d; want 1, 1", s.Cancels, s.ReplicationsLastMinute)
	}
}

// S-CANCEL-1, S-DEF-19: an unknown id is refused, and neither listed nor does it lift an override elsewhere.
func TestCancel1UnknownID(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusOutOfService)
	err := w.Cancel(heureka.Key{App: "B", ID: "x"}, registry.FromPeer, w.now)
	if !isNotFound(err) {
		t.Errorf("Cancel = %v, want not found", err)
	}
	if got, want := err.Error(), "cancel B/x: no such instance"; got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	w.wantOverride("x", heureka.StatusOutOfService, true)
	if _, cancelled := w.Recent(); len(cancelled) != 0 {
		t.Errorf("recent cancels = %v, want none", cancelled)
	}
	if s := w.Stats(w.now); s.Cancels != 0 || s.ReplicationsLastMinute != 0 || len(w.changes) != 2 {
		t.Errorf("a refused cancel left traces: %+v", s)
	}
}

// S-CANCEL-1: a cancelled instance that returns has no override and no past.
func TestCancel1ForgetsTheOverride(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusDown)
	w.cancel("x")
	w.advance(time.Second)
	ch := w.register(instance("x"))
	w.wantStatus("x", heureka.StatusUp)
	if !ch.Previous.IsZero() || ch.Record.Lease().ServiceUpMS != w.ms() {
		t.Errorf("the new registration remembers the old one: %+v", ch)
	}
}

// Metadata that are set under an override leave alone what the instance says of itself (S-REGISTER-5).
func TestMetadataUnderAnOverride(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("1", status(heureka.StatusUp)))
	w.setStatus("1", heureka.StatusOutOfService)
	w.advance(time.Second)
	w.register(instance("1", status(heureka.StatusUp), dirty(w.ms())))
	if _, err := w.SetMetadata(key("1"), []heureka.MetadataEntry{{Key: "k", Value: "v"}}, registry.FromClient, w.now); err != nil {
		t.Fatal(err)
	}
	w.wantStatus("1", heureka.StatusOutOfService)
	for _, e := range entries(w.Registry, w.now) {
		if e.Instance.Status != heureka.StatusUp {
			t.Errorf("other nodes are told that it is %v by its own word, want UP", e.Instance.Status)
		}
	}
}

// A document that tells of a change of status tells of the heartbeat that came with it (S-STATUS-2).
func TestStatusTellsOfItsHeartbeat(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("1"))
	w.advance(20 * time.Second)
	w.setStatus("1", heureka.StatusDown)
	if got := w.changes[len(w.changes)-1].Record.Instance().Lease.LastRenewalMS; got != w.ms()+90_000 { // a lease later, see S-LEASE-2
		t.Errorf("the lease was renewed at %d, want a lease after %d", got, w.ms())
	}
}
