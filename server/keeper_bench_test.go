package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// benchInstance has what a Spring client sends, no text shared with any other.
func benchInstance(i int) *heureka.Instance {
	app := fmt.Sprintf("service-%03d", i/50)
	host := fmt.Sprintf("10-0-%d-%d.%s.example.org", i>>8&255, i&255, app)
	url := "http://" + host + ":8080"
	return &heureka.Instance{
		App: heureka.AppName(app), ID: host + ":" + app + ":8080", HostName: host, IPAddr: fmt.Sprintf("10.0.%d.%d", i>>8&255, i&255), Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443}, CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Lease:       heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		Metadata:    heureka.MetadataOf([]heureka.MetadataEntry{{Key: "management.port", Value: fmt.Sprint(8000 + i%1000)}}),
		HomePageURL: url + "/", StatusPageURL: url + "/actuator/info", HealthCheckURL: url + "/actuator/health", VIPAddress: app, SecureVIPAddress: app, LastDirtyMS: 1000,
	}
}

// benchServer returns a node of n instances, which runs until the benchmark ends if it has tasks.
func benchServer(b *testing.B, n int, dir string, tasks bool) (*Server, []*heureka.Instance) {
	b.Helper()
	s, err := New(Config{DataDir: dir, Rand: rand.NewPCG(1, 2)})
	if err != nil {
		b.Fatal(err)
	}
	if tasks {
		ctx, stop := context.WithCancel(b.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		b.Cleanup(func() { stop(); run.Wait() })
	}
	fleet := make([]*heureka.Instance, n)
	for i := range fleet {
		fleet[i] = benchInstance(i)
		if err := s.node.Register(fleet[i], registry.FromClient); err != nil {
			b.Fatal(err)
		}
	}
	return s, fleet
}

// What a snapshot of many instances takes: its size, the time to write and to restore it, and for how long a registration waits
// meanwhile, at most.
func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n > 100_000 && testing.Short() {
				b.Skip("short")
			}
			s, fleet := benchServer(b, n, b.TempDir(), false)
			k := s.keeper
			defer k.close()
			var writing atomic.Bool
			var longest time.Duration
			var others sync.WaitGroup
			writing.Store(true)
			others.Go(func() {
				for i := 0; writing.Load(); i++ {
					began := time.Now()
					_ = s.node.Register(fleet[i%n], registry.FromClient)
					longest = max(longest, time.Since(began))
					time.Sleep(time.Millisecond)
				}
			})
			var size int64
			for b.Loop() {
				saved, err := k.save(time.Now())
				if err != nil {
					b.Fatal(err)
				}
				size = saved.Bytes
			}
			writing.Store(false)
			others.Wait()
			b.ReportMetric(float64(size), "bytes")
			b.ReportMetric(longest.Seconds()*1000, "longest-wait-ms")
			k.close()
			began := time.Now()
			restored, err := New(Config{DataDir: k.dir, Rand: rand.NewPCG(1, 2)})
			if err != nil {
				b.Fatal(err)
			}
			if got := restored.restoreSnapshot(restored.keeper.load(), 0); got != n {
				b.Fatalf("%d instances restored of %d", got, n)
			}
			restored.keeper.close()
			b.ReportMetric(time.Since(began).Seconds()*1000, "restore-ms")
		})
	}
}

// What a data directory costs each operation: the ratio of a node with one to a node without, in turns.
func BenchmarkDataDirCosts(b *testing.B) {
	const n, turn = 10_000, 500
	for name, op := range map[string]func(s *Server, in *heureka.Instance, i int) error{
		"heartbeat": func(s *Server, in *heureka.Instance, _ int) error {
			return s.node.Renew(in.Key(), registry.Renewal{DirtyMS: in.LastDirtyMS, HasDirty: true}, registry.FromClient)
		},
		"registration": func(s *Server, in *heureka.Instance, _ int) error { return s.node.Register(in, registry.FromClient) },
		"change": func(s *Server, in *heureka.Instance, i int) error {
			return s.node.SetOverride(in.Key(), []heureka.Status{heureka.StatusOutOfService, heureka.StatusUp}[i/n%2], 0, registry.FromClient)
		},
	} {
		b.Run(name, func(b *testing.B) {
			with, fleet := benchServer(b, n, b.TempDir(), true)
			without, _ := benchServer(b, n, "", true)
			time.Sleep(2 * time.Second)
			var took [2]time.Duration
			i := 0
			for b.Loop() {
				for k := range 2 { // who is second finds what both need in the processor's cache
					side := (k + i/turn) % 2
					s, began := []*Server{with, without}[side], time.Now()
					for j := i; j < i+turn; j++ {
						if err := op(s, fleet[j%n], j); err != nil {
							b.Fatal(err)
						}
					}
					took[side] += time.Since(began)
				}
				i += turn
			}
			b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "with/without")
		})
	}
}
