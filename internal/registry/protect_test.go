package registry_test

import (
	"fmt"
	"testing"
	"time"

	"heureka/internal/registry"
)

// S-SP-1, S-SP-2: clients x 60 / interval x share, truncated; S-DEF-23: an interval of zero or less is 30 s.
func TestSP2Threshold(t *testing.T) {
	tests := []struct {
		clients  int
		interval time.Duration
		percent  float64
		want     int64
	}{
		{0, 0, 0, 0}, {1, 0, 0, 1}, {5, 0, 0, 8}, {7, 0, 0, 11}, {10, 0, 0, 17}, {11, 0, 0, 18}, {1000, 0, 0, 1700},
		{10, -time.Second, 0, 17}, {10, 10 * time.Second, 0, 51}, {10, 90 * time.Second, 0, 5}, {10, 0, 0.5, 10}, {10, 0, 1, 20},
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
		w.cancelKey(rec.Instance.Key())
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

// S-SP-6: the reference's meter shows the last completed minute since the opening.
func TestSP6CompletedMinute(t *testing.T) {
	w := newWorld(t, netflix(registry.Config{}))
	w.fill(1)
	w.renewAll(1) // before the opening: appears with the first minute
	w.advance(5 * time.Minute)
	w.OpenForTraffic(1, w.now)
	steps := []struct {
		after    time.Duration
		renewals int
		want     int64
	}{
		{0, 2, 0}, {59 * time.Second, 3, 0}, {time.Second, 1, 6}, {30 * time.Second, 4, 6}, {30 * time.Second, 0, 5},
		{60 * time.Second, 0, 0}, {300 * time.Second, 0, 0},
	}
	for i, s := range steps {
		w.advance(s.after)
		for range s.renewals {
			w.renewAll(1)
		}
		if got := w.Stats(w.now).RenewalsLastMinute; got != s.want {
			t.Errorf("step %d: renewals of the last minute = %d, want %d", i, got, s.want)
		}
	}
	w.OpenForTraffic(1, w.now) // again: the meter goes on
	w.renewAll(1)
	w.advance(time.Minute)
	if got := w.Stats(w.now).RenewalsLastMinute; got != 1 {
		t.Errorf("after a second opening = %d, want 1", got)
	}
}

// The row "renewal meter": by default renewals show at once and for a minute.
func TestSP6SlidingMinute(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.fill(1)
	want := func(n int64) {
		t.Helper()
		if got := w.Stats(w.now).RenewalsLastMinute; got != n {
			t.Errorf("at %v: renewals of the last minute = %d, want %d", w.now.Sub(start), got, n)
		}
	}
	for range 1000 {
		w.renewAll(1)
	}
	want(1000)
	w.advance(30 * time.Second)
	for range 500 {
		w.renewAll(1)
	}
	want(1500)
	w.advance(43 * time.Second)
	want(1500)
	w.advance(time.Second)
	want(500)
	w.advance(30 * time.Second)
	want(0)
	w.advance(time.Hour)
	w.renewAll(1)
	want(1)
}

// S-SP-7, S-SP-8: the decision, at its edges, in the reference's setting.
func TestSP8ReferenceDecision(t *testing.T) {
	tests := []struct {
		name     string
		cfg      registry.Config
		clients  int
		renewals int
		want     bool
	}{
		{"more than the threshold", registry.Config{}, 10, 18, true},
		{"as many as the threshold", registry.Config{}, 10, 17, false},
		{"fewer", registry.Config{}, 10, 3, false},
		{"S-SP-18: threshold zero", registry.Config{}, 0, 5, false},
		{"disabled", registry.Config{DisableSelfPreservation: true}, 10, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, netflix(tt.cfg))
			w.fill(1)
			w.OpenForTraffic(tt.clients, w.now)
			for range tt.renewals {
				w.renewAll(1)
			}
			w.advance(time.Minute)
			s := w.Stats(w.now)
			if got := w.EvictionAllowed(w.now); got != tt.want || s.EvictionAllowed != tt.want {
				t.Errorf("EvictionAllowed = %v, Stats says %v, want %v", got, s.EvictionAllowed, tt.want)
			}
			if s.SelfPreservationEnabled == tt.cfg.DisableSelfPreservation {
				t.Errorf("SelfPreservationEnabled = %v", s.SelfPreservationEnabled)
			}
		})
	}
}

// S-SP-8: the default decision: as many renewals as the threshold are too few; nothing before a full minute; an empty
// registry needs none.
func TestSP8DefaultDecision(t *testing.T) {
	w := newWorld(t, registry.Config{})
	if !w.EvictionAllowed(w.now) {
		t.Error("an empty registry protects nobody")
	}
	w.fill(10) // 20 expected, threshold 17
	for range 100 {
		w.renewAll(1)
	}
	if w.EvictionAllowed(w.now) {
		t.Error("eviction is allowed before the opening")
	}
	w.OpenForTraffic(0, w.now)
	w.advance(59 * time.Second)
	for range 100 {
		w.renewAll(1)
	}
	if w.EvictionAllowed(w.now) {
		t.Error("eviction is allowed within the first minute")
	}
	w.advance(time.Second)
	if !w.EvictionAllowed(w.now) {
		t.Error("eviction is not allowed with enough renewals after the first minute")
	}
	w.advance(10 * time.Minute)
	for n := range 18 {
		w.renewAll(1)
		if got, want := w.EvictionAllowed(w.now), n+1 > 17; got != want {
			t.Errorf("with %d of 17 renewals EvictionAllowed = %v, want %v", n+1, got, want)
		}
	}
}

// S-SP-9: when people are warned, on the reference: five minutes after the opening at the earliest.
func TestSP9ReferenceWarning(t *testing.T) {
	w := newWorld(t, netflix(registry.Config{}))
	if w.Stats(w.now.Add(time.Hour)).BelowThreshold {
		t.Error("a warning before the opening")
	}
	w.OpenForTraffic(0, w.now)
	w.advance(5 * time.Minute)
	if w.Stats(w.now).BelowThreshold {
		t.Error("a warning after exactly five minutes")
	}
	w.advance(time.Millisecond)
	if !w.Stats(w.now).BelowThreshold {
		t.Error("no warning after five minutes, though 0 <= 0")
	}
}

// S-SP-9 in the default setting: neither an empty registry nor a start nor growth is an emergency; a loss is, whether or
// not self-preservation is on (S-SP-11).
func TestSP9DefaultWarning(t *testing.T) {
	for _, disabled := range []bool{false, true} {
		w := newWorld(t, registry.Config{DisableSelfPreservation: disabled})
		w.OpenForTraffic(0, w.now)
		run := func(d time.Duration, beating int) (warned bool) {
			for end := w.now.Add(d); w.now.Before(end); {
				w.advance(time.Second)
				if w.now.Sub(start)/time.Second%30 == 0 {
					w.renewAll(beating)
				}
				if w.Stats(w.now).BelowThreshold {
					warned = true
				}
			}
			return warned
		}
		if run(10*time.Minute, 0) {
			t.Error("an empty registry warns")
		}
		for _, n := range []int{1, 2, 5, 40} {
			w.fill(n)
			if run(5*time.Minute, n) {
				t.Errorf("a registry that grows to %d instances warns", n)
			}
		}
		if !run(2*time.Minute, 33) {
			t.Error("no warning with 33 of 40 instances alive")
		}
	}
}

// S-SP-10, S-SP-13: protection ends by itself when renewals come back, not after some time.
func TestSP13NoTimeout(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	w.fill(20)
	w.advance(24 * time.Hour)
	if e := w.Evict(w.now); e.Allowed || e.Evicted > 0 || e.Expired != 20 {
		t.Errorf("Evict after a day without heartbeats = %+v", e)
	}
	w.renewAll(18)
	w.advance(30 * time.Second)
	w.renewAll(18)
	if e := w.Evict(w.now); !e.Allowed {
		t.Errorf("Evict with 18 of 20 instances alive = %+v, want allowed", e)
	}
}

// S-SP-15: a slow die-off is evicted completely, since each eviction lowers the expectation.
func TestSP15SlowDieOff(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.fill(50)
		w.OpenForTraffic(50, w.now)
		alive := 50
		for minute := range 60 {
			if minute > 3 && minute%8 == 0 && alive > 45 {
				alive-- // one at a time, all gone before the next
			}
			for range 2 {
				w.renewAll(alive)
				w.advance(30 * time.Second)
			}
			w.Evict(w.now)
		}
		if s := w.Stats(w.now); s.Instances != 45 || s.RenewalsExpected != 90 {
			t.Errorf("%d instances, %v renewals expected; want 45, 90", s.Instances, s.RenewalsExpected)
		}
	})
}

// S-SP-17, S-DEF-5: the reference's table of small standalone servers.
func TestSP17SmallReferenceServers(t *testing.T) {
	tests := []struct {
		n         int
		threshold int64
		allowed   bool
	}{
		{0, 1, false}, {1, 3, false}, {2, 5, false}, {3, 6, false}, {4, 8, false}, {5, 10, false}, {6, 11, true},
		{7, 13, true}, {10, 18, true},
	}
	for _, tt := range tests {
		w := newWorld(t, netflix(registry.Config{InitialClients: 1}))
		w.OpenForTraffic(1, w.now) // S-BOOT-9: the phantom client
		w.fill(tt.n)
		w.renewAll(tt.n)
		w.renewAll(tt.n)
		w.advance(time.Minute)
		s := w.Stats(w.now)
		if s.RenewalThreshold != tt.threshold || s.RenewalsLastMinute != int64(2*tt.n) || s.EvictionAllowed != tt.allowed {
			t.Errorf("%+v: threshold %d, renewals %d, allowed %v", tt, s.RenewalThreshold, s.RenewalsLastMinute, s.EvictionAllowed)
		}
	}
}
