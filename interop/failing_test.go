//go:build interop

package interop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	registryclient "heureka.internal/heureka/client"
)

// TestFailingInstances has Spring Cloud LoadBalancer and our Transport, both as they are by default, call a service of three
// instances, of which one accepts connections and never answers and one answers 503.
func TestFailingInstances(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	s := newScript(t)
	var changes []change
	for i, h := range []http.HandlerFunc{
		func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("well")) },
		func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		func(http.ResponseWriter, *http.Request) { <-over },
	} {
		web := httptest.NewServer(h)
		t.Cleanup(web.Close)
		u, _ := url.Parse(web.URL)
		port, _ := strconv.Atoi(u.Port())
		changes = append(changes, change{key: key{"ORDERS", "o" + strconv.Itoa(i)}, fields: map[string]any{
			"vipAddress": "orders", "port": map[string]any{"$": port, "@enabled": "true"}}})
	}
	t.Cleanup(func() { close(over) }) // before the servers wait for their handlers
	s.step("", changes...)
	c := s.couple(t, "failing", spring("2025", "resttemplate", "--eureka.client.register-with-eureka=false"), registryclient.Config{})
	awaitReady(t, c.java.proc, func() error { return do("GET", c.java.url+"/hello", new(string)) })
	if err := c.ours.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	transport := &registryclient.Transport{Client: c.ours}
	defer transport.CloseIdleConnections()
	const calls = 300 // the first of each caller may hang
	ours := failedCalls(t, calls, &http.Client{Transport: transport}, "http://orders/")
	springs := failedCalls(t, calls, &http.Client{}, c.java.url+"/call?app=orders&path=/")
	logf("a service of three, one hangs and one answers 503: of %d calls %d failed with our Transport, %d with Spring Cloud LoadBalancer",
		calls, ours, springs)
	if ours > calls/10 || springs < calls/3 {
		t.Errorf("of %d calls %d failed with ours, %d with Spring's", calls, ours, springs)
	}
}

// failedCalls makes calls, ten at a time, whose callers wait for four seconds.
func failedCalls(t *testing.T, calls int, web *http.Client, url string) int64 {
	t.Helper()
	var failed atomic.Int64
	var callers sync.WaitGroup
	for range 10 {
		callers.Go(func() {
			for range calls / 10 {
				if !answered(t.Context(), web, url) {
					failed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	return failed.Load()
}

func answered(ctx context.Context, web *http.Client, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := web.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
