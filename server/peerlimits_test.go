package server_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// A node's limits hold for what it finds in a peer's registry, too: a peer with others does not bring in what no client may.
func TestLimitsHoldBetweenNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b", "c"}, Seed: 7, Configure: func(name string, cfg *server.Config) {
			switch name {
			case "a":
				cfg.Limits.TextBytes = -1
			case "c":
				cfg.Limits.InstancesPerApp = 1
			}
		}})
		time.Sleep(2 * time.Minute)
		a := connect(t, c.Node("a"), "client")
		long := instance("LONG", "x")
		long.HomePageURL = "http://" + strings.Repeat("h", 20_000)
		register(t, a, long)
		keys := []heureka.Key{{App: "LONG", ID: "x"}}
		for _, id := range []string{"1", "2", "3"} {
			register(t, a, instance("ORDERS", id))
			keys = append(keys, heureka.Key{App: "ORDERS", ID: id})
		}
		beat(t, a, 5*time.Minute, keys...)
		for name, want := range map[string]int{"a": 4, "b": 3, "c": 1} {
			got := 0
			for _, key := range keys {
				if c.Node(name).Has(key.App, key.ID) {
					got++
				}
			}
			if got != want {
				t.Errorf("%s has %d of %d instances, want %d", name, got, len(keys), want)
			}
		}
	})
}
