package registry_test

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// S-SP-16: leases so short that they end before the drop shows are evicted, in either setting, and the limit of a tick is
// the only brake until it does. The reference's meter lags so much that nobody is left by then.
func TestSP16ShortLeases(t *testing.T) {
	inBothSettings(t, registry.Config{EvictionInterval: 5 * time.Second}, func(t *testing.T, w *world) {
		const clients, beatEvery = 100, 3 * time.Second
		w.fill(clients, leased(3, 9))
		w.OpenForTraffic(clients, w.now)
		for range 100 { // five healthy minutes
			w.advance(beatEvery)
			w.renewAll(clients)
		}
		evicted := 0
		for range 24 { // two silent ones
			w.advance(5 * time.Second)
			size := w.Len()
			e := w.Evict(w.now)
			if limit := size - int(float64(size)*0.85); e.Evicted > limit {
				t.Fatalf("%d of %d evicted in one tick, want at most %d", e.Evicted, size, limit)
			}
			evicted += e.Evicted
		}
		if evicted == 0 {
			t.Error("nobody was evicted: the leases were not short enough for this test")
		}
		if left := w.Len() > 0; left == w.completed || left && w.EvictionAllowed(w.now) {
			t.Errorf("after two silent minutes %d are left, eviction allowed: %v", w.Len(), w.EvictionAllowed(w.now))
		}
	})
}

// The limit of self-preservation counts from when the node is open: before, nothing is evicted because nothing is known.
func TestSPMaxDurationBeginsWithTheOpening(t *testing.T) {
	inBothSettings(t, registry.Config{SelfPreservationMaxDuration: 5 * time.Minute}, func(t *testing.T, w *world) {
		w.fill(10, leased(30, 30))
		for range 10 { // minutes in which others look, before the node opens
			w.Stats(w.now)
			w.advance(time.Minute)
		}
		w.OpenForTraffic(10, w.now)
		begun := 0
		for minute := 1; begun == 0 && minute < 10; minute++ {
			w.advance(time.Minute)
			if w.Evict(w.now).Evicted > 0 {
				begun = minute
			}
		}
		if begun != 6 { // noticed at the first tick, over five minutes later
			t.Errorf("expiry resumed %d minutes after the opening, want 6", begun)
		}
	})
}
