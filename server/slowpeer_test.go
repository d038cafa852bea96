package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// besideASlowPeer runs a node with two peers: one that answers a byte a second without end, and b.
func besideASlowPeer(t *testing.T, story func(t *testing.T, a, b *heurekatest.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 5, Configure: func(name string, cfg *server.Config) {
			cfg.DisableSelfPreservation = true
			if name == "a" {
				cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://slow:8761/eureka/", "http://b:8761/eureka/"}}
			}
		}})
		c.Node("a").Kill()
		ln, err := c.Net.Host("slow").Listen(":8761")
		if err != nil {
			t.Fatal(err)
		}
		srv := &http.Server{Handler: http.HandlerFunc(trickle)}
		go func() { _ = srv.Serve(ln) }()
		defer time.Sleep(2 * time.Second) // for its last byte
		defer srv.Close()
		defer c.Node("a").Kill()
		story(t, c.Node("a"), c.Node("b"))
	})
}

func trickle(w http.ResponseWriter, req *http.Request) {
	if !strings.Contains(req.URL.Path, "/apps") { // what only heureka nodes know
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for req.Context().Err() == nil {
		_, _ = io.WriteString(w, " ")
		_ = http.NewResponseController(w).Flush()
		time.Sleep(time.Second)
	}
}

// A peer that trickles does not put off evictions: they begin as soon as the node is open.
func TestSlowPeerDoesNotPutOffEvictions(t *testing.T) {
	besideASlowPeer(t, func(t *testing.T, a, b *heurekatest.Node) {
		b.WaitOpen()
		began := time.Now()
		a.Start()
		a.WaitOpen()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("open after %v", took)
		}
		in := instance("ORDERS", "x")
		in.Lease.RenewalIntervalSecs, in.Lease.DurationSecs = 5, 15
		register(t, connect(t, a, "client"), in)
		for a.Has("ORDERS", "x") {
			if time.Since(began) > 70*time.Second {
				t.Fatal("not evicted within the first interval")
			}
			time.Sleep(time.Second)
		}
	})
}

// Nor does it keep a node that waits from hearing that another peer has a registry by now.
func TestSlowPeerDoesNotPutOffTheCopy(t *testing.T) {
	besideASlowPeer(t, func(t *testing.T, a, b *heurekatest.Node) {
		b.Kill()
		a.Start()
		time.Sleep(30 * time.Second)
		b.Start() // its peer a is waiting too: it opens when arrivals have ebbed
		register(t, connect(t, b, "client"), instance("ORDERS", "x"))
		b.WaitOpen()
		opened := time.Now()
		a.WaitOpen()
		if took := time.Since(opened); took > 20*time.Second || !a.Has("ORDERS", "x") {
			t.Errorf("copied %v after b was open", took)
		}
	})
}
