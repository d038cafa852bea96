package replication_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/lockcheck"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/wire"
)

// Nothing that Peers calls finds one of its locks held: not the log, the phase, the registry, the resolver, the network.
// A log that blocks would else make every batch time out.
func TestNothingIsCalledUnderALock(t *testing.T) {
	c := lockcheck.New(t)
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) })
		r := &ring{t, &memnet.Network{Seed: 1, Default: memnet.Link{Latency: time.Millisecond}}}
		checked := func(n *node, cfg *replication.Config, _ *http.Handler) {
			cfg.Logger = slog.New(c.Handler())
			cfg.Phase = func() string { c.Check("phase"); return replication.PhaseOpen }
			cfg.Store = checkedStore{n.reg, c}
			cfg.Resolver = checkedResolver{n.urls, c}
			cfg.Transport = c.Transport(cfg.Transport)
		}
		a := r.start("a", []string{"a", "b", "c", "alias"}, checked)
		b := r.start("b", []string{"a", "b", "c"})
		c.Probe(func() {
			now := time.Now()
			a.peers.Add(wire.Heartbeat, keyOf("1"), now)
			_ = a.peers.Status(now)
			replication.TakeLock(a.peers)
		})
		stop := r.serve("alias", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { b.peers.Wrap(b.api()).ServeHTTP(w, req) }))
		r.start("c", []string{"a", "b", "c"}, java)
		for i, id := range []string{"1", "2", "3"} {
			a.register(id)
			b.register(id + "b")
			b.reg.Register(instance(id+"silent"), registry.FromClient, time.Now()) // found by comparing
			r.wait(time.Duration(i+1) * 20 * time.Second)
			a.cancel(id)
		}
		b.stop()
		stop()
		r.wait(time.Minute)
		a.urls.set(nil, url("a"), url("d"))
		a.peers.Reload()
		r.wait(time.Minute)
		for range a.peers.Sync(t.Context()) {
		}
	})
	if n := c.Checks(); n < 100 {
		t.Errorf("%d calls were checked, want hundreds", n)
	}
}

type checkedStore struct {
	replication.Store
	c *lockcheck.Checker
}

func (s checkedStore) Find(key heureka.Key) (registry.Record, bool) {
	s.c.Check("find")
	return s.Store.Find(key)
}

func (s checkedStore) Digest() [registry.Buckets]uint64 {
	s.c.Check("digest")
	return s.Store.Digest()
}

func (s checkedStore) Bucket(i int, now time.Time) []registry.Known {
	s.c.Check("bucket")
	return s.Store.Bucket(i, now)
}

func (s checkedStore) Merge(e registry.Entry, now time.Time) bool {
	s.c.Check("merge")
	return s.Store.Merge(e, now)
}

type checkedResolver struct {
	replication.PeerFinder
	c *lockcheck.Checker
}

func (s checkedResolver) Resolve(ctx context.Context) ([]replication.Target, error) {
	s.c.Check("resolve")
	return s.PeerFinder.Resolve(ctx)
}
