package registry_test

import (
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// What a node has heard itself keeps a lease on another one, and is evicted when it is really old.
func TestHeardElsewhere(t *testing.T) {
	inBothSettings(t, registry.Config{DisableSelfPreservation: true}, func(t *testing.T, w *world) {
		for range 10 { // one tick evicts 15 %
			w.register(instance(string(rune('a' + len(w.changes)))))
		}
		w.register(instance("x"))
		w.advance(4 * time.Minute)
		for id := 'a'; id < 'k'; id++ {
			w.renew(string(id))
		}
		plan := w.PlanEviction(w.now)
		if keys := plan.Keys(); len(keys) != 1 || keys[0] != key("x") {
			t.Fatalf("Keys() = %v, want x", keys)
		}
		if w.Heard(key("x"), 5*time.Minute, registry.FromSync, w.now) || w.Heard(key("x"), -time.Second, registry.FromSync, w.now) || w.Heard(key("nobody"), 0, registry.FromSync, w.now) {
			t.Error("an old heartbeat, one from the future, or one of nobody counts")
		}
		if !w.Heard(key("x"), 80*time.Second, registry.FromSync, w.now) {
			t.Error("a heartbeat 80 s ago does not count")
		}
		if e := w.CarryOut(plan, w.now.Add(time.Second)); e.Evicted != 0 || e.Expired != 1 {
			t.Errorf("CarryOut() = %+v, want nobody evicted of one that had expired", e)
		}
		for range 4 {
			w.advance(time.Minute)
			w.Evict(w.now)
		}
		if _, ok := w.Find(key("x")); ok {
			t.Error("x is never evicted")
		}
	})
}

// A node tells only of what it has heard itself: two that ask each other about a dead instance do not keep it alive.
func TestOnlyOwnHeartbeatsArePassedOn(t *testing.T) {
	tests := map[string]struct {
		last func(w *world)
		own  bool
	}{
		"registration":            {func(*world) {}, true},
		"heartbeat":               {func(w *world) { w.renew("x") }, true},
		"replicated registration": {func(w *world) { w.registerFrom(registry.FromPeer, instance("x", dirty(2000))) }, false},
		"replicated heartbeat": {func(w *world) {
			_ = w.Renew(key("x"), registry.Renewal{}, registry.FromPeer, w.now)
		}, false},
		"comparison": {func(w *world) {
			w.Merge(registry.Entry{Key: key("x"), Instance: instance("x", dirty(2000)), DirtyMS: 2000}, w.now)
		}, false},
		"answer of a node that was asked": {func(w *world) { w.Heard(key("x"), time.Second, registry.FromSync, w.now) }, false},
		"end":                             {func(w *world) { _ = w.Cancel(key("x"), registry.FromClient, w.now) }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, registry.Config{})
			w.register(instance("x"))
			w.advance(20 * time.Second)
			tt.last(w)
			w.advance(10 * time.Second)
			age, own := w.OwnAge(key("x"), w.now)
			if own != tt.own {
				t.Fatalf("OwnAge() = %v, %v", age, own)
			}
			if want := map[bool]time.Duration{true: 10 * time.Second, false: 30 * time.Second}[name == "heartbeat"]; own && age != want {
				t.Errorf("OwnAge() = %v, want %v", age, want)
			}
			if _, ok := w.OwnAge(key("nobody"), w.now); ok {
				t.Error("nobody was heard")
			}
		})
	}
}

// Whoever tells of an instance for the first time is remembered by its address, whatever it tells.
func TestFirstWordOfAPeer(t *testing.T) {
	peer := registry.Origin{By: registry.ByPeer, Address: "10.0.0.2"}
	for name, tell := range map[string]func(w *world) error{
		"registration": func(w *world) error {
			_, err := w.Register(instance("1"), peer, w.now)
			return err
		},
		"incarnation": func(w *world) error {
			_, err := w.RegisterTold(instance("1"), registry.Told{Incarnation: 0}, peer, w.now)
			return err
		},
		"heartbeat": func(w *world) error { return w.Renew(key("1"), registry.Renewal{}, peer, w.now) },
		"status":    func(w *world) error { return w.SetOverride(key("1"), heureka.StatusDown, 0, peer, w.now) },
		"clearing":  func(w *world) error { return w.ClearOverride(key("1"), heureka.StatusUp, 0, peer, w.now) },
		"metadata": func(w *world) error {
			_, err := w.SetMetadata(key("1"), []heureka.MetadataEntry{{Key: "k", Value: "v"}}, peer, w.now)
			return err
		},
		"entry": func(w *world) error {
			other := newWorld(t, registry.Config{})
			other.now = w.now
			other.register(instance("1", dirty(w.ms()+1)))
			for _, e := range entries(other.Registry, other.now) {
				e.From = peer
				w.Merge(e, w.now)
			}
			return nil
		},
		"answer": func(w *world) error {
			w.Heard(key("1"), time.Second, peer, w.now)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, registry.Config{})
			w.register(instance("1"))
			w.advance(30 * time.Second)
			if err := tell(w); err != nil {
				t.Fatal(err)
			}
			w.Expire(key("1"), w.now)
			last := w.changes[len(w.changes)-1].LastBeat
			if last.By != registry.ByPeer || last.Address != peer.Address {
				t.Errorf("the last heartbeat came from %+v, want the peer at %s", last, peer.Address)
			}
		})
	}
}
