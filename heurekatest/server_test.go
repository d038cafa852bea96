package heurekatest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// instance is what tests register.
var instance = &heureka.Instance{App: "ORDERS", ID: "1", HostName: "h", IPAddr: "192.0.2.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter,
	Lease: heureka.LeaseInfo{DurationSecs: 3600}}

// TestServer: the URL leads to the server's API, wherever configuration puts that, until the server is stopped.
func TestServer(t *testing.T) {
	srv := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.ContextPath = "/deep" })
	c, err := client.New(client.Config{Servers: []string{srv.URL}, Logger: heurekatest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.API().Register(t.Context(), instance); err != nil || !srv.Has("orders", "1") || srv.Has("orders", "2") {
		t.Errorf("Register = %v, 1 is there: %t, 2 is there: %t", err, srv.Has("orders", "1"), srv.Has("orders", "2"))
	}
	srv.Stop()
	srv.Stop()
	if err := c.API().Register(t.Context(), instance); err == nil {
		t.Error("registered with a server that was stopped")
	}
}

// TestCluster: what is written to one node is at the others, except behind a partition; a node that is down has nothing.
func TestCluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 1})
		time.Sleep(10 * time.Minute) // an empty ring opens
		c.Partition([]string{"a"}, []string{"b"})
		c.Node("c").Stop()
		if err := c.Node("a").Conn("client").Register(t.Context(), instance); err != nil {
			t.Fatal(err)
		}
		where := func() (nodes string) {
			time.Sleep(time.Minute)
			for _, name := range []string{"a", "b", "c"} {
				if c.Node(name).Has("orders", "1") {
					nodes += name
				}
			}
			return nodes
		}
		if got := where(); got != "a" {
			t.Errorf("behind the partition it is at %q, want a", got)
		}
		c.Heal()
		c.Node("c").Start()
		if got := where(); got != "abc" {
			t.Errorf("then it is at %q, want abc", got)
		}
	})
}
