package registry_test

import (
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// Two nodes that hear the same operations have the same digest, whenever they hear them, from whom, and what they note on
// their own account.
func TestDigestOfReplicatedOperations(t *testing.T) {
	a, b := pair(t)
	apply := func(w *world, origin registry.Origin) {
		w.registerFrom(origin, instance("x"))
		w.registerFrom(origin, instance("y"))
		w.SetOverride(key("x"), heureka.StatusOutOfService, 0, origin, w.now)
		w.SetOverride(key("x"), heureka.StatusOutOfService, 0, origin, w.now)
		w.ClearOverride(key("x"), heureka.StatusUp, 0, origin, w.now)
		w.SetOverride(key("y"), heureka.StatusDown, 2000, origin, w.now)
		w.registerFrom(origin, instance("o", status(heureka.StatusUp)))
		w.SetOverride(key("o"), heureka.StatusOutOfService, 0, origin, w.now)
		w.registerFrom(origin, instance("o", status(heureka.StatusUp), dirty(2000)))
		w.registerFrom(origin, instance("z", metadata("a", "1")))
		w.registerFrom(origin, instance("z", metadata("a", "1")))
		w.registerFrom(origin, instance("z", metadata("a", "1"), dirty(1500)))
		w.Cancel(key("x"), origin, w.now)
		w.registerFrom(origin, instance("x"))
	}
	apply(a, registry.FromClient)
	wantSameDigest(t, a, b, false)
	b.advance(17 * time.Second)
	apply(b, registry.FromPeer)
	b.renew("z")
	wantSameDigest(t, a, b, true)
	if n := b.tell(a); n != 0 {
		t.Errorf("merging equal registries changed %d instances", n)
	}
}

// The digest shows every difference that matters, in the bucket of its key only.
func TestDigestShowsDifferences(t *testing.T) {
	differences := map[string]func(*world){
		"instance":    func(w *world) { w.register(instance("y")) },
		"metadata":    func(w *world) { w.register(instance("x", metadata("a", "1"))) },
		"timestamp":   func(w *world) { w.register(instance("x", dirty(2000))) },
		"status":      func(w *world) { w.register(instance("x", status(heureka.StatusDown))) },
		"override":    func(w *world) { w.setStatus("x", heureka.StatusOutOfService) },
		"cancel":      func(w *world) { w.cancel("x") },
		"eviction":    func(w *world) { w.advance(2 * time.Minute); w.Evict(w.now) },
		"application": func(w *world) { w.register(instance("x", app("B"))) },
	}
	for name, differ := range differences {
		a, b := pair(t)
		a.register(instance("x"))
		b.register(instance("x"))
		wantSameDigest(t, a, b, true)
		differ(a)
		da, db := a.Digest(), b.Digest()
		n := 0
		for i := range da {
			if da[i] != db[i] {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: %d buckets differ, want 1", name, n)
		}
	}
}
