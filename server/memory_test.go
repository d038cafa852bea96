package server_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

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

// While there is no memory, what takes more of it is refused, and what keeps a fleet registered goes on.
func TestShortMemoryRefusesGrowth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		r.start(cfg)
		larger := strings.Replace(orders, `"app":`, `"metadata":{"k":"`+strings.Repeat("v", 2000)+`"},"app":`, 1)
		r.do(http.MethodPost, "/eureka/apps/ORDERS", orders)
		runtime.GC() // what is live is known only after one
		cfg.Limits.MemoryBytes = 1
		if err := r.server.Apply(cfg); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			method, path, body string
			want               int
		}{
			{"POST", "/eureka/apps/ORDERS", larger, 503},
			{"PUT", "/eureka/apps/ORDERS/x/metadata?k=v", "", 503},
			{"GET", "/eureka/apps", "", 503},
			{"GET", "/eureka/apps/ORDERS", "", 503},
			{"GET", "/", "", 503},
			{"POST", "/eureka/apps/ORDERS", orders, 204},
			{"PUT", "/eureka/apps/ORDERS/x", "", 200},
			{"GET", "/eureka/apps/ORDERS/x", "", 200},
			{"PUT", "/eureka/apps/ORDERS/x/status?value=DOWN", "", 200},
			{"GET", "/actuator/health/liveness", "", 200},
			{"GET", "/metrics", "", 200},
			{"DELETE", "/eureka/apps/ORDERS/x", "", 200},
		} {
			if code, _ := r.do(tt.method, tt.path, tt.body); code != tt.want {
				t.Errorf("%s %s with %d bytes: %d, want %d", tt.method, tt.path, len(tt.body), code, tt.want)
			}
		}
	})
}
