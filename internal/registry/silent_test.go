package registry_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

func (w *world) expired(most int) []registry.Silent {
	_, expired := w.Condition(most, w.now)
	return expired
}

// Protection names its objects: who is silent since when, until when, and which application lost how much.
func TestSilenceNamesWhoIsMissing(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.OpenForTraffic(0, w.now)
	w.register(instance("early"))
	w.advance(5 * time.Second)
	w.register(instance("short", leased(2, 6), status(heureka.StatusDown)))
	w.register(instance("b", app("B")))
	w.register(instance("c", app("C")))
	w.advance(50 * time.Second)
	w.Renew(heureka.Key{App: "C", ID: "c"}, registry.Renewal{}, registry.FromClient, w.now)
	at := func(d time.Duration) time.Time { return start.Add(d) }
	silent, losses := w.Silence(10, w.now)
	want := []registry.Silent{
		{Key: key("early"), Status: heureka.StatusUp, Heard: start, RunsOut: at(90 * time.Second)},
		{Key: key("short"), Status: heureka.StatusDown, Heard: at(5 * time.Second), RunsOut: at(11 * time.Second)},
		{Key: heureka.Key{App: "B", ID: "b"}, Status: heureka.StatusUp, Heard: at(5 * time.Second), RunsOut: at(95 * time.Second)},
	}
	if diff := cmp.Diff(want, silent); diff != "" {
		t.Errorf("Silence (-want +got):\n%s", diff)
	}
	wantLost := []registry.Loss{{App: "A", Instances: 2, Overdue: 2, Expired: 1}, {App: "B", Instances: 1, Overdue: 1}}
	if diff := cmp.Diff(wantLost, losses); diff != "" {
		t.Errorf("losses (-want +got):\n%s", diff)
	}
	if two, all := w.Silence(1, w.now); !cmp.Equal(two, want[:1]) || !cmp.Equal(all, losses) {
		t.Errorf("Silence(1) = %+v, %+v, want the first one and all losses", two, all)
	}
	if diff := cmp.Diff(want[1:2], w.expired(10)); diff != "" {
		t.Errorf("Expired (-want +got):\n%s", diff)
	}
	if got := w.Stats(w.now).Expired; len(got) != 1 || got["A"] != 1 {
		t.Errorf("expired by application = %v, want one of A", got)
	}
	w.advance(time.Minute)
	if got := w.expired(2); len(got) != 2 {
		t.Errorf("Expired(2) has %d leases", len(got))
	}
	w.renew("short")
	w.cancel("early")
	w.advance(2 * time.Second)
	if got := w.Stats(w.now).Expired; len(got) != 1 || got["B"] != 1 {
		t.Errorf("after a renewal and a cancellation %v ran out, want one of B", got)
	}
}

// Release gives up what has run out at this moment, the usual share a tick, and nothing else.
func TestReleaseEvictsWhatHasRunOut(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.fill(20)
		w.OpenForTraffic(20, w.now)
		w.renewAll(10) // the other ten have fallen silent
		tick := func() registry.Eviction {
			w.advance(30 * time.Second)
			w.renewAll(10)
			w.advance(30 * time.Second)
			w.renewAll(10)
			return w.Evict(w.now)
		}
		for range 5 {
			if e := tick(); e.Evicted > 0 || e.Released {
				t.Fatalf("Evict = %+v before the release", e)
			}
		}
		if n := w.Release(registry.Origin{By: registry.ByOperator, Note: "alice"}, w.now); n != 10 {
			t.Errorf("Release = %d, want 10", n)
		}
		w.renew("i019")                              // heard again in time
		w.register(instance("late", leased(30, 31))) // runs out after the release
		var got []int
		for range 6 {
			e := tick()
			if e.Released != (e.Evicted > 0 && !e.Allowed) {
				t.Errorf("%+v: Released must say that held leases went", e)
			}
			got = append(got, e.Evicted)
			if s := w.Stats(w.now); s.EvictionAllowed {
				break // few enough are missing now
			}
		}
		if got[0] != 4 || got[1] != 3 {
			t.Errorf("evicted %v, want at most 15 %% a tick, beginning with 4 and 3", got)
		}
		w.find("i019")
		for range 10 {
			w.advance(time.Minute)
			if e := w.Evict(w.now); e.Evicted > 0 {
				t.Errorf("everybody is silent now, and a release counts once: %+v", e)
			}
		}
	})
}
