package registry_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// A fleet is a number of default clients whose heartbeats come every 30 s and a bit, each at its own time.
type fleet struct {
	w    *world
	rnd  *rand.Rand
	due  []time.Time
	dead map[int]bool
	late time.Duration // heartbeats are up to this much late
}

func newFleet(w *world, n int, seed uint64, late time.Duration) *fleet {
	f := &fleet{w: w, rnd: rand.New(rand.NewPCG(seed, 9)), dead: map[int]bool{}, late: late}
	w.fill(n)
	for range n {
		f.due = append(f.due, w.now.Add(time.Duration(f.rnd.Int64N(int64(30*time.Second)))))
	}
	return f
}

// run lets time pass in steps of 250 ms, ticks every minute, and calls check every second.
func (f *fleet) run(d time.Duration, check func()) {
	for end := f.w.now.Add(d); f.w.now.Before(end); {
		f.w.advance(250 * time.Millisecond)
		for i, at := range f.due {
			if f.dead[i] || f.w.now.Before(at) {
				continue
			}
			f.w.renew(fmt.Sprintf("i%03d", i))
			f.due[i] = f.w.now.Add(30*time.Second + time.Duration(f.rnd.Int64N(int64(f.late))))
		}
		if f.w.now.Sub(start)%time.Minute == 0 {
			f.w.Evict(f.w.now)
		}
		if f.w.now.Sub(start)%time.Second == 0 {
			check()
		}
	}
}

// Healthy fleets of any size are steady: never protected from the opening on, though every heartbeat comes late by up to a
// second and a half.
func TestSPHealthyFleetsAreSteady(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for seed := range uint64(2) {
			w := newWorld(t, registry.Config{})
			w.OpenForTraffic(0, w.now)
			f := newFleet(w, n, seed, 1500*time.Millisecond)
			f.run(15*time.Minute, func() {
				if !w.EvictionAllowed(w.now) {
					t.Fatalf("%d clients, seed %d, after %v: %+v", n, seed, w.now.Sub(start), w.Stats(w.now))
				}
			})
		}
	}
}

// The row "smallest loss": one dead client is evicted in any fleet. If one missing is enough to protect, then only from
// seven clients on: with fewer it is more than 15 % of the heartbeats.
func TestSPOneDeadClient(t *testing.T) {
	for n := 1; n <= 12; n++ {
		for seed := range uint64(4) {
			missing := 1 + int(seed)%2
			w := newWorld(t, registry.Config{MinMissing: missing})
			w.OpenForTraffic(0, w.now)
			f := newFleet(w, n, seed, time.Second)
			f.run(5*time.Minute, func() {})
			f.dead[0] = true
			f.run(10*time.Minute, func() {})
			evicted := w.Len() == n-1
			if want := n >= 7 || missing > 1; evicted != want {
				t.Errorf("%d clients, one dead, %d must be missing, seed %d: evicted %v, want %v; %+v", n, missing, seed, evicted, want, w.Stats(w.now))
			}
		}
	}
}

// The row "longest self-preservation": when it is over, expiry resumes at the usual share, and ends once the rest of the
// fleet is above the threshold again.
func TestSPMaxDuration(t *testing.T) {
	for _, n := range []int{3, 4, 6, 20} {
		w := newWorld(t, registry.Config{SelfPreservationMaxDuration: 15 * time.Minute})
		w.OpenForTraffic(0, w.now)
		f := newFleet(w, n, 1, time.Second)
		f.run(5*time.Minute, func() {})
		dead := (n + 1) / 2
		for i := range dead {
			f.dead[i] = true
		}
		died := w.now
		f.run(15*time.Minute, func() {})
		if w.Len() != n {
			t.Errorf("%d of %d clients dead: %d instances after 15 min, want all", dead, n, w.Len())
		}
		if s := w.Stats(w.now); s.EvictionAllowed || s.ProtectedSince.Sub(died) > time.Minute {
			t.Errorf("%d of %d clients dead at %v: %+v", dead, n, died, s)
		}
		limit := 0
		f.run(20*time.Minute, func() {
			limit = max(limit, w.Stats(w.now).LastEviction.Evicted)
		})
		if w.Len() != n-dead || limit > n-int(float64(n)*0.85) {
			t.Errorf("%d of %d clients dead: %d instances in the end, at most %d evicted a tick", dead, n, w.Len(), limit)
		}
		if s := w.Stats(w.now); !s.EvictionAllowed || !s.ProtectedSince.IsZero() {
			t.Errorf("%d of %d clients dead: still protected in the end: %+v", dead, n, s)
		}
	}
}

// A partition: everybody falls silent at once. Nobody is evicted before the drop is seen, and all are there afterwards.
func TestSPPartition(t *testing.T) {
	for _, n := range []int{2, 3, 10, 100} {
		w := newWorld(t, registry.Config{})
		w.OpenForTraffic(0, w.now)
		f := newFleet(w, n, uint64(n), time.Second)
		f.run(5*time.Minute, func() {})
		for i := range n {
			f.dead[i] = true
		}
		f.run(30*time.Minute, func() {
			if w.Len() != n {
				t.Fatalf("%d of %d instances left after %v", w.Len(), n, w.now.Sub(start))
			}
		})
		f.dead = map[int]bool{}
		f.run(5*time.Minute, func() {})
		if s := w.Stats(w.now); w.Len() != n || !s.EvictionAllowed {
			t.Errorf("after the heal: %+v", s)
		}
	}
}

// A partition heals at any moment between two ticks: protection ends when 85 % are heard again, and the others still have the time
// to be heard, too. Meanwhile nobody is evicted, and nobody who asks for a single instance hears that it is gone.
func TestSPPartitionHealsAtAnyMoment(t *testing.T) {
	for phase := range 60 {
		w := newWorld(t, registry.Config{})
		w.OpenForTraffic(0, w.now)
		f := newFleet(w, 100, uint64(phase), time.Second)
		f.run(5*time.Minute, func() {})
		for i := range f.due {
			f.dead[i] = true
		}
		f.run(5*time.Minute+time.Duration(phase)*time.Second, func() {})
		f.dead = map[int]bool{}
		for i := range f.due { // whenever each was due during the partition, its next heartbeat comes within an interval
			f.due[i] = w.now.Add(time.Duration(f.rnd.Int64N(int64(30 * time.Second))))
		}
		f.run(2*time.Minute, func() {
			for i := range f.due {
				if _, ok := w.Get(key(fmt.Sprintf("i%03d", i)), w.now); !ok {
					t.Fatalf("healed %d s after a tick: instance %d is not found at %v, %d are there", phase, i, w.now.Sub(start), w.Len())
				}
			}
		})
		if s := w.Stats(w.now); !s.EvictionAllowed || s.Evictions > 0 {
			t.Errorf("healed %d s after a tick: %+v", phase, s)
		}
	}
}

// Who is dead when a partition heals goes after the others have had that time, and an emergency that comes and goes does not keep it.
func TestSPPartitionHealsButForSome(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	f := newFleet(w, 100, 1, time.Second)
	f.run(5*time.Minute, func() {})
	for i := range f.due {
		f.dead[i] = true
	}
	f.run(5*time.Minute, func() {})
	f.dead = map[int]bool{0: true, 1: true}
	healed := w.now
	f.run(5*time.Minute, func() {
		w.Advance(w.now)
		if gone := 100 - w.Len(); gone > 0 && w.now.Sub(healed) < 45*time.Second {
			t.Fatalf("%d are gone %v after the partition has healed", gone, w.now.Sub(healed))
		}
		// Every minute, more than 15 % are late for a while, until shortly before the tick.
		since := w.now.Sub(healed)
		for i := 2; i < 30; i++ {
			f.dead[i] = since%time.Minute > 5*time.Second && since%time.Minute < 55*time.Second
		}
	})
	if w.Len() != 98 {
		t.Errorf("%d instances are listed, want 98: two are dead", w.Len())
	}
}

// A restart: clients hear 404, register, and none of it looks like an emergency.
func TestSPRestartIsNoEmergency(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	f := newFleet(w, 100, 5, time.Second)
	f.run(5*time.Minute, func() {
		if s := w.Stats(w.now); s.BelowThreshold {
			t.Fatalf("warning after %v: %d renewals, threshold %d", w.now.Sub(start), s.RenewalsLastMinute, s.RenewalThreshold)
		}
	})
	if !w.EvictionAllowed(w.now) {
		t.Error("still protected after five minutes")
	}
}
