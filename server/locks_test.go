package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/lockcheck"
	"heureka.internal/heureka/internal/replication"
	"heureka.internal/heureka/server"
)

// While the log blocks, the node goes on: heartbeats, reads, batches of peers, health, metrics and the page are answered.
func TestNothingIsCalledUnderALock(t *testing.T) {
	check := lockcheck.New(t)
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 3, Configure: func(node string, cfg *server.Config) {
			if node == "a" {
				cfg.Logger = slog.New(check.Handler())
				cfg.RemoteRegions = map[string]string{"far": "http://nowhere:8761/eureka/"}
				cfg.ShutdownTimeout = time.Second
			}
		}})
		srv := c.Node("a").Server()
		check.Probe(func() { everyRequest(srv); srv.TakeLocks() })
		register(t, connect(t, c.Node("b"), "client"), instance("ORDERS", "x"))
		time.Sleep(time.Minute)
		c.Partition([]string{"a"}, []string{"b", "c"})
		time.Sleep(5 * time.Minute)
		c.Heal()
		time.Sleep(time.Minute)
		if err := srv.SetServiceURLs(map[string][]string{"defaultZone": {c.Node("a").URL, c.Node("b").URL, c.Node("b").URL + "v2/"}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		c.Node("a").Stop()
	})
	if n := check.Checks(); n < 10 {
		t.Errorf("%d lines were logged, want more", n)
	}
}

// everyRequest asks a node for everything that it answers.
func everyRequest(srv *server.Server) {
	for _, target := range []string{
		"PUT /eureka/apps/ORDERS/x", "GET /eureka/apps/", "GET /eureka/apps/delta", "GET /eureka/apps/ORDERS", "GET /eureka/apps/ORDERS/x",
		"GET /eureka/vips/x", "GET /eureka/status", "GET /actuator/health", "GET /actuator/prometheus", "GET /",
		"POST /eureka/peerreplication/batch/", "GET /eureka/peerreplication/digest",
	} {
		method, path, _ := strings.Cut(target, " ")
		var body io.Reader
		if method == http.MethodPost {
			body = strings.NewReader(`{"replicationList":[]}`)
		}
		r := httptest.NewRequest(method, path, body)
		r.Header.Set(replication.HeaderNode, "someone")
		r.Header.Set(replication.HeaderProtocol, strconv.Itoa(replication.Protocol))
		srv.Handler().ServeHTTP(httptest.NewRecorder(), r)
	}
}
