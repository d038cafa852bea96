package replication_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/internal/replication/replicationtest"
	"heureka.internal/heureka/internal/wire"
)

// What a heartbeat pays for replication to one peer, whether that is healthy or a black hole: ns/op and bytes must not
// differ by much. The healthy peer's own work is in it, as it runs on the same processors.
func BenchmarkHeartbeatToPeer(b *testing.B) {
	for name, link := range map[string]memnet.Link{"healthy": {}, "black hole": {Drop: true}} {
		b.Run(name, func(b *testing.B) {
			const instances = 10_000
			n := new(memnet.Network)
			reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
			if err != nil {
				b.Fatal(err)
			}
			for i := range instances {
				if _, err := reg.Register(instance(fmt.Sprint(i)), registry.FromClient, time.Now()); err != nil {
					b.Fatal(err)
				}
			}
			stop := serveBench(b, n, reg)
			defer stop()
			n.SetLink("a", "b", link)
			u := new(urls)
			u.set(nil, url("b"))
			peers, err := replication.New(replicationtest.Config(replication.Config{
				Store: reg, Resolver: u, Rand: rand.NewPCG(1, 1),
				Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					return n.Host("a").DialContext(ctx, network, addr)
				}},
			}))
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(b.Context())
			var wg sync.WaitGroup
			wg.Go(func() { peers.Run(ctx) })
			for range peers.Sync(ctx) {
				break // waits for the peers to be resolved
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				peers.Add(wire.Heartbeat, keyOf(fmt.Sprint(i%instances)), time.Now())
			}
			cancel()
			wg.Wait()
		})
	}
}

// serveBench runs the peer: it says yes to everything.
func serveBench(b *testing.B, n *memnet.Network, reg *registry.Registry) (stop func()) {
	b.Helper()
	ln, err := n.Host("b").Listen(":8761")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: (&node{reg: reg}).api()}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	return func() { _ = srv.Close(); wg.Wait() }
}

// What a node pays that copies the registry of another one: for each instance, without the network between them.
func BenchmarkPull(b *testing.B) {
	const instances = 50_000
	store := func() *registry.Registry {
		reg, err := registry.New(registrytest.Config(registry.Config{Rand: rand.NewPCG(1, 1)}))
		if err != nil {
			b.Fatal(err)
		}
		return reg
	}
	from, now := store(), time.Now()
	for i := range instances {
		if _, err := from.Register(instance(fmt.Sprint("instance-", i)), registry.FromClient, now); err != nil {
			b.Fatal(err)
		}
	}
	var serving, taking time.Duration
	for b.Loop() {
		digest := from.Digest()
		p := replication.NewPull(store(), registry.FromSync, replication.NonZero(&digest))
		for body := p.Request(now); body != nil; body = p.Request(now) {
			began := time.Now()
			doc := replication.AnswerBuckets(from, body, now)
			serving += time.Since(began)
			began = time.Now()
			if err := p.Take(doc, now); err != nil {
				b.Fatal(err)
			}
			taking += time.Since(began)
		}
		if p.Changed != instances {
			b.Fatalf("%d of %d instances came", p.Changed, instances)
		}
	}
	b.ReportMetric(float64(serving.Nanoseconds())/float64(b.N*instances), "ns-serving/instance")
	b.ReportMetric(float64(taking.Nanoseconds())/float64(b.N*instances), "ns-taking/instance")
}
