package registry_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// fill registers n instances i000, i001, …
func (w *world) fill(n int, edit ...func(*heureka.Instance)) {
	w.t.Helper()
	for i := range n {
		w.register(instance(fmt.Sprintf("i%03d", i), edit...))
	}
}

// renewAll sends a heartbeat of the first n instances of fill.
func (w *world) renewAll(n int) {
	w.t.Helper()
	for i := range n {
		w.renew(fmt.Sprintf("i%03d", i))
	}
}

// S-EVICT-2, S-SP-10: nothing is evicted while eviction is not allowed, and everything else goes on.
func TestEvict2NotAllowed(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.OpenForTraffic(10, w.now)
		w.fill(10)
		w.advance(10 * time.Minute)
		want := registry.Eviction{Expired: 10, Limit: 2}
		if diff := cmp.Diff(want, w.Evict(w.now)); diff != "" {
			t.Errorf("Evict (-want +got):\n%s", diff)
		}
		w.register(instance("new"))
		w.renew("i001")
		w.setStatus("i002", heureka.StatusDown)
		w.cancel("i003")
		if w.Len() != 10 {
			t.Errorf("%d instances, want 10", w.Len())
		}
	})
}

// S-EVICT-3, S-EVICT-6: how many of so many expired leases one tick evicts, self-preservation or not.
func TestEvict6LimitOfOneTick(t *testing.T) {
	vectors := []struct{ size, want int }{
		{1, 1}, {2, 1}, {3, 1}, {5, 1}, {6, 1}, {7, 2}, {10, 2}, {13, 2}, {20, 3}, {23, 4}, {100, 15}, {1000, 150},
	}
	for _, v := range vectors {
		inBothSettings(t, registry.Config{DisableSelfPreservation: true}, func(t *testing.T, w *world) {
			w.fill(v.size)
			w.advance(91 * time.Second)
			want := registry.Eviction{Allowed: true, Expired: v.size, Limit: v.want, Evicted: v.want}
			if diff := cmp.Diff(want, w.Evict(w.now)); diff != "" {
				t.Errorf("Evict of %d (-want +got):\n%s", v.size, diff)
			}
			if w.Len() != v.size-v.want {
				t.Errorf("%d instances left, want %d", w.Len(), v.size-v.want)
			}
		})
	}
}

// S-EVICT-6: 20 of 23 leases expire at once.
func TestEvict6ConsecutiveTicks(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.fill(23)
	var got []int
	for range 10 {
		w.advance(30 * time.Second)
		w.renewAll(3)
		w.advance(30 * time.Second)
		w.renewAll(3)
		w.advance(time.Millisecond)
		if e := w.Evict(w.now); e.Evicted > 0 {
			got = append(got, e.Evicted)
		}
	}
	if want := []int{4, 3, 3, 2, 2, 2, 2, 1, 1}; !slices.Equal(got, want) {
		t.Errorf("evicted %v, want %v", got, want)
	}
}

// S-EVICT-3: with fewer expired leases than the limit, these and no others go.
func TestEvict3OnlyExpired(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.fill(100)
	w.advance(60 * time.Second)
	w.renewAll(95)
	w.advance(31 * time.Second)
	if e := w.Evict(w.now); e.Evicted != 5 || e.Limit != 15 {
		t.Errorf("Evict = %+v, want 5 of at most 15", e)
	}
	for i := range 95 {
		w.find(fmt.Sprintf("i%03d", i))
	}
}

// S-EVICT-4: every expired lease has the same chance, and the same seed draws the same ones.
func TestEvict4Random(t *testing.T) {
	survivors := func(seed uint64) []string {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true, Rand: rand.NewPCG(seed, 0)})
		w.fill(20)
		w.advance(91 * time.Second)
		w.Evict(w.now)
		var ids []string
		for rec := range w.All() {
			ids = append(ids, rec.Instance().ID)
		}
		slices.Sort(ids)
		return ids
	}
	if diff := cmp.Diff(survivors(1), survivors(1)); diff != "" {
		t.Errorf("one seed, two draws:\n%s", diff)
	}
	const rounds = 400 // 3 of 20 each: 60 evictions of each instance
	evicted := map[string]int{}
	for seed := range uint64(rounds) {
		left := survivors(seed)
		for i := range 20 {
			if id := fmt.Sprintf("i%03d", i); !slices.Contains(left, id) {
				evicted[id]++
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(evicted)) {
		if n := evicted[id]; n < 30 || n > 95 {
			t.Errorf("%s was evicted %d times in %d rounds, want about 60", id, n, rounds)
		}
	}
	if len(evicted) != 20 {
		t.Errorf("only %d of 20 instances were ever evicted", len(evicted))
	}
}

// S-EVICT-5: a tick that comes late extends every lease by its lateness, in that tick only.
func TestEvict5Compensation(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.fill(1)
	if e := w.Evict(w.now); e.Compensation != 0 {
		t.Errorf("first tick compensates for %v", e.Compensation)
	}
	w.advance(59 * time.Second)
	if e := w.Evict(w.now); e.Compensation != 0 {
		t.Errorf("an early tick compensates for %v", e.Compensation)
	}
	w.renewAll(1)
	w.advance(2*time.Minute + 5*time.Second) // the process was stopped for more than a minute
	want := registry.Eviction{Allowed: true, Limit: 1, Compensation: 65 * time.Second}
	if diff := cmp.Diff(want, w.Evict(w.now)); diff != "" {
		t.Errorf("late tick (-want +got):\n%s", diff)
	}
	w.advance(time.Minute)
	want = registry.Eviction{Allowed: true, Expired: 1, Limit: 1, Evicted: 1}
	if diff := cmp.Diff(want, w.Evict(w.now)); diff != "" {
		t.Errorf("next tick (-want +got):\n%s", diff)
	}
}

// S-EVICT-5: lateness is measured against the configured interval.
func TestEvict5Interval(t *testing.T) {
	w := newWorld(t, registry.Config{EvictionInterval: 5 * time.Second})
	w.Evict(w.now)
	w.advance(7 * time.Second)
	if e := w.Evict(w.now); e.Compensation != 2*time.Second {
		t.Errorf("compensation = %v, want 2s", e.Compensation)
	}
}

// S-CANCEL-3, S-EVICT-4: what an eviction reports.
func TestEvictChange(t *testing.T) {
	for _, tt := range []struct {
		cfg  registry.Config
		want string
		wait time.Duration
	}{
		{registry.Config{}, "no heartbeat for 1m35s, lease of 1m30s", 95 * time.Second},
		{netflix(registry.Config{}), "no heartbeat for 3m5s, lease of 1m30s doubled", 185 * time.Second},
	} {
		tt.cfg.DisableSelfPreservation = true
		w := newWorld(t, tt.cfg)
		w.register(instance("x"))
		w.setStatus("x", heureka.StatusOutOfService)
		w.renewAfter("x", 30*time.Second)
		before := w.find("x")
		w.advance(tt.wait + 300*time.Millisecond)
		w.Evict(w.now)
		ch := w.changes[len(w.changes)-1]
		if ch.Kind != registry.Evicted || ch.Origin != registry.FromNode || ch.Reason != tt.want || !ch.Removed() ||
			ch.Key != key("x") || ch.Previous != before || ch.Seq != 3 {
			t.Errorf("change = %+v, want reason %q", ch, tt.want)
		}
		if in := ch.Record.Instance(); in.Action != heureka.ActionDeleted || in.Lease.EvictionMS != w.ms() {
			t.Errorf("last state = %+v", in)
		}
		w.wantOverride("x", heureka.StatusUnknown, false)
		_, cancelled := w.Recent()
		if s := w.Stats(w.now); len(cancelled) != 1 || s.Evictions != 1 || s.Cancels != 0 || !s.LastEvictionAt.Equal(w.now) ||
			s.LastEviction.Evicted != 1 {
			t.Errorf("cancelled %v, stats %+v", cancelled, s)
		}
	}
}

// An instance that heartbeats is never evicted, whatever else happens to its lease: hours of random ticks,
// heartbeats and registrations with changing durations. And the wheel never forgets a lease.
func TestEvictSparesWhoRenews(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, registry.Config{DisableSelfPreservation: true, DoubledLeases: seed%2 == 1})
		end := w.now.Add(6 * time.Hour)
		w.register(instance("x", leased(5, 10)))
		w.register(instance("y", leased(5, 10)))
		for w.now.Before(end) {
			w.advance(time.Duration(1 + rnd.Int64N(int64(10*time.Second))))
			switch rnd.IntN(10) {
			case 0:
				w.register(instance("x", leased(5, 10+rnd.Int64N(20)<<rnd.IntN(12))))
			case 1:
				w.register(instance("y", leased(5, 10+rnd.Int64N(100))))
				w.renew("x")
			default:
				w.renew("x")
			}
			if rnd.IntN(5) == 0 {
				w.Evict(w.now)
			}
			if rnd.IntN(10) > 0 {
				continue
			}
			if n := w.MisplacedLeases(); n > 0 {
				t.Fatalf("seed %d: at %v the wheel has misplaced %d leases", seed, w.now, n)
			}
		}
		w.find("x")
		evictions := 0
		for _, ch := range w.changes {
			if ch.Kind == registry.Evicted {
				evictions++
				if ch.Key.ID == "x" {
					t.Fatalf("seed %d: x was evicted: %s", seed, ch.Reason)
				}
			}
		}
		if evictions < 10 {
			t.Errorf("seed %d: only %d evictions: the test tests nothing", seed, evictions)
		}
	}
}

// Leases that end further ahead than the wheel reaches, and ticks that come after a long silence.
func TestEvictBeyondTheWheel(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true, EvictionInterval: 24 * time.Hour})
	w.register(instance("day", leased(30, 86400)))
	w.register(instance("short", leased(30, 60)))
	w.advance(2 * time.Hour)
	if e := w.Evict(w.now); e.Evicted != 1 {
		t.Errorf("Evict after 2 h = %+v, want the short lease", e)
	}
	w.advance(22 * time.Hour)
	if e := w.Evict(w.now); e.Expired != 0 {
		t.Errorf("Evict at the end of the day = %+v, want nothing expired", e)
	}
	w.advance(1)
	if e := w.Evict(w.now); e.Evicted != 1 {
		t.Errorf("Evict after the day = %+v, want the long lease", e)
	}
}

// A lease that a registration shortens ends when it says, not when its former self would have.
func TestEvictShortenedLease(t *testing.T) {
	w := newWorld(t, registry.Config{DisableSelfPreservation: true})
	w.register(instance("x", leased(30, 3600)))
	w.register(instance("x", leased(1, 2)))
	w.advance(2*time.Second + 1)
	if e := w.Evict(w.now); e.Evicted != 1 {
		t.Errorf("Evict = %+v, want the shortened lease", e)
	}
}
