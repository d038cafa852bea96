package client_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/wire"
)

// sizes are numbers of instances, 20 to an application.
var sizes = []int{100, 10_000}

// registry makes n instances with the fields that Spring programs send.
func registry(n int) []*heureka.Instance {
	list := make([]*heureka.Instance, n)
	for i := range list {
		app, host := fmt.Sprintf("service-%03d", i/20), fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
		list[i] = &heureka.Instance{
			App: heureka.AppName(app), ID: host + ":" + app + ":8080", HostName: host, IPAddr: host, Status: up, CountryID: 1,
			Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443},
			DataCenter: heureka.OwnDataCenter, VIPAddress: app, SecureVIPAddress: app,
			HomePageURL: "http://" + host + ":8080/", StatusPageURL: "http://" + host + ":8080/actuator/info",
			HealthCheckURL: "http://" + host + ":8080/actuator/health",
			Lease:          heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90, RegistrationMS: 1, ServiceUpMS: 1},
			Metadata:       heureka.NewMetadata(map[string]string{"management.port": "8080", "zone": fmt.Sprint("zone-", i%3), "weight": "1"}),
			LastUpdatedMS:  1795389394519, LastDirtyMS: 1795389393136, Action: heureka.ActionAdded,
		}
	}
	return list
}

func applicationsOf(b *testing.B, list []*heureka.Instance) *heureka.Applications {
	b.Helper()
	apps, err := wire.DecodeApplications(wire.JSON, document(list, 1, "UP_"))
	if err != nil {
		b.Fatal(err)
	}
	return apps
}

// static is a server that always sends the same registry and delta.
type static struct{ full, delta []byte }

func (s *static) RoundTrip(r *http.Request) (*http.Response, error) {
	body := s.full
	if strings.HasSuffix(r.URL.Path, "/delta") {
		body = s.delta
	}
	return &http.Response{
		StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader(body)), Request: r,
	}, nil
}

func withRegistry(b *testing.B, n int) *client.Client {
	c, err := client.New(client.Config{})
	if err != nil {
		b.Fatal(err)
	}
	client.PublishForTest(c, applicationsOf(b, registry(n)))
	return c
}

func bySize(b *testing.B, f func(b *testing.B, n int)) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("instances=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			f(b, n)
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		s := withRegistry(b, n).Snapshot()
		for b.Loop() {
			if len(s.VIP("Service-003")) != 20 {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkInstance(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		s := withRegistry(b, n).Snapshot()
		for b.Loop() {
			if _, ok := s.Instance("SERVICE-003", "10.0.0.65:service-003:8080"); !ok {
				b.Fatal("not found")
			}
		}
	})
}

func BenchmarkPick(b *testing.B) {
	list := farm(10_000, func(i int, in *heureka.Instance) { meta(in, "zone", fmt.Sprint("zone-", i%3)) })
	for name, balancer := range all() {
		b.Run(name, func(b *testing.B) {
			info := client.PickInfo{Context: b.Context(), Service: "A", Instances: list}
			b.ReportAllocs()
			for b.Loop() {
				balancer.Pick(info).Done(nil)
			}
		})
	}
}

// BenchmarkTransport is what a request to a service costs beyond its base.
func BenchmarkTransport(b *testing.B) {
	c := withRegistry(b, 10_000)
	tr := &client.Transport{Client: c, Base: &staticBase{resp: &http.Response{StatusCode: 200, Body: http.NoBody}}}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://service-003/path", nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.RoundTrip(req); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodeFull is the part of a full refresh that cannot be avoided.
func BenchmarkDecodeFull(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		body := document(registry(n), 1, "")
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			if _, err := wire.DecodeApplications(wire.JSON, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRefreshFull is a whole fetch of a registry that is as it was, without network and gzip.
func BenchmarkRefreshFull(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		srv := &static{full: document(registry(n), 1, fmt.Sprintf("UP_%d_", n))}
		c, err := client.New(client.Config{Transport: srv, DisableDelta: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := client.RefreshForTest(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := client.RefreshForTest(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFirstFetch is a whole fetch into an empty copy, by a new client.
func BenchmarkFirstFetch(b *testing.B) {
	bySize(b, func(b *testing.B, n int) {
		srv := &static{full: document(registry(n), 1, fmt.Sprintf("UP_%d_", n))}
		for b.Loop() {
			c, err := client.New(client.Config{Transport: srv})
			if err != nil {
				b.Fatal(err)
			}
			if err := client.RefreshForTest(b.Context(), c); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkRefreshDelta applies deltas with ten instances that have changed, and with the same ten again, as most
// deltas are.
func BenchmarkRefreshDelta(b *testing.B) {
	for _, changing := range []bool{true, false} {
		b.Run(fmt.Sprintf("changing=%v", changing), func(b *testing.B) {
			bySize(b, func(b *testing.B, n int) {
				list := registry(n)
				srv := &static{full: document(list, 1, fmt.Sprintf("UP_%d_", n))}
				c, err := client.New(client.Config{Transport: srv})
				if err != nil {
					b.Fatal(err)
				}
				if err := client.RefreshForTest(b.Context(), c); err != nil {
					b.Fatal(err)
				}
				var deltas [2][]byte
				for i := range deltas {
					var changed []*heureka.Instance
					for j := range 10 {
						in := list[j*7].Clone()
						in.LastUpdatedMS = int64(i)
						changed = append(changed, in)
					}
					deltas[i] = document(changed, int64(i), fmt.Sprintf("UP_%d_", n))
				}
				i := 0
				for b.Loop() {
					if changing {
						i++
					}
					srv.delta = deltas[i%2]
					if err := client.RefreshForTest(b.Context(), c); err != nil {
						b.Fatal(err)
					}
				}
				if got := c.Stats(); got.FullFetches != 1 {
					b.Fatalf("stats %+v", got)
				}
			})
		})
	}
}

// BenchmarkMemory reports how many bytes a client's copy takes.
func BenchmarkMemory(b *testing.B) {
	const n = 10_000
	for b.Loop() {
		srv := &static{full: document(registry(n), 1, fmt.Sprintf("UP_%d_", n))}
		before := heap()
		c, err := client.New(client.Config{Transport: srv, Rand: rand.NewPCG(1, 1)})
		if err != nil {
			b.Fatal(err)
		}
		if err := client.RefreshForTest(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		after := heap()
		b.ReportMetric(float64(after-before)/n, "B/instance")
		b.ReportMetric(float64(len(srv.full))/n, "JSON-B/instance")
		runtime.KeepAlive(c)
		runtime.KeepAlive(srv)
	}
}

func heap() uint64 {
	for range 3 { // pools too
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
