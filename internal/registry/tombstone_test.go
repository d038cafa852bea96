package registry_test

import (
	"fmt"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// Tombstones are kept as long as somebody may still hold the lease, then forgotten.
func TestTombstoneRetention(t *testing.T) {
	tests := []struct {
		durationSecs int64
		kept         time.Duration
	}{{90, 10 * time.Minute}, {3600, time.Hour}, {1 << 40, 24 * time.Hour}}
	for _, tt := range tests {
		w := newWorld(t, registry.Config{})
		w.register(instance("x", leased(30, tt.durationSecs)))
		w.cancel("x")
		w.advance(tt.kept)
		w.Evict(w.now)
		if w.Tombstones() != 1 {
			t.Errorf("lease of %d s: tombstone forgotten after %v", tt.durationSecs, tt.kept)
		}
		w.advance(1)
		w.Evict(w.now)
		if w.Tombstones() != 0 || w.Digest() != w.RecomputedDigest() {
			t.Errorf("lease of %d s: tombstone not forgotten after %v", tt.durationSecs, tt.kept+1)
		}
	}
}

// A tombstone goes when its key is registered again, and an older one does not take the next one's place or time.
func TestTombstoneOfARepeatedCancel(t *testing.T) {
	a, b := pair(t)
	a.register(instance("x"))
	a.cancel("x")
	a.register(instance("x"))
	if a.Tombstones() != 0 {
		t.Error("the tombstone of a registered instance is still there")
	}
	a.advance(9 * time.Minute)
	a.cancel("x")
	a.advance(2 * time.Minute)
	a.Evict(a.now)
	if a.Tombstones() != 1 {
		t.Error("the second tombstone went with the first one's time")
	}
	b.now = a.now
	b.tell(a)
	b.advance(9 * time.Minute)
	b.Evict(b.now)
	if b.Tombstones() != 0 {
		t.Error("a tombstone starts anew on every node that hears of it")
	}
}

// The number of tombstones is bounded; the oldest go first.
func TestTombstonesAreBounded(t *testing.T) {
	w := newWorld(t, registry.Config{})
	const bound = 1 << 17
	for i := range bound + 10 {
		w.Merge(registry.Entry{Key: key(fmt.Sprint(i)), Tombstone: true, DirtyMS: 1, Rev: 1}, w.now)
	}
	if n := w.Tombstones(); n != bound {
		t.Errorf("%d tombstones, want %d", n, bound)
	}
	w.Merge(registry.Entry{Key: key("0"), Instance: instance("0", dirty(1)), DirtyMS: 1, Rev: 1}, w.now)
	w.find("0")
	last := fmt.Sprint(bound + 9)
	if w.Merge(registry.Entry{Key: key(last), Instance: instance(last, dirty(1)), DirtyMS: 1, Rev: 1}, w.now) {
		t.Error("the youngest tombstone was forgotten")
	}
}

// A tombstone that learns of an override does not live longer for it.
func TestTombstoneKeepsItsTime(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.cancel("x")
	w.advance(9 * time.Minute)
	e := registry.Entry{Key: key("x"), Instance: instance("x"), DirtyMS: 1000, Rev: 1, OverrideRev: 5}
	before := w.Digest()
	if w.Merge(e, w.now) || w.Digest() == before {
		t.Error("the override was not noted")
	}
	w.advance(time.Minute + 1)
	w.Evict(w.now)
	if n := w.Tombstones(); n != 0 {
		t.Errorf("%d tombstones, want 0", n)
	}
}
