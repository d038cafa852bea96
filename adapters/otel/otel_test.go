package otel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"heureka.internal/heureka/adapters/otel"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// What the SDK collects of a client that has fetched a registry and called a service.
func TestMetrics(t *testing.T) {
	orders := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer orders.Close()
	registry := heurekatest.NewRegistry(t, heurekatest.Instance("orders", orders.URL))
	reader := metric.NewManualReader()
	m, err := otel.New(metric.NewMeterProvider(metric.WithReader(reader)))
	if err != nil {
		t.Fatal(err)
	}
	if got := collect(t, reader); len(got) > 0 {
		t.Errorf("before a client is followed: %v", got)
	}
	c, err := client.New(client.Config{Servers: []string{registry.URL}, Hooks: m.Hooks()})
	if err != nil {
		t.Fatal(err)
	}
	m.Follow(c)
	run(t, c)
	calls := &client.Transport{Client: c, Hooks: m.TransportHooks()}
	defer calls.CloseIdleConnections()
	resp, err := (&http.Client{Transport: calls}).Get("http://orders/7")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	got := collect(t, reader)
	for name, want := range map[string]int64{
		"eureka.client.request.duration fetch 200": 1, "eureka.client.try.duration ORDERS 418": 1,
		"eureka.client.fetches": 1, "eureka.client.full_fetches": 1, "eureka.client.heartbeats": 0,
		"eureka.client.instances": int64(c.Stats().Instances),
	} {
		if n, ok := got[name]; !ok || n != want {
			t.Errorf("%s = %d, %v, want %d; all: %v", name, n, ok, want, got)
		}
	}
}

// collect returns values, and counts of histograms, by name and attributes.
func collect(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					got[m.Name+values(p.Attributes)] = int64(p.Count)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+values(p.Attributes)] = p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					got[m.Name+values(p.Attributes)] = p.Value
				}
			}
		}
	}
	return got
}

func values(set attribute.Set) (text string) {
	for _, kv := range set.ToSlice() {
		text += " " + kv.Value.Emit()
	}
	return text
}

// run runs c until the test ends, and returns when it has a registry and has counted that.
func run(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); c.Stats().Fetches == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("no fetch is counted")
		}
	}
}
