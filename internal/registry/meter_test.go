package registry_test

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

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

// The rows "meter" and "expected renewals": leases are counted, at most 12 beats a minute each, and not what arrives. Each
// counts until it is overdue by half an interval, and at once when it is heard again.
func TestSP6LeasesNotBeats(t *testing.T) {
	w := newWorld(t, registry.Config{OwnApp: "EUREKA"})
	want := func(present, expected float64, threshold int64, overdue int) {
		t.Helper()
		s := w.Stats(w.now)
		if s.RenewalsLastMinute != int64(present) || s.RenewalsExpected != expected || s.RenewalThreshold != threshold || s.Overdue != overdue {
			t.Errorf("at %v: %d of %v, threshold %d, %d overdue; want %v of %v, %d, %d", w.now.Sub(start),
				s.RenewalsLastMinute, s.RenewalsExpected, s.RenewalThreshold, s.Overdue, int64(present), expected, threshold, overdue)
		}
	}
	w.register(instance("node", app("EUREKA")))
	want(0, 0, 0, 0)
	w.fill(10)
	want(20, 20, 17, 0) // as the reference's page shows for ten default clients
	w.register(instance("second", leased(1, 3)))
	w.register(instance("slow", leased(100, 300)))
	want(32.6, 32.6, 27, 0)
	for range 1000 {
		w.renewAll(1)
	}
	want(32.6, 32.6, 27, 0)
	w.advance(2 * time.Second) // one interval and a second: the least patience
	want(32.6, 32.6, 27, 0)
	w.advance(time.Second)
	want(20.6, 32.6, 27, 1)
	w.renew("second")
	want(32.6, 32.6, 27, 0)
	w.advance(42 * time.Second) // 45 s after all others
	want(20.6, 32.6, 27, 1)
	w.advance(time.Second)
	want(0.6, 32.6, 27, 11)
	w.renewAll(4)
	want(8.6, 32.6, 27, 7)
	w.cancel("i009")
	want(8.6, 30.6, 26, 6)
	w.register(instance("i008", leased(5, 90)))
	want(20.6, 40.6, 34, 5)
	w.advance(105 * time.Second)
	want(0, 40.6, 34, 11)
}

// A lease that is shorter than an interval and a half is overdue when it runs out, and not later.
func TestSP6ShortLeaseIsOverdueWhenItRunsOut(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	w.fill(4, leased(30, 30))
	w.advance(30*time.Second + 1)
	if e := w.Evict(w.now); e.Allowed || e.Expired != 4 {
		t.Errorf("Evict = %+v, want all expired and protected", e)
	}
}
