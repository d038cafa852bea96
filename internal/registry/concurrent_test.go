package registry_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

// S-LOCK-2: everything at once: afterwards the changes, in their order, make up the registry, and all sums are right.
func TestConcurrentOperations(t *testing.T) {
	var (
		view   = map[heureka.Key]*heureka.Instance{}
		last   uint64
		clock  atomic.Int64
		shared *registry.Registry
	)
	shared, err := registry.New(registrytest.Config(registry.Config{
		DisableSelfPreservation: true, EvictionInterval: time.Hour, // no tick comes late
		OnChange: func(ch registry.Change) { // no lock: calls must not overlap
			if ch.Seq != last+1 || !cmp.Equal(ch.Previous.Instance(), view[ch.Key]) {
				t.Errorf("change %d after %d, previous state %+v, want %+v", ch.Seq, last, ch.Previous.Instance(), view[ch.Key])
			}
			last = ch.Seq
			if view[ch.Key] = ch.Record.Instance(); ch.Removed() {
				delete(view, ch.Key)
			}
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return start.Add(time.Duration(clock.Add(int64(20 * time.Millisecond)))) }
	var wg sync.WaitGroup
	var working atomic.Int32
	var evicted atomic.Bool
	const workers = 6
	working.Store(workers)
	for worker := range workers {
		wg.Go(func() {
			defer working.Add(-1)
			rnd := rand.New(rand.NewPCG(uint64(worker), 7))
			for n := 0; n < 2000 || n < 1_000_000 && !evicted.Load(); n++ { // on one processor, what follows may come late
				operateAtRandom(shared, rnd, now())
			}
		})
	}
	wg.Go(func() {
		for working.Load() > 0 {
			if shared.Evict(now().Add(time.Second)).Evicted > 0 {
				evicted.Store(true)
			}
			shared.Stats(now())
			shared.Overrides()
			shared.Recent()
			for i := range shared.Digest() {
				shared.Bucket(i, now())
			}
		}
	})
	wg.Wait()

	got := map[heureka.Key]*heureka.Instance{}
	var statuses heureka.StatusCounts
	expected := 0.0
	for rec := range shared.All() {
		got[rec.Instance().Key()] = rec.Instance()
		statuses.Add(rec.Instance().Status, 1)
		expected += 60 / float64(rec.Instance().Lease.RenewalIntervalSecs)
	}
	if !cmp.Equal(got, view) {
		t.Errorf("applying all changes gives %d instances, the registry has %d", len(view), len(got))
	}
	if s := shared.Stats(now()); s.Statuses != statuses || s.RenewalsExpected != expected || s.Instances != len(got) {
		t.Errorf("stats = %+v, want statuses %v, %v renewals expected", s, statuses, expected)
	}
	var counted, recounted [3]int64
	counted[0], counted[1], counted[2] = shared.CountedSilence()
	recounted[0], recounted[1], recounted[2] = shared.RecountedSilence()
	if counted != recounted {
		t.Errorf("silence (weight, leases) and rate are %v, recounted %v", counted, recounted)
	}
	if shared.Digest() != shared.RecomputedDigest() || shared.MisplacedLeases() != 0 {
		t.Error("the digest or the wheel has drifted")
	}
	s := shared.Stats(now())
	if last < 1000 || s.Evictions == 0 || s.Cancels < 100 || s.Renewals < 100 {
		t.Errorf("%d changes, %+v: the test tests nothing", last, s)
	}
}

// operateAtRandom does one thing to one of 64 instances.
func operateAtRandom(r *registry.Registry, rnd *rand.Rand, now time.Time) {
	n := rnd.IntN(64)
	k := heureka.Key{App: string(rune('A' + n%2)), ID: fmt.Sprint(n / 4)}
	s := allStatuses[rnd.IntN(len(allStatuses))]
	origin := []registry.Origin{registry.FromClient, registry.FromPeer, registry.FromSync}[rnd.IntN(3)]
	switch rnd.IntN(9) {
	case 0, 1:
		in := instance(k.ID, app(k.App), status(s), dirty(1+rnd.Int64N(5)), leased(30, 1+rnd.Int64N(10)))
		r.Register(in, origin, now)
	case 2:
		r.Cancel(k, origin, now)
	case 3:
		r.SetOverride(k, s, 0, origin, now)
	case 4:
		r.ClearOverride(k, heureka.StatusUp, 0, origin, now)
	case 5:
		r.SetMetadata(k, []heureka.MetadataEntry{{Key: "k", Value: fmt.Sprint(rnd.IntN(3))}}, registry.FromClient, now)
	case 6:
		if rec, ok := r.Get(k, now); ok {
			rec.Lease()
		}
		r.GetByID(k.ID, now)
	default:
		r.Renew(k, registry.Renewal{DirtyMS: rnd.Int64N(6), HasDirty: true, Override: s, HasOverride: true}, origin, now)
	}
}

// A heartbeat that succeeds at the very moment of a tick keeps its instance: it is told so only if it is not evicted.
func TestRenewalBeatsEviction(t *testing.T) {
	const ids = 8
	renewed, evicted := 0, 0
	for round := range 300 {
		w := newWorld(t, registry.Config{DisableSelfPreservation: true, RenewalPercentThreshold: 1e-9})
		w.fill(ids)
		w.advance(91 * time.Second)
		var wg sync.WaitGroup
		var told [ids]bool
		ready := make(chan struct{})
		wg.Go(func() {
			<-ready
			w.Evict(w.now)
		})
		wg.Go(func() {
			<-ready
			for i := range ids {
				told[i] = w.Renew(key(fmt.Sprintf("i%03d", i)), registry.Renewal{}, registry.FromClient, w.now) == nil
			}
		})
		close(ready)
		wg.Wait()
		for i, ok := range told {
			_, found := w.Find(key(fmt.Sprintf("i%03d", i)))
			if ok != found {
				t.Fatalf("round %d: heartbeat %d succeeded: %v, instance there: %v", round, i, ok, found)
			}
			if ok {
				renewed++
			} else {
				evicted++
			}
		}
	}
	t.Logf("%d heartbeats before the tick, %d after", renewed, evicted)
}
