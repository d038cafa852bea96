package registry_test

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

var hostileStart = time.UnixMilli(1_800_000_000_000)

func hostileRegistry(tb testing.TB, cfg registry.Config) *registry.Registry {
	tb.Helper()
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func stamped(app, id string, dirtyMS int64) *heureka.Instance {
	return &heureka.Instance{App: app, ID: id, HostName: fmt.Sprint("host-", dirtyMS), IPAddr: "10.0.0.1",
		Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter, LastDirtyMS: dirtyMS}
}

// One id in very many applications must not make each of them as slow as all.
func TestOneIDInManyApplications(t *testing.T) {
	const apps = 30_000
	time1 := func(shared bool) time.Duration {
		r := hostileRegistry(t, registry.Config{})
		id := func(i int) string {
			if shared {
				return "same"
			}
			return fmt.Sprint("id-", i)
		}
		began := time.Now()
		for i := range apps {
			if _, err := r.Register(stamped(fmt.Sprint("A", i), id(i), 1), registry.FromClient, hostileStart); err != nil {
				t.Fatal(err)
			}
		}
		for i := range apps {
			if err := r.Renew(heureka.Key{App: fmt.Sprint("A", i), ID: id(i)}, registry.Renewal{}, registry.FromClient, hostileStart); err != nil {
				t.Fatal(err)
			}
		}
		if rec, ok := r.GetByID(id(7), hostileStart); !ok || rec.Instance().ID != id(7) {
			t.Error("not found by id")
		}
		for i := range apps { // from the end to the beginning and back: heads, middles and tails go
			if i = i * 7919 % apps; r.Cancel(heureka.Key{App: fmt.Sprint("A", i), ID: id(i)}, registry.FromClient, hostileStart) != nil {
				t.Fatal("cannot cancel")
			}
		}
		if r.Len() != 0 {
			t.Errorf("%d instances are left", r.Len())
		}
		return time.Since(began)
	}
	if own, shared := time1(false), time1(true); shared > 20*own+time.Second {
		t.Errorf("%v with one id, %v with ids of their own", shared, own)
	}
}

// A record whose stamp is from the future is taken, and kept as it was sent, but its owner gets the instance back.
func TestStampsFromTheFuture(t *testing.T) {
	now := hostileStart.UnixMilli()
	minute := time.Minute.Milliseconds()
	for _, tt := range []struct {
		name         string
		first, later int64
		by, again    registry.Origin
		keeps        bool // the first one
	}{
		{"client over client", math.MaxInt64, now, registry.FromClient, registry.FromClient, false},
		{"client over peer", now + 11*minute, now, registry.FromPeer, registry.FromClient, false},
		{"peer over peer", math.MaxInt64, now, registry.FromPeer, registry.FromPeer, false},
		{"start over peer", math.MaxInt64, now, registry.FromPeer, registry.FromSync, false},
		{"peer over client", math.MaxInt64, now, registry.FromClient, registry.FromPeer, true},
		{"a clock ten minutes off", now + 9*minute, now, registry.FromClient, registry.FromClient, true},
		{"a clock ten minutes slow", now, now - 9*minute, registry.FromPeer, registry.FromPeer, true},
		{"this node's clock is slow", now + 20*minute, now + 25*minute, registry.FromPeer, registry.FromPeer, false},
	} {
		r := hostileRegistry(t, registry.Config{})
		key := heureka.Key{App: "A", ID: "1"}
		for _, step := range []struct {
			dirty  int64
			origin registry.Origin
		}{{tt.first, tt.by}, {tt.later, tt.again}} {
			if _, err := r.Register(stamped("A", "1", step.dirty), step.origin, hostileStart); err != nil {
				t.Fatal(err)
			}
		}
		want := tt.later
		if tt.keeps {
			want = tt.first
		}
		if rec, _ := r.Find(key); rec.Instance().LastDirtyMS != want {
			t.Errorf("%s: %d stays, want %d", tt.name, rec.Instance().LastDirtyMS, want)
		}
		if err := r.Renew(key, registry.Renewal{DirtyMS: want, HasDirty: true}, registry.FromClient, hostileStart); err != nil {
			t.Errorf("%s: heartbeat of the owner: %v", tt.name, err)
		}
	}
}

// The nodes agree on who won, by replication as well as by what they compare.
func TestStampsFromTheFutureConverge(t *testing.T) {
	a, b := hostileRegistry(t, registry.Config{}), hostileRegistry(t, registry.Config{})
	key := heureka.Key{App: "A", ID: "1"}
	evil, good := stamped("A", "1", math.MaxInt64), stamped("A", "1", hostileStart.UnixMilli())
	must := func(_ registry.Change, err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Register(evil, registry.FromClient, hostileStart))
	must(b.RegisterTold(evil, registry.Told{Incarnation: 0}, registry.FromPeer, hostileStart))
	must(a.Register(good, registry.FromClient, hostileStart))
	exchange := func() {
		for _, e := range entries(a, hostileStart) {
			b.Merge(e, hostileStart)
		}
		for _, e := range entries(b, hostileStart) {
			a.Merge(e, hostileStart)
		}
	}
	same := func(when string) {
		t.Helper()
		if a.Digest() != b.Digest() {
			t.Errorf("%s the nodes differ", when)
		}
		for _, r := range []*registry.Registry{a, b} {
			if rec, ok := r.Find(key); !ok || rec.Instance().LastDirtyMS != good.LastDirtyMS {
				t.Errorf("%s a node has not got the owner's record", when)
			}
		}
	}
	exchange() // the replication was lost
	same("after an exchange")
	if a.Cancel(key, registry.FromClient, hostileStart) != nil || b.Cancel(key, registry.FromPeer, hostileStart) != nil {
		t.Fatal("cannot cancel")
	}
	must(a.Register(good, registry.FromClient, hostileStart))
	rec, _ := a.Find(key)
	must(b.RegisterTold(good, registry.Told{Incarnation: rec.Incarnation()}, registry.FromPeer, hostileStart))
	same("registered after a cancellation")
}

// A flood of registrations and cancels leaves little behind, and no real tombstone is pushed out by it.
func TestFloodOfCancels(t *testing.T) {
	r := hostileRegistry(t, registry.Config{})
	real1 := heureka.Key{App: "REAL", ID: "1"}
	if _, err := r.Register(stamped("REAL", "1", 1), registry.FromClient, hostileStart); err != nil {
		t.Fatal(err)
	}
	if r.Renew(real1, registry.Renewal{}, registry.FromClient, hostileStart) != nil || r.Cancel(real1, registry.FromClient, hostileStart) != nil {
		t.Fatal("cannot renew and cancel")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	long := strings.Repeat("x", 7000)
	for i := range 8_000 {
		id := fmt.Sprint(long, i)
		if _, err := r.Register(stamped("FLOOD", id, 1), registry.FromClient, hostileStart); err != nil {
			t.Fatal(err)
		}
		if err := r.Cancel(heureka.Key{App: "FLOOD", ID: id}, registry.FromClient, hostileStart); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 120<<20 {
		t.Errorf("an empty registry keeps %d MiB", grown>>20)
	}
	if ch, err := r.Register(stamped("REAL", "1", 1), registry.Origin{By: registry.ByStart}, hostileStart); err != nil || ch.Seq != 0 {
		t.Errorf("the cancelled instance came back: %+v, %v", ch, err)
	}
	if _, err := r.Register(stamped("A", strings.Repeat("x", 9000), 1), registry.FromPeer, hostileStart); err == nil {
		t.Error("an id of 9000 bytes was taken")
	}
	runtime.KeepAlive(r)
}

// At a ceiling new instances are refused, known ones never.
func TestCeilings(t *testing.T) {
	for name, cfg := range map[string]registry.Config{"all": {MaxInstances: 20}, "application": {MaxPerApp: 20}} {
		r := hostileRegistry(t, cfg)
		for i := range 25 {
			_, err := r.Register(stamped("A", fmt.Sprint(i), 1), registry.FromClient, hostileStart)
			if full := errors.Is(err, registry.ErrFull); full != (i >= 20) {
				t.Errorf("%s: instance %d: %v", name, i, err)
			}
		}
		if _, err := r.Register(stamped("A", "3", 2), registry.FromClient, hostileStart); err != nil {
			t.Errorf("%s: a known instance: %v", name, err)
		}
		for i := 30; i < 35; i++ {
			_, err := r.RegisterTold(stamped("A", fmt.Sprint(i), 1), registry.Told{Incarnation: 0}, registry.FromPeer, hostileStart)
			if full := errors.Is(err, registry.ErrFull); full != (i >= 32) {
				t.Errorf("%s: instance %d of a peer: %v", name, i, err)
			}
		}
		_, err := r.Register(stamped("B", "1", 1), registry.FromClient, hostileStart)
		if full := errors.Is(err, registry.ErrFull); full != (name == "all") {
			t.Errorf("%s: another application: %v", name, err)
		}
	}
}

// A client whose clock is ahead leaves and comes back: what a peer tells of that has the later stamp, and is not late.
func TestStampsFromTheFutureComeBack(t *testing.T) {
	r := hostileRegistry(t, registry.Config{})
	key, ahead := heureka.Key{App: "A", ID: "1"}, hostileStart.Add(time.Hour).UnixMilli()
	for _, dirty := range []int64{ahead, ahead + 1} {
		if _, err := r.RegisterTold(stamped("A", "1", dirty), registry.Told{Incarnation: 0}, registry.FromPeer, hostileStart); err != nil {
			t.Fatal(err)
		}
		if _, here := r.Find(key); !here {
			t.Errorf("the registration with stamp %d was left aside", dirty)
		}
		_ = r.Cancel(key, registry.FromPeer, hostileStart)
	}
}
