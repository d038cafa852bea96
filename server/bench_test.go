package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// sizes of the registry; the largest is left out with -short.
var sizes = []int{1_000, 10_000, 100_000, 1_000_000}

// filled returns a node with n instances, 20 an application.
func filled(b *testing.B, n int) *server.Server {
	b.Helper()
	if n >= 1_000_000 && testing.Short() {
		b.Skip("takes long to fill")
	}
	srv, err := server.New(server.Config{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range n {
		in := instance(fmt.Sprintf("SERVICE-%d", i/20), fmt.Sprint("i-", i))
		body := wire.AppendRegistration(nil, in)
		r := httptest.NewRequest(http.MethodPost, "/eureka/apps/"+in.App, bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if w := httptest.NewRecorder(); serve(srv, w, r) != http.StatusNoContent {
			b.Fatalf("registration answered %d", w.Code)
		}
	}
	return srv
}

func serve(srv *server.Server, w *httptest.ResponseRecorder, r *http.Request) int {
	srv.Handler().ServeHTTP(w, r)
	return w.Code
}

// BenchmarkBatch is a peer's batch of 250 heartbeats, from its bytes to the bytes of the answer.
func BenchmarkBatch(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			srv := filled(b, n)
			var items []wire.ReplicationItem
			for i := range 250 {
				k := i * 7919 % n
				items = append(items, wire.ReplicationItem{App: fmt.Sprintf("SERVICE-%d", k/20), ID: fmt.Sprint("i-", k),
					Action: wire.Heartbeat, LastDirtyMS: 1, HasLastDirty: true, Status: heureka.StatusUp.String()})
			}
			body := wire.AppendBatch(nil, items)
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/eureka/peerreplication/batch/", bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Accept", "application/json")
				if w := httptest.NewRecorder(); serve(srv, w, r) != http.StatusOK {
					b.Fatalf("batch answered %d", w.Code)
				}
			}
		})
	}
}

// BenchmarkHash counts and hashes a registry as a client does after each refresh.
func BenchmarkHash(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			apps := filled(b, n).Applications()
			b.ReportAllocs()
			for b.Loop() {
				if apps.Count().Hash() != apps.Hash {
					b.Fatal("hash differs")
				}
			}
		})
	}
}
