package prometheus_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	prom "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"heureka.internal/heureka/adapters/prometheus"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// What a scrape shows of a client that has fetched a registry and called a service.
func TestScrape(t *testing.T) {
	orders := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	defer orders.Close()
	registry := heurekatest.NewRegistry(t, heurekatest.Instance("orders", orders.URL))
	m := prometheus.New()
	scraped := prom.NewPedanticRegistry()
	scraped.MustRegister(m)
	if _, err := scraped.Gather(); err != nil {
		t.Error("before a client is followed: ", err)
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

	page := httptest.NewRecorder()
	promhttp.HandlerFor(scraped, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`eureka_client_request_duration_seconds_count{code="200",operation="fetch"} 1`,
		`eureka_client_try_duration_seconds_count{code="418",service="ORDERS"} 1`,
		"eureka_client_fetches_total 1", "eureka_client_full_fetches_total 1", "eureka_client_fetch_failures_total 0",
		"eureka_client_last_heartbeat_timestamp_seconds 0", "eureka_client_watching 1",
	} {
		if !strings.Contains(page.Body.String(), want+"\n") {
			t.Errorf("missing: %s\n%s", want, page.Body)
		}
	}
	if problems, err := testutil.GatherAndLint(scraped); err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

// run runs c until the test ends, and returns when it has a registry, has counted that, and hears of changes.
func run(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = c.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	for limit := time.Now().Add(time.Minute); c.Stats().Fetches == 0 || !c.Stats().Watching; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("no fetch is counted, or the server does not tell of changes")
		}
	}
}
