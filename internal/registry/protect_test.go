package registry_test

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

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

// S-SP-8: the default decision: as much as the threshold is too little; nothing before the opening; an empty registry needs
// nobody, and the ring's own nodes are nobody.
func TestSP8DefaultDecision(t *testing.T) {
	w := newWorld(t, registry.Config{OwnApp: "EUREKA"})
	w.register(instance("node", app("EUREKA")))
	if !w.EvictionAllowed(w.now) {
		t.Error("an empty registry protects nobody")
	}
	w.fill(20) // 40 expected, threshold 34
	if w.EvictionAllowed(w.now) {
		t.Error("eviction is allowed before the opening")
	}
	w.OpenForTraffic(0, w.now)
	if !w.EvictionAllowed(w.now) {
		t.Error("eviction is not allowed though nobody is overdue")
	}
	w.advance(10 * time.Minute)
	for n := range 20 {
		w.renewAll(n + 1)
		if got, want := w.EvictionAllowed(w.now), n+1 > 17; got != want {
			t.Errorf("with %d of 20 clients heard EvictionAllowed = %v, want %v", n+1, got, want)
		}
	}
}

// The row "smallest loss": it takes so many that are missing, and more than 15 %.
func TestSPMinMissing(t *testing.T) {
	for _, tt := range []struct {
		min, clients, missing int
		want                  bool // eviction is allowed
	}{
		{0, 1, 1, true}, {0, 4, 1, true}, {0, 4, 2, false}, {0, 13, 2, false}, {0, 14, 2, true}, {0, 2, 2, false},
		{1, 1, 1, false}, {1, 6, 1, false}, {1, 7, 1, true},
		{5, 10, 4, true}, {5, 10, 5, false}, {5, 100, 15, false}, {5, 100, 14, true},
	} {
		w := newWorld(t, registry.Config{MinMissing: tt.min})
		w.OpenForTraffic(0, w.now)
		w.fill(tt.clients)
		w.advance(time.Minute)
		w.renewAll(tt.clients - tt.missing)
		if s := w.Stats(w.now); s.EvictionAllowed != tt.want || s.BelowThreshold == tt.want || s.Overdue != tt.missing {
			t.Errorf("%+v: EvictionAllowed = %v, BelowThreshold = %v, %d overdue", tt, s.EvictionAllowed, s.BelowThreshold, s.Overdue)
		}
	}
}

// The beginning of a protection is noticed when it comes, without a tick.
func TestAdvanceNoticesProtection(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	w.fill(2)
	for range 100 {
		w.advance(time.Second)
		w.Advance(w.now)
	}
	if got := w.Stats(w.now).ProtectedSince.Sub(start); got != 46*time.Second {
		t.Errorf("protected since %v, want 46s: the heartbeats of all are more than 15 s late", got)
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
