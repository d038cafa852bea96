package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// An instance that was cancelled costs the nodes that heard of it little more than its name, once deltas have forgotten it.
func TestCancelledInstancesCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, err := server.New(server.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		go srv.Run(ctx)
		heap := func(from, to int) int64 {
			for at := from; at < to; at += 250 {
				comeAndGo(t, srv.Handler(), at)
			}
			time.Sleep(4 * time.Minute) // deltas forget, caches are asked for nothing
			var m runtime.MemStats
			runtime.GC()
			runtime.GC() // pools
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		const few, many = 15_000, 35_000 // the former fill what is bounded: the feed and the history
		before := heap(0, few)
		// About 250 bytes, 360 under the race detector; one that keeps its record costs 2,300.
		if each := (heap(few, many) - before) / (many - few); each > 800 {
			t.Errorf("a cancelled instance costs %d bytes, want 800 at most", each)
		}
	})
}

// comeAndGo replicates 250 registrations, and then their cancels.
func comeAndGo(t *testing.T, h http.Handler, from int) {
	t.Helper()
	var come, goes []wire.ReplicationItem
	for i := from; i < from+250; i++ {
		name := fmt.Sprintf("service-%d", i/50)
		in := instance(strings.ToUpper(name), fmt.Sprintf("10-0-%d-%d.example.org:%s:8080", i>>8, i&255, name))
		in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://10.0.0.1:8080/", "http://10.0.0.1:8080/actuator/info", "http://10.0.0.1:8080/actuator/health"
		in.Metadata = heureka.NewMetadata(map[string]string{"management.port": "8080", "version": strings.Repeat(fmt.Sprint(i), 400)})
		come = append(come, wire.ReplicationItem{App: in.App, ID: in.ID, Action: wire.Register, Instance: in, Status: "UP", LastDirtyMS: 1, HasLastDirty: true})
		goes = append(goes, wire.ReplicationItem{App: in.App, ID: in.ID, Action: wire.Cancel})
	}
	for _, items := range [][]wire.ReplicationItem{come, goes} {
		r := httptest.NewRequest(http.MethodPost, "/eureka/peerreplication/batch/", strings.NewReader(string(wire.AppendBatch(nil, items))))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("x-netflix-discovery-replication", "true")
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != 200 || strings.Count(w.Body.String(), `"statusCode":200`) != 250 {
			t.Fatalf("%d: %.200s", w.Code, w.Body)
		}
	}
}
