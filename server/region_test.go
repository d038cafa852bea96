package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// regions runs two nodes in regions of their own that copy each other: eu knows us, and us knows eu.
func regions(t *testing.T, configure func(name string, cfg *server.Config), story func(t *testing.T, eu, us *heurekatest.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"eu", "us"}, Seed: 5, Configure: func(name string, cfg *server.Config) {
			other := map[string]string{"eu": "us", "us": "eu"}[name]
			cfg.ServiceURLs = nil
			cfg.RemoteRegions = map[string]string{other: "http://" + other + ":8761/eureka/"}
			if configure != nil {
				configure(name, cfg)
			}
		}})
		time.Sleep(time.Second)
		story(t, c.Node("eu"), c.Node("us"))
	})
}

func fetch(t *testing.T, n *heurekatest.Node, names ...string) *heureka.Applications {
	t.Helper()
	doc, err := connect(t, n, "client").Apps(t.Context(), remote.Query{Regions: names})
	if err != nil {
		t.Fatal(err)
	}
	return doc.Apps
}

// S-REGION-2, -5, -6: answers with the region, and those without any, have its instances half a minute later; each node's
// own instances never come back to it.
func TestRegionIsCopied(t *testing.T) {
	regions(t, nil, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "in-us"))
		register(t, connect(t, eu, "client"), instance("ORDERS", "in-eu"), instance("BILLING", "in-eu"))
		time.Sleep(31 * time.Second)
		for _, c := range []struct {
			name    string
			regions []string
			want    string
		}{{"without regions", nil, "UP_3_"}, {"with the region", []string{"us"}, "UP_3_"}, {"with another", []string{"mars"}, "UP_2_"}} {
			if got := fetch(t, eu, c.regions...); got.Hash != c.want || got.Count().Hash() != c.want {
				t.Errorf("%s: hash %q of %q, want %q", c.name, got.Hash, got.Count().Hash(), c.want)
			}
		}
		// The region's changes follow by deltas: a cancelled instance goes.
		if err := connect(t, us, "client").Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "in-us"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(31 * time.Second)
		if got := fetch(t, eu, "us").Hash; got != "UP_2_" {
			t.Errorf("hash %q after the region's instance was cancelled, want UP_2_", got)
		}
	})
}

// S-QUERY-3: single instances are found in remote regions; writing to them is not.
func TestRegionAnswersForSingleInstances(t *testing.T) {
	regions(t, nil, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "in-us"))
		time.Sleep(31 * time.Second)
		conn, key := connect(t, eu, "client"), heureka.Key{App: "ORDERS", ID: "in-us"}
		if _, err := conn.Instance(t.Context(), key); err != nil {
			t.Errorf("Instance(%s) = %v, want the copy", key, err)
		}
		if _, err := conn.InstanceByID(t.Context(), "in-us"); err != nil {
			t.Errorf("InstanceByID = %v, want the copy", err)
		}
		// S-DEF-11: the reference would register a copy of its own.
		if err := conn.SetMetadata(t.Context(), key, []heureka.MetadataEntry{{Key: "k", Value: "v"}}); err == nil {
			t.Error("metadata of an instance in another region were accepted")
		}
		if err := conn.Renew(t.Context(), key, remote.Renewal{}); err == nil {
			t.Error("a heartbeat of an instance in another region was accepted")
		}
	})
}

// S-REGION-4: only what the white list allows is taken, except for single instances.
func TestRegionWhitelist(t *testing.T) {
	configure := func(_ string, cfg *server.Config) {
		cfg.RemoteRegionWhitelist = map[string][]string{"global": {"orders"}}
	}
	regions(t, configure, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "x"), instance("SECRET", "y"))
		time.Sleep(31 * time.Second)
		if got := fetch(t, eu, "us").Hash; got != "UP_1_" {
			t.Errorf("hash %q, want only the listed application", got)
		}
	})
}

// S-REGION-1: a region's URL may end with a slash or not.
func TestRegion1URLWithoutSlash(t *testing.T) {
	configure := func(name string, cfg *server.Config) {
		if name == "eu" {
			cfg.RemoteRegions = map[string]string{"us": "http://us:8761/eureka"}
		}
	}
	regions(t, configure, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "x"))
		time.Sleep(31 * time.Second)
		if got := fetch(t, eu, "us").Hash; got != "UP_1_" {
			t.Errorf("hash %q, want UP_1_", got)
		}
	})
}

// S-REGION-3: a copy is served however old it has become, and follows the region again when that returns.
func TestRegion3OldCopyIsServed(t *testing.T) {
	regions(t, nil, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "x"))
		time.Sleep(31 * time.Second)
		us.Kill()
		time.Sleep(time.Hour)
		if got := fetch(t, eu, "us").Hash; got != "UP_1_" {
			t.Errorf("an hour after the region was lost: hash %q, want UP_1_", got)
		}
		us.Start()
		register(t, connect(t, us, "client"), instance("ORDERS", "x"), instance("ORDERS", "y"))
		time.Sleep(3 * time.Minute) // up to five intervals after the last failure
		if got := fetch(t, eu, "us").Hash; got != "UP_2_" {
			t.Errorf("after the region's return: hash %q, want UP_2_", got)
		}
	})
}

// S-REGION-3, S-DEF-11: a region that was never reached refuses only those who ask for it.
func TestUnreachableRegionHindersOnlyItself(t *testing.T) {
	configure := func(_ string, cfg *server.Config) { cfg.RemoteRegions["Gone"] = "http://gone:8761/eureka/" }
	regions(t, configure, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "x"))
		time.Sleep(time.Minute)
		if got := fetch(t, eu, "us").Hash; got != "UP_1_" {
			t.Errorf("hash %q, want the region that answers", got)
		}
		if _, err := connect(t, eu, "client").Apps(t.Context(), remote.Query{Regions: []string{"gone"}}); !refusedRead(err) {
			t.Errorf("a read of the unreachable region: %v, want 503", err)
		}
	})
}

// S-REGION-6: with the fallback disabled, answers without regions are local.
func TestDisabledFallback(t *testing.T) {
	configure := func(_ string, cfg *server.Config) { cfg.DisableTransparentFallback = true }
	regions(t, configure, func(t *testing.T, eu, us *heurekatest.Node) {
		register(t, connect(t, us, "client"), instance("ORDERS", "x"))
		time.Sleep(31 * time.Second)
		if got := fetch(t, eu).Hash; got != "" {
			t.Errorf("hash %q without regions, want the local registry", got)
		}
		if got := fetch(t, eu, "us").Hash; got != "UP_1_" {
			t.Errorf("hash %q with the region, want UP_1_", got)
		}
	})
}

// A copy that missed more than a region keeps does not follow deltas whose hash happens to fit.
func TestRegionMissedChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"eu", "us"}, Seed: 5, Configure: func(name string, cfg *server.Config) {
			cfg.ServiceURLs = nil
			if name == "eu" {
				cfg.RemoteRegions = map[string]string{"us": "http://us:8761/eureka/"}
			}
		}})
		us := connect(t, c.Node("us"), "client")
		replace := func(id string) {
			in := instance("ORDERS", id)
			in.Lease.DurationSecs = 3600
			register(t, us, in)
		}
		replace("old")
		time.Sleep(31 * time.Second)
		c.Partition([]string{"eu"}, []string{"us"})
		if err := us.Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "old"}); err != nil {
			t.Fatal(err)
		}
		replace("new")
		time.Sleep(10 * time.Minute)
		c.Heal()
		time.Sleep(4 * time.Minute) // up to five intervals after the last failure
		if _, err := connect(t, c.Node("eu"), "client").Instance(t.Context(), heureka.Key{App: "ORDERS", ID: "new"}); err != nil {
			t.Errorf("the region's new instance: %v", err)
		}
	})
}

// Deltas say how far they reach back: at most to when the node opened.
func TestDeltaReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 5})
		for _, want := range []time.Duration{10 * time.Second, 180 * time.Second} {
			time.Sleep(want)
			doc, err := connect(t, c.Node("a"), "client").Delta(t.Context(), remote.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if doc.Reach > want || doc.Reach < want-5*time.Second {
				t.Errorf("a delta reaches back %v, want %v", doc.Reach, want)
			}
		}
	})
}
