package heurekatest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/heurekatest"
)

// A node that was killed and started again is a new process to its peers: they take its batches, whose numbers begin anew.
func TestRestartedNodeIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 7})
		time.Sleep(10 * time.Minute)
		c.Node("c").Kill()
		c.Node("c").Start()
		time.Sleep(time.Minute)
		for url, p := range peersOf(t, c, "c") {
			if p.State != "ok" || p.FailedBatches > 0 {
				t.Errorf("a minute after its return, c says of %s: %+v", url, p)
			}
		}
	})
}

// A peer is what a node's health says of another one.
type peer struct {
	State         string
	FailedBatches int
}

func peersOf(t *testing.T, c *heurekatest.Cluster, node string) map[string]peer {
	t.Helper()
	transport := c.Transport("client")
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get("http://" + node + ":8761/actuator/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var health struct {
		Components struct {
			Peers struct{ Details map[string]peer }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	if n := len(health.Components.Peers.Details); n != 2 {
		t.Fatalf("%d peers, want 2", n)
	}
	return health.Components.Peers.Details
}
