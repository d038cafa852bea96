package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/server"
)

// A deaf is the side of a client that reads nothing large until it is let go.
type deaf struct {
	*httptest.ResponseRecorder
	stuck *atomic.Int64
	let   chan struct{}
}

func (d *deaf) Write(b []byte) (int, error) {
	if len(b) > 32<<10 {
		d.stuck.Add(1)
		<-d.let
		d.stuck.Add(-1)
	}
	return len(b), nil
}

// Large records are on their way to few watchers at a time, however many do not read.
func TestWatchersOfGiantsThatDoNotRead(t *testing.T) {
	for _, query := range []string{"stream", "stream?since=now", "poll", "poll?since=now&wait=1m"} {
		t.Run(query, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { watchGiants(t, query) })
		})
	}
}

func watchGiants(t *testing.T, query string) {
	srv, err := server.New(server.Config{RegisterWithEureka: new(bool), Limits: server.Limits{DecodingBytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { srv.Run(ctx) })
	defer running.Wait()
	defer stop()
	time.Sleep(time.Second)
	kind, query, later := strings.Cut(query, "?")
	if !later {
		registerGiant(t, srv)
	}
	d := &deaf{stuck: new(atomic.Int64), let: make(chan struct{})}
	for range 10 {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/heureka/v1/watch?"+query, nil)
		if kind == "stream" {
			r.Header.Set("Accept", "text/event-stream")
		}
		running.Go(func() {
			defer func() {
				if p := recover(); p != nil && p != http.ErrAbortHandler {
					t.Error(p)
				}
			}()
			srv.Handler().ServeHTTP(&deaf{httptest.NewRecorder(), d.stuck, d.let}, r)
		})
	}
	synctest.Wait()
	if later {
		registerGiant(t, srv)
	}
	time.Sleep(10 * time.Second)
	least := int64(1)
	if later { // while the registration itself holds the room, watchers are told to come back
		least = 0
	}
	if n := d.stuck.Load(); n < least || n > 2 {
		t.Errorf("a large record is on its way to %d watchers that do not read, want %d to 2", n, least)
	}
	close(d.let)
}

func registerGiant(t *testing.T, srv *server.Server) {
	body := fmt.Sprintf(`{"instance":{"app":"ORDERS","instanceId":"x","hostName":"h","ipAddr":"10.0.0.1","status":"UP","metadata":{"k":%q},`+
		`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`, strings.Repeat("v", 600_000))
	r := httptest.NewRequest(http.MethodPost, "/eureka/apps/ORDERS", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if w := httptest.NewRecorder(); serve(srv, w, r) != http.StatusNoContent {
		t.Fatalf("registration answered %d", w.Code)
	}
}
