package respcache_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/registry/registrytest"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/respcache/respcachetest"
	"heureka.internal/heureka/internal/wire"
)

// perApp is how many instances the applications of the benchmarks have.
const perApp = 20

// realistic returns n instances as different from each other as those of a cloud are: addresses, zones, versions, times.
func realistic(n int) []*heureka.Instance {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]*heureka.Instance, n)
	for i := range out {
		out[i] = randomInstance(r, fmt.Sprintf("SERVICE-%05d", i/perApp))
	}
	r.Shuffle(n, func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func randomInstance(r *rand.Rand, app string) *heureka.Instance {
	ip := fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256))
	host := "ip-" + strings.ReplaceAll(ip, ".", "-") + ".eu-west-1.compute.internal"
	lower := strings.ToLower(app)
	start := epoch.UnixMilli() + r.Int64N(1e9)
	return &heureka.Instance{
		App: app, ID: host + ":" + lower + ":8080", HostName: host, IPAddr: ip, Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443},
		CountryID: heureka.DefaultCountryID, DataCenter: heureka.OwnDataCenter,
		Lease: heureka.LeaseInfo{
			RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: start,
			LastRenewalMS: start + r.Int64N(1e7), ServiceUpMS: start,
		},
		Metadata: heureka.NewMetadata(map[string]string{
			"management.port": "8080",
			"zone":            fmt.Sprintf("eu-west-1%c", 'a'+r.IntN(3)),
			"version":         fmt.Sprintf("1.%d.%d", r.IntN(9), r.IntN(20)),
		}),
		HomePageURL: "http://" + host + ":8080/", StatusPageURL: "http://" + host + ":8080/actuator/info",
		HealthCheckURL: "http://" + host + ":8080/actuator/health", VIPAddress: lower, SecureVIPAddress: lower,
		LastUpdatedMS: start, LastDirtyMS: start - r.Int64N(1000), Action: heureka.ActionAdded,
	}
}

// sizes are the registries of the benchmarks.
var sizes = []int{1_000, 10_000, 100_000, 1_000_000}

// loaded returns a cache with n instances that were registered long ago, as far as deltas go.
func loaded(n int) (*respcache.Cache, []*heureka.Instance) {
	instances := instancesFor(n)
	c := respcachetest.New(respcache.Config{Token: "t"})
	for i, in := range instances {
		c.Apply(change(uint64(i+1), in, epoch))
	}
	c.PurgeDelta(epoch.Add(time.Hour))
	return c, instances
}

// instancesFor keeps the last set made: a million takes longer to make than to measure.
func instancesFor(n int) []*heureka.Instance {
	kept.Lock()
	defer kept.Unlock()
	if len(kept.instances) != n {
		kept.instances = realistic(n)
	}
	return kept.instances
}

var kept struct {
	sync.Mutex
	instances []*heureka.Instance
}

func change(seq uint64, in *heureka.Instance, at time.Time) registry.Change {
	return registry.Change{Seq: seq, Kind: registry.Registered, At: at, Key: in.Key(), Record: registry.NewRecord(in)}
}

var fullGzip = respcache.Query{Kind: respcache.All, Form: wire.Form{Format: wire.JSON}, Gzip: true}

// each runs a benchmark for each size.
func each(b *testing.B, run func(b *testing.B, c *respcache.Cache, instances []*heureka.Instance)) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			if testing.Short() && n > 10_000 {
				b.Skip("large")
			}
			c, instances := loaded(n)
			b.ReportAllocs()
			run(b, c, instances)
		})
	}
}

// BenchmarkQuiet is a read of the whole registry while nothing changes.
func BenchmarkQuiet(b *testing.B) {
	each(b, func(b *testing.B, c *respcache.Cache, _ []*heureka.Instance) {
		for b.Loop() {
			send(b, c, fullGzip, epoch)
		}
	})
}

// BenchmarkFirst is the first full answer after start, or after nobody has asked for it for a while.
func BenchmarkFirst(b *testing.B) {
	each(b, func(b *testing.B, c *respcache.Cache, _ []*heureka.Instance) {
		for now := epoch; b.Loop(); now = now.Add(time.Hour) {
			c.Maintain(now, 0)
			get(b, c, fullGzip, now)
		}
	})
}

// BenchmarkOneChange is a change and the next full answer, without sending it.
func BenchmarkOneChange(b *testing.B) {
	each(b, func(b *testing.B, c *respcache.Cache, instances []*heureka.Instance) {
		r := rand.New(rand.NewPCG(3, 4))
		seq := uint64(len(instances))
		get(b, c, fullGzip, epoch)
		for b.Loop() {
			seq++
			c.Apply(change(seq, again(instances[r.IntN(len(instances))]), epoch))
			get(b, c, fullGzip, epoch)
		}
	})
}

// BenchmarkDelta is a change and the next delta, while as many instances as in 3 minutes of a calm day have changed.
func BenchmarkDelta(b *testing.B) {
	delta := fullGzip
	delta.Kind = respcache.Delta
	each(b, func(b *testing.B, c *respcache.Cache, instances []*heureka.Instance) {
		r := rand.New(rand.NewPCG(3, 4))
		seq := uint64(len(instances))
		for b.Loop() {
			seq++
			c.Apply(change(seq, again(instances[r.IntN(50)]), epoch))
			get(b, c, delta, epoch)
		}
	})
}

// BenchmarkApply is one of many changes, with the registry locked.
func BenchmarkApply(b *testing.B) {
	each(b, func(b *testing.B, c *respcache.Cache, instances []*heureka.Instance) {
		r := rand.New(rand.NewPCG(3, 4))
		seq := uint64(len(instances))
		for b.Loop() {
			seq++
			c.Apply(change(seq, again(instances[r.IntN(len(instances))]), epoch))
		}
	})
}

// BenchmarkFill fills a cache while nobody reads, as in a copy from a peer.
func BenchmarkFill(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var all []registry.Change
			reg, err := registry.New(registrytest.Config(registry.Config{OnChange: func(ch registry.Change) { all = append(all, ch) }}))
			if err != nil {
				b.Fatal(err)
			}
			for _, in := range realistic(n) {
				if _, err := reg.Register(in, registry.FromClient, epoch); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				c := respcachetest.New(respcache.Config{})
				for _, ch := range all {
					c.Apply(ch)
				}
				c.Counts()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/change")
			runtime.KeepAlive(reg)
		})
	}
}

// BenchmarkOneApplication is a read of one of many applications, in turn.
func BenchmarkOneApplication(b *testing.B) {
	each(b, func(b *testing.B, c *respcache.Cache, instances []*heureka.Instance) {
		r := rand.New(rand.NewPCG(3, 4))
		for b.Loop() {
			send(b, c, respcache.Query{Kind: respcache.App, Name: instances[r.IntN(1000)].App}, epoch)
		}
	})
}

// BenchmarkMemory reports what the cache keeps for each instance, with the two usual variants in use, and how the answer
// compares with one piece of zlib's level 6.
func BenchmarkMemory(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			instances := instancesFor(n)
			for b.Loop() {
				measure(b, instances)
			}
		})
	}
}

func measure(b *testing.B, instances []*heureka.Instance) {
	n := float64(len(instances))
	before := heap()
	c, _ := loaded(len(instances))
	bare := heap()
	b.ReportMetric(float64(bare-before)/n, "bare-B/instance")
	a := get(b, c, fullGzip, epoch)
	json := heap()
	b.ReportMetric(float64(json-bare)/n, "json-B/instance")
	x := fullGzip
	x.Form.Format = wire.XML
	get(b, c, x, epoch)
	b.ReportMetric(float64(heap()-json)/n, "xml-B/instance")
	b.ReportMetric(float64(a.Length)/n, "quick-B/instance")
	for c.Maintain(epoch.Add(time.Minute), 1000) > 0 {
	}
	c.Apply(change(uint64(n)+1, again(instances[0]), epoch))
	b.ReportMetric(float64(get(b, c, fullGzip, epoch).Length)/n, "thorough-B/instance")
	if n <= 100_000 {
		b.ReportMetric(float64(onePiece(b, a))/n, "onepiece-B/instance")
	}
}

// onePiece returns the size of a's text compressed by the standard library at level 6.
func onePiece(b *testing.B, a *respcache.Answer) int {
	var size counter
	w, _ := gzip.NewWriterLevel(&size, 6)
	io.WriteString(w, text(b, a))
	w.Close()
	return int(size)
}

type counter int

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// again returns in as its next registration leaves it.
func again(in *heureka.Instance) *heureka.Instance {
	c := in.Clone()
	c.LastUpdatedMS++
	return c
}

func get(b *testing.B, c *respcache.Cache, q respcache.Query, now time.Time) *respcache.Answer {
	a, err := c.Get(q, now)
	if err != nil {
		b.Fatal(err)
	}
	return a
}

func send(b *testing.B, c *respcache.Cache, q respcache.Query, now time.Time) {
	if _, err := get(b, c, q, now).WriteTo(io.Discard); err != nil {
		b.Fatal(err)
	}
}
