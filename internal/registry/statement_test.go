package registry_test

import (
	"path"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// S-LEASE-1: a new lease begins now, with the duration that its instance asked for.
func TestLease1Creation(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		lease := w.register(instance("x", leased(10, 20))).Record.Lease()
		if lease.RegistrationMS != w.ms() || lease.LastRenewalMS != w.ms() || lease.DurationSecs != 20 || lease.EvictionMS != 0 {
			t.Errorf("lease = %+v, want all times %d and 20 s", lease, w.ms())
		}
	})
}

// S-LEASE-3: the comparison is strict, and a cancelled lease has run out at once.
func TestLease3Strict(t *testing.T) {
	inBothSettings(t, registry.Config{DisableSelfPreservation: true}, func(t *testing.T, w *world) {
		w.register(instance("x", leased(30, 60)))
		w.advance(time.Minute)
		if ev := w.Evict(w.now); ev.Expired != 0 {
			t.Errorf("%d leases had run out at the very end of their time, want 0", ev.Expired)
		}
		if _, ok := w.Get(key("x"), w.now.Add(time.Millisecond)); ok {
			t.Error("a lease is alive a millisecond after its end")
		}
		w.register(instance("y"))
		if err := w.Cancel(key("y"), registry.FromClient, w.now); err != nil {
			t.Fatal(err)
		}
		last := w.changes[len(w.changes)-1].Record.Lease()
		if _, ok := w.Get(key("y"), w.now); ok || last.EvictionMS != w.ms() {
			t.Errorf("a cancelled lease lives on: %+v", last)
		}
	})
}

// S-LEASE-5: what a late tick adds counts in that tick only: queries go by the lease itself.
func TestLease5CompensationIsForTicks(t *testing.T) {
	inBothSettings(t, registry.Config{DisableSelfPreservation: true}, func(t *testing.T, w *world) {
		w.Evict(w.now)
		w.register(instance("x"))
		w.advance(2 * time.Minute) // the tick is a minute late
		if _, ok := w.Get(key("x"), w.now); ok {
			t.Error("a query was given the compensation of a tick")
		}
		if ev := w.Evict(w.now); ev.Compensation != time.Minute || ev.Evicted != 0 {
			t.Errorf("Evict() = %+v, want a minute of compensation and nobody evicted", ev)
		}
	})
}

// S-REGISTER-4: the node's own instance is an ordinary one: it counts, and it is evicted.
func TestRegister4OwnInstance(t *testing.T) {
	inBothSettings(t, registry.Config{OwnID: "node", DisableSelfPreservation: true}, func(t *testing.T, w *world) {
		if ch := w.register(instance("node")); !ch.Record.Instance().CoordinatingServer {
			t.Error("the node's own instance is not marked")
		}
		if got := w.Stats(w.now).Instances; got != 1 {
			t.Errorf("%d instances, want the node's own to count", got)
		}
		w.Evict(w.now.Add(time.Minute))
		if ev := w.Evict(w.now.Add(2 * time.Minute)); ev.Evicted != 1 {
			t.Errorf("Evict() = %+v, want the silent node evicted", ev)
		}
	})
}

// S-SP-12, S-SP-14: on the reference, the window is a minute, not fifteen, and what is counted are heartbeats, not
// instances: clients that beat twice as fast as they say hide that half of them are gone. By default they hide nothing.
func TestSP14FastBeaters(t *testing.T) {
	inBothSettings(t, registry.Config{ExpectedClientInterval: 30 * time.Second}, func(t *testing.T, w *world) {
		ids := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
		for _, id := range ids {
			w.register(instance(id))
		}
		w.OpenForTraffic(len(ids), w.now)
		for range 24 { // six minutes in which half of them beat every 15 s
			w.advance(15 * time.Second)
			for _, id := range ids[:5] {
				w.renew(id)
			}
		}
		if got, want := w.EvictionAllowed(w.now), path.Base(t.Name()) == "netflix"; got != want {
			t.Errorf("half of the fleet is silent, the other half beats twice as fast: EvictionAllowed = %v, want %v", got, want)
		}
		w.advance(2*time.Minute + time.Second)
		if w.EvictionAllowed(w.now) {
			t.Error("two silent minutes do not protect, as if a longer window counted")
		}
	})
}

// S-REPL-2b: what came from a peer is counted: registrations, and what succeeded of the rest; the start-up copy is not.
func TestRepl2bReplicationsAreCounted(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.registerFrom(registry.FromSync, instance("copied"))
	w.registerFrom(registry.FromClient, instance("own"))
	w.registerFrom(registry.FromPeer, instance("x"))
	_ = w.Renew(key("x"), registry.Renewal{}, registry.FromPeer, w.now)
	_ = w.SetOverride(key("x"), heureka.StatusDown, 0, registry.FromPeer, w.now)
	_ = w.Cancel(key("missing"), registry.FromPeer, w.now) // fails
	if got := w.Stats(w.now).ReplicationsLastMinute; got != 3 {
		t.Errorf("%d replications in the last minute, want 3", got)
	}
}

// S-REG-5: an instance is its application and its id, whatever else its record says.
func TestReg5Identity(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.register(instance("x"))
		w.register(instance("x", func(in *heureka.Instance) { in.HostName, in.IPAddr, in.VIPAddress = "other", "10.9.9.9", "vip" }))
		w.register(instance("", func(in *heureka.Instance) { in.HostName = "x" })) // without an id the host name is it
		w.register(instance("", func(in *heureka.Instance) {
			id := heureka.MetadataOf([]heureka.MetadataEntry{{Key: "instance-id", Value: "i-1"}})
			in.HostName, in.DataCenter = "shared", &heureka.DataCenter{Name: heureka.Amazon, Metadata: id}
		}))
		if w.Len() != 2 {
			t.Errorf("%d instances, want 2", w.Len())
		}
		for _, id := range []string{"x", "i-1"} {
			w.find(id)
		}
	})
}
