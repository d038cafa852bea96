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
