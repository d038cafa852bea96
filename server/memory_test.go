package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"heureka.internal/heureka/server"
)

// What large instances took is free when they are gone, although deltas and tombstones still speak of them.
func TestRemovedInstancesLetMemoryGo(t *testing.T) {
	srv, err := server.New(server.Config{})
	if err != nil {
		t.Fatal(err)
	}
	send := func(method, path, body string, want int) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if srv.Handler().ServeHTTP(w, r); w.Code != want {
			t.Fatalf("%s %s: %d, want %d", method, path, w.Code, want)
		}
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC() // pools
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const n, size = 100, 1 << 20
	large := fmt.Sprintf(`"metadata":{"k":"%s"},"app":`, strings.Repeat("v", size))
	before := heap()
	for i := range n {
		body := strings.Replace(orders, `"app":`, large, 1)
		send(http.MethodPost, "/eureka/apps/ORDERS", strings.Replace(body, `"instanceId":"x"`, fmt.Sprintf(`"instanceId":"x-%d"`, i), 1), 204)
	}
	if full := heap() - before; full < n*size/2 {
		t.Fatalf("%d instances take %d MiB: the test tests nothing", n, full>>20)
	}
	for i := range n {
		send(http.MethodDelete, fmt.Sprint("/eureka/apps/ORDERS/x-", i), "", 200)
	}
	// The feed of changes keeps 32 MiB at most.
	if left := heap() - before; left > 48<<20 {
		t.Errorf("%d MiB are kept of instances that are gone", left>>20)
	}
	runtime.KeepAlive(srv)
}
