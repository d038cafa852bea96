package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// TestRequestLog is G-TS-5: what a Spring client sends in its life (recordings, java-client.jsonl), in the same order:
// it fetches, registers as UP, beats and polls, sends DOWN and is gone.
func TestRequestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 3 * time.Second})
		ic := orders("192.0.2.2")
		ic.App, ic.Port = "java-client", 8081
		ic.RenewalInterval, ic.LeaseDuration = 4*time.Second, 9*time.Second
		ic.DownBeforeCancel = true
		if _, err := c.Register(ic); err != nil {
			t.Fatal(err)
		}
		stop := w.run(c)
		sleep(9500 * time.Millisecond)
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		const beat = "PUT /eureka/apps/JAVA-CLIENT/192.0.2.2:java-client:8081?status=UP&lastDirtyTimestamp=946684800000"
		want := []string{
			"GET /eureka/apps/",
			"POST /eureka/apps/JAVA-CLIENT",
			"GET /eureka/apps/", // the copy is still empty: whole again (C-RF-2)
			beat,
			"GET /eureka/apps/delta",
			beat,
			"GET /eureka/apps/delta",
			"POST /eureka/apps/JAVA-CLIENT",
			"DELETE /eureka/apps/JAVA-CLIENT/192.0.2.2:java-client:8081",
		}
		if diff := cmp.Diff(want, eureka.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if in := eureka.get(heureka.Key{App: "JAVA-CLIENT", ID: "192.0.2.2:java-client:8081"}); in != nil {
			t.Errorf("left behind: %v", in)
		}
	})
}

// TestBeforeAndAfterRun is G-ST-3: lookups find nothing before, and what was known after; what needs Run waits for it, or
// says that it is over.
func TestBeforeAndAfterRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.server("eureka").put(inst("a", "1", up))
		c := w.client(client.Config{Servers: []string{url("eureka")}})
		_, err := c.Pick(client.App("a"))
		if !errors.Is(err, client.ErrNoInstance) || c.Snapshot().Len() != 0 || c.Instances(client.App("a")) != nil {
			t.Errorf("before Run: %v, %d instances", err, c.Snapshot().Len())
		}
		const hint = "registry not fetched yet"
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://A/", nil)
		_, webErr := (&client.Transport{Client: c}).RoundTrip(req)
		if !strings.Contains(err.Error(), hint) || !errors.Is(webErr, client.ErrNoInstance) || !strings.Contains(webErr.Error(), hint) {
			t.Errorf("errors before Run: %v; %v", err, webErr)
		}
		waiting := map[string]func(context.Context) error{
			"Ready": c.Ready, "Refresh": c.Refresh,
			"Next": func(ctx context.Context) error { return answer(c.Watch(client.App("a")).Next(ctx)) },
		}
		for name, f := range waiting {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := f(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s before Run = %v", name, err)
			}
			cancel()
		}
		if err := w.run(c)(); err != nil {
			t.Fatal(err)
		}
		for name, f := range waiting {
			if err := f(t.Context()); !errors.Is(err, client.ErrStopped) {
				t.Errorf("%s after Run = %v", name, err)
			}
		}
	})
}
