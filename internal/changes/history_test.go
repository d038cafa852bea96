package changes_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// A world is a registry with its history and a clock.
type world struct {
	*testing.T
	*registry.Registry
	history *changes.History
	now     time.Time
}

func newWorld(t *testing.T, cfg registry.Config, bounds changes.Config) *world {
	t.Helper()
	cfg.DisableSelfPreservation = true
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, Registry: r, now: start}
	r.OpenForTraffic(0, w.now)
	w.history = changes.NewHistory(bounds, r.Feed(), w.now)
	return w
}

var roomy = changes.Config{Changes: 10_000, Bytes: 64 << 20, Age: 24 * time.Hour}

func (w *world) register(id string, origin registry.Origin, status heureka.Status) {
	w.Helper()
	in := &heureka.Instance{App: "A", ID: id, HostName: "h", Status: status, LastDirtyMS: w.now.UnixMilli()}
	if _, err := w.Register(in, origin, w.now); err != nil {
		w.Fatal(err)
	}
}

func key(id string) heureka.Key { return heureka.Key{App: "A", ID: id} }

// The history tells what happened, who did it, and for an eviction where the instance was heard last.
func TestDocs(t *testing.T) {
	w := newWorld(t, registry.Config{}, roomy)
	client := registry.Origin{Address: "10.0.0.7"}
	peer := registry.Origin{By: registry.ByPeer, Address: "10.0.0.2"}
	operator := registry.Origin{By: registry.ByOperator, Address: "10.0.0.9", Note: "alice: new disk"}
	w.register("x", client, heureka.StatusUp)
	w.register("y", peer, heureka.StatusUp)
	w.now = w.now.Add(10 * time.Second)
	for _, err := range []error{
		w.Renew(key("y"), registry.Renewal{}, peer, w.now),
		w.SetOverride(key("x"), heureka.StatusOutOfService, 0, operator, w.now),
		w.ClearOverride(key("x"), heureka.StatusUp, 0, operator, w.now),
		w.Cancel(key("x"), client, w.now),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.Add(2 * time.Minute)
	w.Evict(w.now)
	var got []string
	found, _, _ := w.history.Changes(changes.Query{}, w.now)
	for _, ch := range found {
		d := changes.DocOf(&ch)
		got = append(got, fmt.Sprintf("%d %s %s %s->%s: %s", d.Seq, d.What, d.ID, d.OldStatus, d.Status, d.Why))
	}
	want := []string{
		"6 evicted y UP->: no heartbeat for 2m0s, lease of 1m30s, the last one at 2026-01-02T03:04:15Z through peer 10.0.0.2",
		"5 cancelled x UP->: client at 10.0.0.7",
		"4 override-removed x OUT_OF_SERVICE->UP: operator at 10.0.0.9 (alice: new disk)",
		"3 override x UP->OUT_OF_SERVICE: operator at 10.0.0.9 (alice: new disk)",
		"2 registered y ->UP: peer at 10.0.0.2",
		"1 registered x ->UP: client at 10.0.0.7",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestQuery(t *testing.T) {
	w := newWorld(t, registry.Config{}, roomy)
	for i := range 6 {
		w.register(fmt.Sprint(i%3), registry.FromClient, heureka.StatusUp)
		w.now = w.now.Add(time.Minute)
	}
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	for _, tt := range []struct {
		q    changes.Query
		want string
		more bool
	}{
		{changes.Query{}, "6 5 4 3 2 1", false},
		{changes.Query{Limit: 2}, "6 5", true},
		{changes.Query{Limit: 6}, "6 5 4 3 2 1", false},
		{changes.Query{App: "A", ID: "1"}, "5 2", false},
		{changes.Query{App: "B"}, "", false},
		{changes.Query{Since: at(4)}, "6 5", false},
		{changes.Query{Until: at(1)}, "2 1", false},
		{changes.Query{Since: at(1), Until: at(3), ID: "0"}, "4", false},
	} {
		var got []string
		found, since, more := w.history.Changes(tt.q, w.now)
		for _, ch := range found {
			got = append(got, fmt.Sprint(ch.Seq))
		}
		if strings.Join(got, " ") != tt.want || more != tt.more || !since.Equal(start) {
			t.Errorf("%+v = %v, more %v, since %v; want %s, %v, since the start", tt.q, got, more, since, tt.want, tt.more)
		}
	}
}

// Each bound is kept, and from when on the history is whole is true.
func TestBounds(t *testing.T) {
	for name, bounds := range map[string]changes.Config{
		"changes": {Changes: 10, Bytes: 1 << 30, Age: time.Hour},
		"bytes":   {Changes: 1000, Bytes: 12_000, Age: time.Hour},
		"age":     {Changes: 1000, Bytes: 1 << 30, Age: 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, registry.Config{}, bounds)
			for i := range 100 {
				w.register(fmt.Sprint(i), registry.FromClient, heureka.StatusUp)
				w.history.Follow(w.now)
				w.now = w.now.Add(time.Minute)
			}
			found, since, _ := w.history.Changes(changes.Query{}, w.now)
			var bytes int64
			for _, ch := range found {
				bytes += ch.Size()
			}
			if n := len(found); n < 5 || n > 30 || n > bounds.Changes || bytes > bounds.Bytes {
				t.Errorf("%d changes of %d bytes are kept", n, bytes)
			}
			if oldest := found[len(found)-1]; oldest.At.Sub(since) != time.Minute || w.now.Sub(oldest.At) > bounds.Age {
				t.Errorf("the oldest of %d is from %v, whole since %v; now is %v", len(found), oldest.At, since, w.now)
			}
		})
	}
}

// Bounds that become smaller are kept to at once, larger ones from then on.
func TestBoundsChange(t *testing.T) {
	w := newWorld(t, registry.Config{}, roomy)
	counts := func(want int) {
		t.Helper()
		if found, _, _ := w.history.Changes(changes.Query{}, w.now); len(found) != want {
			t.Errorf("%d changes are kept, want %d", len(found), want)
		}
	}
	more := func() {
		for i := range 10 {
			w.register(fmt.Sprint(i), registry.FromClient, heureka.StatusUp)
			w.history.Follow(w.now)
			w.now = w.now.Add(time.Minute)
		}
	}
	more()
	counts(10)
	few := roomy
	few.Changes = 3
	w.history.SetBounds(few, w.now)
	counts(3)
	w.history.SetBounds(roomy, w.now)
	more()
	counts(13)
}

// A history that has fallen behind the feed begins again, and says so.
func TestBehind(t *testing.T) {
	w := newWorld(t, registry.Config{FeedChanges: 8}, roomy)
	w.register("x", registry.FromClient, heureka.StatusUp)
	w.history.Follow(w.now)
	w.now = w.now.Add(time.Minute)
	for i := range 20 {
		w.register(fmt.Sprint(i), registry.FromClient, heureka.StatusUp)
	}
	found, since, _ := w.history.Changes(changes.Query{}, w.now)
	if len(found) != 0 || !since.Equal(w.now) {
		t.Errorf("%d changes since %v, want none, and to begin now", len(found), since)
	}
	if _, ok := w.history.Rewind(map[heureka.Key]*heureka.Instance{}, 21, start, w.now); ok {
		t.Error("the registry is rewound over a gap")
	}
}

// Whatever has happened, rewinding gives the registry as it was at each earlier moment.
func TestRewind(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, registry.Config{Rand: rand.NewPCG(seed, 2)}, roomy)
	look := func() map[heureka.Key]*heureka.Instance {
		m := map[heureka.Key]*heureka.Instance{}
		for rec := range w.All() {
			m[rec.Instance().Key()] = rec.Instance()
		}
		return m
	}
	moments := map[time.Time]map[heureka.Key]*heureka.Instance{}
	for range 300 {
		id := fmt.Sprint(rnd.IntN(12))
		switch rnd.IntN(5) {
		case 0, 1:
			w.register(id, registry.FromClient, heureka.StatusUp)
		case 2:
			_ = w.SetOverride(key(id), heureka.StatusOutOfService, 0, registry.FromClient, w.now)
		case 3:
			_ = w.Cancel(key(id), registry.FromClient, w.now)
		case 4:
			w.Evict(w.now)
		}
		moments[w.now] = look()
		w.now = w.now.Add(time.Duration(1+rnd.IntN(20)) * time.Second)
	}
	for at, want := range moments {
		got := look()
		if since, ok := w.history.Rewind(got, w.Feed().Last(), at, w.now); !ok {
			t.Fatalf("seed %d: cannot go back to %v, whole since %v", seed, at, since)
		}
		if !cmp.Equal(want, got) {
			t.Fatalf("seed %d: at %v there were %d instances, rewinding gives %d", seed, at, len(want), len(got))
		}
	}
	// What came after the picture that is rewound is left alone.
	before, seq := look(), w.Feed().Last()
	want := maps.Clone(before)
	at := w.now
	w.now = w.now.Add(time.Second)
	w.register("later", registry.FromClient, heureka.StatusUp)
	w.register("1", registry.FromClient, heureka.StatusDown)
	if _, ok := w.history.Rewind(before, seq, at, w.now); !ok || !cmp.Equal(want, before) {
		t.Errorf("seed %d: changes after the picture were undone in it", seed)
	}
	if _, ok := w.history.Rewind(look(), w.Feed().Last(), start.Add(-time.Second), w.now); ok {
		t.Error("the registry is rewound to before the history")
	}
}

// Those who follow at once take each change once.
func TestFollowersAtOnce(t *testing.T) {
	w := newWorld(t, registry.Config{}, roomy)
	const n = 2000
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for w.history.Cursor() < n {
				w.history.Follow(w.now)
			}
		})
	}
	for i := range n {
		w.register(fmt.Sprint(i), registry.FromClient, heureka.StatusUp)
	}
	wg.Wait()
	found, _, _ := w.history.Changes(changes.Query{}, w.now)
	for i, ch := range found {
		if want := uint64(n - i); ch.Seq != want {
			t.Fatalf("change %d where %d was expected", ch.Seq, want)
		}
	}
	if len(found) != n {
		t.Errorf("%d changes, want %d", len(found), n)
	}
}
