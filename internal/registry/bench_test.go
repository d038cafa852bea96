package registry_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
)

var sizes = []int{1_000, 10_000, 100_000, 1_000_000}

// typical returns an instance with what a Spring client sends, no text shared with any other.
func typical(i int) *heureka.Instance {
	name := fmt.Sprintf("service-%03d", i/50)
	host := fmt.Sprintf("10-0-%d-%d.%s.example.org", i>>8&255, i&255, name)
	url := fmt.Sprintf("http://%s:8080", host)
	return &heureka.Instance{
		App: heureka.AppName(name), ID: fmt.Sprintf("%s:%s:8080", host, name), HostName: host,
		IPAddr: fmt.Sprintf("10.0.%d.%d", i>>8&255, i&255), Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443}, CountryID: 1,
		DataCenter: heureka.OwnDataCenter, Lease: heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		Metadata:    heureka.MetadataOf([]heureka.MetadataEntry{{Key: "management.port", Value: fmt.Sprint(8000 + i%1000)}}),
		HomePageURL: url + "/", StatusPageURL: url + "/actuator/info", HealthCheckURL: url + "/actuator/health",
		VIPAddress: fmt.Sprint(name), SecureVIPAddress: fmt.Sprint(name), LastDirtyMS: 1000,
	}
}

// populated returns an open registry of n instances and their keys in random order.
func populated(b *testing.B, n int, cfg registry.Config) (*registry.Registry, []heureka.Key, time.Time) {
	b.Helper()
	cfg.Rand = rand.NewPCG(1, 2)
	r, err := registry.New(registrytest.Config(cfg))
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	r.OpenForTraffic(n, now)
	keys := make([]heureka.Key, n)
	for i := range n {
		in := typical(i)
		keys[i] = in.Key()
		if _, err := r.Register(in, registry.FromClient, now); err != nil {
			b.Fatal(err)
		}
	}
	rand.New(rand.NewPCG(3, 4)).Shuffle(n, func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return r, keys, now
}

func perSize(b *testing.B, bench func(b *testing.B, n int)) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if n >= 1_000_000 && testing.Short() {
				b.Skip("short")
			}
			b.ReportAllocs()
			bench(b, n)
		})
	}
}

func BenchmarkRenew(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		c := registry.Renewal{DirtyMS: 1000, HasDirty: true}
		i := 0
		for b.Loop() {
			if err := r.Renew(keys[i%n], c, registry.FromClient, now); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

func BenchmarkRenewParallel(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		c := registry.Renewal{DirtyMS: 1000, HasDirty: true}
		b.RunParallel(func(pb *testing.PB) {
			for i := rand.IntN(n); pb.Next(); i++ {
				r.Renew(keys[i%n], c, registry.FromClient, now)
			}
		})
	})
}

// BenchmarkRegisterNewAndCancel registers a new instance and cancels it.
func BenchmarkRegisterNewAndCancel(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, _, now := populated(b, n, registry.Config{})
		fresh := make([]*heureka.Instance, 1000)
		for i := range fresh {
			fresh[i] = typical(n + i)
		}
		i := 0
		for b.Loop() {
			in := fresh[i%len(fresh)]
			r.Register(in, registry.FromClient, now)
			r.Cancel(in.Key(), registry.FromClient, now)
			i++
		}
	})
}

func BenchmarkRegisterAgain(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, _, now := populated(b, n, registry.Config{})
		again := make([]*heureka.Instance, 1000)
		for i := range again {
			again[i] = typical(i * (n / 1000))
			again[i].LastDirtyMS++
		}
		i := 0
		for b.Loop() {
			r.Register(again[i%len(again)], registry.FromClient, now)
			i++
		}
	})
}

// BenchmarkTick is one minute of a healthy registry: two heartbeats of everybody (not timed) and the tick.
func BenchmarkTick(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		var longest time.Duration
		for b.Loop() {
			b.StopTimer()
			for half := range 2 {
				for i, k := range keys { // spread over the half minute
					at := now.Add(time.Duration(half)*30*time.Second + 30*time.Second*time.Duration(i)/time.Duration(n))
					r.Renew(k, registry.Renewal{}, registry.FromClient, at)
				}
			}
			now = now.Add(time.Minute)
			b.StartTimer()
			began := time.Now()
			if e := r.Evict(now); e.Expired > 0 {
				b.Fatalf("%+v", e)
			}
			longest = max(longest, time.Since(began))
		}
		b.ReportMetric(float64(longest.Nanoseconds()), "longest-ns")
	})
}

// BenchmarkTickEvicting is a tick that evicts as many as it may, 15 %.
func BenchmarkTickEvicting(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		evicted := 0
		for b.Loop() {
			b.StopTimer()
			r, _, now := populated(b, n, registry.Config{DisableSelfPreservation: true})
			b.StartTimer()
			evicted = r.Evict(now.Add(2 * time.Minute)).Evicted
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*evicted), "ns/eviction")
	})
}

func BenchmarkGet(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		i := 0
		for b.Loop() {
			r.Get(keys[i%n], now)
			i++
		}
	})
}

// BenchmarkStats is a status read on a node that advances every second.
func BenchmarkStats(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, _, now := populated(b, n, registry.Config{})
		r.Advance(now.Add(time.Second))
		for b.Loop() {
			r.Stats(now.Add(time.Second))
		}
	})
}

// BenchmarkAdvance is a second of a healthy registry: a thirtieth of it beats (not timed), and whose time has come is looked
// at.
func BenchmarkAdvance(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		second := 0
		step := func() {
			now = now.Add(time.Second)
			for i := second % 30 * n / 30; i < (second%30+1)*n/30; i++ {
				r.Renew(keys[i], registry.Renewal{}, registry.FromClient, now)
			}
			second++
		}
		for range 90 {
			step()
			r.Advance(now)
		}
		for b.Loop() {
			b.StopTimer()
			step()
			b.StartTimer()
			r.Advance(now)
		}
	})
}

// BenchmarkSilence is the explanation of a loss of half the fleet, who is missing by name.
func BenchmarkSilence(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		r, keys, now := populated(b, n, registry.Config{})
		now = now.Add(2 * time.Minute)
		for _, k := range keys[:n/2] {
			r.Renew(k, registry.Renewal{}, registry.FromClient, now)
		}
		r.Advance(now)
		for b.Loop() {
			r.Silence(10_000, now)
		}
	})
}

// BenchmarkMemory reports the bytes that an instance takes in the registry, its own text included, and apart from that.
func BenchmarkMemory(b *testing.B) {
	perSize(b, func(b *testing.B, n int) {
		heap := func() float64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return float64(m.HeapAlloc)
		}
		var all, own float64
		for b.Loop() {
			before := heap()
			r, keys, now := populated(b, n, registry.Config{})
			all = heap() - before - float64(32*n)
			before = heap()
			text := make([]*heureka.Instance, n)
			for i := range text {
				text[i] = typical(i)
			}
			own = all - (heap() - before - float64(8*n))
			r.Evict(now)
			runtime.KeepAlive(keys)
			runtime.KeepAlive(text)
		}
		b.ReportMetric(all/float64(n), "B/instance")
		b.ReportMetric(own/float64(n), "B/instance-over-decoded")
	})
}
