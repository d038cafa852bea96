package registry_test

import (
	"math"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// S-LEASE-2 to -4, S-DEF-1 and the row "expiry of a renewed lease": when a lease ends, to the nanosecond.
func TestLease4Expiry(t *testing.T) {
	tests := []struct {
		name          string
		renew         func(*world)
		wantDefault   time.Duration // after the last sign of life
		wantReference time.Duration
	}{
		{"never renewed", func(*world) {}, 90 * time.Second, 90 * time.Second},
		{"renewed", func(w *world) { w.renewAfter("x", 30*time.Second) }, 90 * time.Second, 180 * time.Second},
		{"by a status update", func(w *world) { w.setStatus("x", heureka.StatusUp) }, 90 * time.Second, 180 * time.Second},
		{"registered after a renewal", func(w *world) {
			w.renewAfter("x", 30*time.Second)
			w.register(instance("x"))
		}, 90 * time.Second, 90 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := registry.Config{DisableSelfPreservation: true}
			for _, setting := range []struct {
				name string
				cfg  registry.Config
				want time.Duration
			}{{"default", cfg, tt.wantDefault}, {"netflix", netflix(cfg), tt.wantReference}} {
				w := newWorld(t, setting.cfg)
				w.register(instance("x"))
				tt.renew(w)
				w.advance(setting.want)
				if _, ok := w.Get(key("x"), w.now); !ok {
					t.Errorf("%s: expired after %v, which is not yet over", setting.name, setting.want)
				}
				if _, ok := w.Get(key("x"), w.now.Add(1)); ok {
					t.Errorf("%s: not expired after %v", setting.name, setting.want+1)
				}
			}
		})
	}
}

// S-LEASE-4: the observation with a lease of 4 s, 4 s without and 8 s with one renewal on the reference.
func TestLease4ShortLease(t *testing.T) {
	for _, tt := range []struct {
		cfg     registry.Config
		renewed bool
		want    time.Duration
	}{
		{registry.Config{}, false, 4 * time.Second},
		{registry.Config{}, true, 4 * time.Second},
		{netflix(registry.Config{}), false, 4 * time.Second},
		{netflix(registry.Config{}), true, 8 * time.Second},
	} {
		tt.cfg.DisableSelfPreservation = true
		w := newWorld(t, tt.cfg)
		w.register(instance("x", leased(1, 4)))
		if tt.renewed {
			w.renew("x")
		}
		w.advance(tt.want)
		if e := w.Evict(w.now); e.Evicted != 0 {
			t.Errorf("%+v: evicted after %v", tt, tt.want)
		}
		w.advance(time.Millisecond)
		w.Evict(w.now)
		if w.Len() != 0 {
			t.Errorf("%+v: not evicted %v after %v", tt, time.Millisecond, tt.want)
		}
	}
}

// S-LEASE-7, W-FLD-8, S-DEF-24: durations that make no sense become 90 s, absurd ones neither overflow nor end.
func TestLease7Durations(t *testing.T) {
	tests := []struct {
		secs     int64
		wantWire int64
		alive    time.Duration
		dead     time.Duration // 0: not within a hundred years
	}{
		{0, 90, 90 * time.Second, 91 * time.Second},
		{-5, 90, 90 * time.Second, 91 * time.Second},
		{1, 1, time.Second, time.Second + 1},
		{2147484, 2147484, 2147484 * time.Second, 2147485 * time.Second},
		{math.MaxInt32, math.MaxInt32, 20 * 365 * 24 * time.Hour, 0},
		{math.MaxInt64, math.MaxInt64, 20 * 365 * 24 * time.Hour, 0},
	}
	for _, tt := range tests {
		for _, doubled := range []bool{false, true} {
			w := newWorld(t, registry.Config{DisableSelfPreservation: true, DoubledLeases: doubled, MaxLease: -1})
			w.register(instance("x", leased(30, tt.secs)))
			if got := w.find("x").Lease().DurationSecs; got != tt.wantWire {
				t.Errorf("%d s: DurationSecs = %d, want %d", tt.secs, got, tt.wantWire)
			}
			if _, ok := w.Get(key("x"), w.now.Add(tt.alive)); !ok {
				t.Errorf("%d s: expired after %v", tt.secs, tt.alive)
			}
			if _, ok := w.Get(key("x"), w.now.Add(tt.dead)); tt.dead > 0 && ok {
				t.Errorf("%d s: not expired after %v", tt.secs, tt.dead)
			}
			w.advance(10 * 365 * 24 * time.Hour)
			if tt.dead == 0 {
				w.renew("x")
				if got := w.find("x").Lease().LastRenewalMS; got <= w.ms() {
					t.Errorf("%d s: LastRenewalMS = %d, want later than %d", tt.secs, got, w.ms())
				}
			}
		}
	}
}

// S-LEASE-8, S-REG-2, W-FLD-9, W-FLD-10: the times on the wire, live, in both settings.
func TestLease8Decoration(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		rec := w.register(instance("x", leased(0, -1))).Record
		want := heureka.LeaseInfo{
			RenewalIntervalSecs: 30, DurationSecs: 90,
			RegistrationMS: w.ms(), LastRenewalMS: w.ms(), ServiceUpMS: w.ms(),
		}
		if got := rec.Lease(); got != want {
			t.Errorf("lease after registration = %+v, want %+v", got, want)
		}
		w.renewAfter("x", 30*time.Second)
		want.LastRenewalMS = w.ms() + 90_000
		if got := rec.Lease(); got != want {
			t.Errorf("lease after a renewal = %+v, want %+v", got, want)
		}
		w.advance(time.Second)
		w.setStatus("x", heureka.StatusDown)
		want.LastRenewalMS = w.ms() + 90_000
		if got := w.find("x").Lease(); got != want {
			t.Errorf("lease after a status update = %+v, want %+v", got, want)
		}
	})
}

// A record that no registry holds shows the lease that it came with.
func TestLease8OfABareRecord(t *testing.T) {
	in := instance("x", leased(0, 45))
	in.Lease.LastRenewalMS = 7
	want := heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 45, LastRenewalMS: 7}
	if got := registry.NewRecord(in).Lease(); got != want {
		t.Errorf("Lease() = %+v, want %+v", got, want)
	}
}

// Time is taken from the monotonic clock: setting the wall clock neither ends nor prolongs a lease.
func TestLeaseIgnoresTheWallClock(t *testing.T) {
	r, err := registry.New(registrytest.Config(registry.Config{DisableSelfPreservation: true}))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if _, err := r.Register(instance("x"), registry.FromClient, now); err != nil {
		t.Fatal(err)
	}
	later := now.Add(89 * time.Second)
	if _, ok := r.Get(key("x"), later); !ok {
		t.Error("expired after 89 s")
	}
	if r.Renew(key("x"), registry.Renewal{}, registry.FromClient, later); r.Len() != 1 {
		t.Error("renewed instance is gone")
	}
	if rec, _ := r.Find(key("x")); rec.Lease().LastRenewalMS != later.Add(90*time.Second).UnixMilli() {
		t.Errorf("LastRenewalMS = %d, want that of the wall clock", rec.Lease().LastRenewalMS)
	}
}

// Heartbeats that overtake one another do not set a lease back.
func TestLeaseRenewalsOutOfOrder(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x"))
	late := w.now.Add(10 * time.Second)
	w.Renew(key("x"), registry.Renewal{}, registry.FromClient, late)
	w.Renew(key("x"), registry.Renewal{}, registry.FromClient, w.now)
	if _, ok := w.Get(key("x"), late.Add(90*time.Second)); !ok {
		t.Error("the earlier heartbeat set the lease back")
	}
}

// The row "longest lease": a longer one is shown as the client sent it and ends after a day, or what the setting says.
func TestLongestLease(t *testing.T) {
	for longest, want := range map[time.Duration]time.Duration{0: 24 * time.Hour, time.Hour: time.Hour, 72 * time.Hour: 48 * time.Hour} {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true, MaxLease: longest})
		w.register(instance("x", leased(30, 48*3600)))
		if got := w.find("x").Lease().DurationSecs; got != 48*3600 {
			t.Errorf("longest %v: a lease of two days shows as %d s", longest, got)
		}
		if _, ok := w.Get(key("x"), w.now.Add(want)); !ok {
			t.Errorf("longest %v: ended before %v", longest, want)
		}
		if _, ok := w.Get(key("x"), w.now.Add(want+1)); ok {
			t.Errorf("longest %v: goes on after %v", longest, want)
		}
	}
}
