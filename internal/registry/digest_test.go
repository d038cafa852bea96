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
	b.advance(17 * time.Second)
	register := func(id string, edit ...func(*heureka.Instance)) {
		a.register(instance(id, edit...))
		b.registerFrom(registry.FromPeer, instance(id, edit...))
	}
	command := func(c registry.Command) {
		_, _ = a.Command(&c, registry.FromClient, a.now)
		rec := a.find(c.Key.ID)
		var stamp registry.Stamp
		stamp, c.Status = rec.Stamp()
		c.Set, c.Stamp = rec.Instance().OverriddenStatus != heureka.StatusUnknown, &stamp
		_, _ = b.Command(&c, registry.FromPeer, b.now)
	}
	register("x")
	register("y")
	command(registry.Command{Key: key("x"), Set: true, Status: heureka.StatusOutOfService})
	command(registry.Command{Key: key("x"), Set: true, Status: heureka.StatusOutOfService})
	command(registry.Command{Key: key("x"), Status: heureka.StatusUp})
	command(registry.Command{Key: key("y"), Set: true, Status: heureka.StatusDown})
	register("o", status(heureka.StatusUp))
	command(registry.Command{Key: key("o"), Set: true, Status: heureka.StatusOutOfService})
	register("o", status(heureka.StatusUp), dirty(2000))
	register("z", metadata("a", "1"))
	register("z", metadata("a", "1"))
	register("z", metadata("a", "1"), dirty(1500))
	wantSameDigest(t, a, b, true)
	a.cancel("x")
	wantSameDigest(t, a, b, false)
	_ = b.Cancel(key("x"), registry.FromPeer, b.now)
	register("x")
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
