package registry_test

import (
	"fmt"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// S-SP-1, S-SP-2: clients x 60 / interval x share, truncated.
func TestSP2Threshold(t *testing.T) {
	tests := []struct {
		clients  int
		interval time.Duration
		percent  float64
		want     int64
	}{
		{0, 0, 0, 0}, {1, 0, 0, 1}, {5, 0, 0, 8}, {7, 0, 0, 11}, {10, 0, 0, 17}, {11, 0, 0, 18}, {1000, 0, 0, 1700},
		{10, 10 * time.Second, 0, 51}, {10, 90 * time.Second, 0, 5}, {10, 0, 0.5, 10}, {10, 0, 1, 20},
	}
	for _, tt := range tests {
		w := newWorld(t, netflix(registry.Config{
			InitialClients: tt.clients, ExpectedClientInterval: tt.interval, RenewalPercentThreshold: tt.percent,
		}))
		if got := w.Stats(w.now).RenewalThreshold; got != tt.want {
			t.Errorf("%+v: threshold = %d", tt, got)
		}
	}
}

// S-DEF-5, the row "expected renewals": by default the sum over all leases of 60 s / own interval, whatever happened before.
func TestSP2ExactExpectation(t *testing.T) {
	w := newWorld(t, registry.Config{InitialClients: 7})
	want := func(expected float64, threshold int64) {
		t.Helper()
		if s := w.Stats(w.now); s.RenewalsExpected != expected || s.RenewalThreshold != threshold {
			t.Errorf("expected %v, threshold %d; want %v, %d", s.RenewalsExpected, s.RenewalThreshold, expected, threshold)
		}
	}
	want(0, 0)
	w.register(instance("thirty"))
	want(2, 1)
	w.register(instance("ten", leased(10, 90)))
	want(8, 6)
	w.register(instance("ten", leased(5, 90)))
	want(14, 11)
	w.OpenForTraffic(99, w.now)
	w.UpdateThreshold(w.now)
	want(14, 11)
	w.setStatus("ten", 1)
	want(14, 11)
	w.cancel("ten")
	want(2, 1)
	w.register(instance("minutes", leased(120, 300)))
	want(2.5, 2)
	w.cancel("minutes")
	w.cancel("thirty")
	want(0, 0)
}

// Interval by interval, any number of leases sums up without drift.
func TestSP2ExpectationDoesNotDrift(t *testing.T) {
	w := newWorld(t, registry.Config{})
	for i := range 3000 {
		w.register(instance(fmt.Sprint(i), leased(int64(1+i%97), 90)))
		w.register(instance(fmt.Sprint(i), leased(int64(1+i%89), 90)))
	}
	for i := range 3000 {
		w.cancel(fmt.Sprint(i))
	}
	if got := w.Stats(w.now).RenewalsExpected; got != 0 {
		t.Errorf("an empty registry expects %v renewals", got)
	}
}

// S-SP-3, S-BOOT-8, S-BOOT-13: when the number of expected clients changes.
func TestSP3Clients(t *testing.T) {
	w := newWorld(t, netflix(registry.Config{InitialClients: 1, DisableSelfPreservation: true}))
	want := func(clients float64) {
		t.Helper()
		if got := w.Stats(w.now).RenewalsExpected / 2; got != clients {
			t.Errorf("expected clients = %v, want %v", got, clients)
		}
	}
	w.register(instance("a"))
	w.registerFrom(registry.FromPeer, instance("b"))
	w.registerFrom(registry.FromSync, instance("c"))
	want(4)
	w.register(instance("a"))
	want(4)
	w.OpenForTraffic(3, w.now)
	want(3)
	w.cancel("a")
	want(2)
	w.advance(91 * time.Second)
	w.Evict(w.now)
	want(1)
	for rec := range w.All() {
		w.cancelKey(rec.Instance().Key())
	}
	want(0)
	w.register(instance("d")) // zero is for ever
	want(0)
}

// S-SP-4, S-DEF-22: the periodic update raises the expectation freely and lowers it only a little, counting leases.
func TestSP4UpdateThreshold(t *testing.T) {
	tests := []struct {
		leases, clients int
		disabled        bool
		want            float64
	}{
		{10, 5, false, 10},
		{10, 10, false, 10},
		{86, 100, false, 86},
		{85, 100, false, 100}, // not more than 85 %
		{10, 100, false, 100},
		{10, 100, true, 10},
		{0, 0, false, 0},
		{3, 0, false, 3},
	}
	for _, tt := range tests {
		w := newWorld(t, netflix(registry.Config{DisableSelfPreservation: tt.disabled}))
		w.fill(tt.leases)
		w.OpenForTraffic(tt.clients, w.now)
		w.UpdateThreshold(w.now)
		if got := w.Stats(w.now).RenewalsExpected / 2; got != tt.want {
			t.Errorf("%+v: expected clients = %v", tt, got)
		}
	}
}

// S-SP-5, S-DEF-22: what surprises about the reference's periodic update, whose count comes from a client of its own, does
// not happen where leases are counted: instances that are not UP count, and an expectation of zero is not for ever.
func TestSP5LeasesAreCounted(t *testing.T) {
	tests := []struct {
		name     string
		disabled bool
		up, down int
		opened   int
		want     float64
	}{
		{"a third is DOWN", false, 70, 30, 90, 100},
		{"nobody is UP", false, 0, 10, 5, 10},
		{"protection off", true, 2, 1, 50, 3},
		{"opened with nobody", false, 5, 0, 0, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, netflix(registry.Config{DisableSelfPreservation: tt.disabled}))
			w.fill(tt.up)
			for i := range tt.down {
				w.register(instance("down"+string(rune('a'+i)), status(heureka.StatusDown)))
			}
			w.OpenForTraffic(tt.opened, w.now)
			w.UpdateThreshold(w.now)
			if got := w.Stats(w.now).RenewalsExpected / 2; got != tt.want {
				t.Errorf("expected clients = %v, want %v", got, tt.want)
			}
			w.register(instance("next"))
			if got := w.Stats(w.now).RenewalsExpected / 2; got != tt.want+1 {
				t.Errorf("after another registration = %v, want %v", got, tt.want+1)
			}
		})
	}
}
