package registry_test

import (
	"path"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// S-SP-16: leases so short that they end before the drop shows are evicted on the reference, whose meter lags so much that
// nobody is left by then. Where leases are counted, all are overdue before the first one ends, and nobody is evicted.
func TestSP16ShortLeases(t *testing.T) {
	inBothSettings(t, registry.Config{EvictionInterval: 5 * time.Second}, func(t *testing.T, w *world) {
		const clients, beatEvery = 100, 3 * time.Second
		w.fill(clients, leased(3, 9))
		w.OpenForTraffic(clients, w.now)
		for range 100 { // five healthy minutes
			w.advance(beatEvery)
			w.renewAll(clients)
		}
		for range 24 { // two silent ones
			w.advance(5 * time.Second)
			size := w.Len()
			e := w.Evict(w.now)
			if limit := size - int(float64(size)*0.85); e.Evicted > limit {
				t.Fatalf("%d of %d evicted in one tick, want at most %d", e.Evicted, size, limit)
			}
		}
		if want := map[string]int{"default": clients, "netflix": 0}[path.Base(t.Name())]; w.Len() != want {
			t.Errorf("after two silent minutes %d are left, want %d", w.Len(), want)
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
