package server_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// ring runs three nodes that all know each other, past their start.
func ring(t *testing.T, story func(t *testing.T, c *heurekatest.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 7})
		time.Sleep(2 * time.Minute) // all start at once: nobody has a registry, so they wait for clients
		story(t, c)
	})
}

// A ring whose nodes all start at once has nobody to copy from: it opens once arrivals have ebbed, and where nobody has come after
// a whole lease, not after the five minutes of a node whose peers do not answer.
func TestRingThatStartsAsAWholeOpensEarly(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		for _, name := range []string{"a", "b", "c"} {
			if ph, why, _ := c.Node(name).Server().Phase(); ph != server.Open {
				t.Errorf("%s is %s (%s) two minutes after its start, want open", name, ph, why)
			}
			for _, other := range []string{"a", "b", "c"} {
				if !c.Node(name).Has("EUREKA", other+":eureka:8761") {
					t.Errorf("%s does not list node %s", name, other)
				}
			}
		}
	})
}

// The page about peers tells of each what runs there.
func TestPeersPageTellsVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 7, Configure: func(name string, cfg *server.Config) { cfg.Version = "v1-" + name }})
		time.Sleep(2 * time.Minute)
		wantOnPage(t, c.Node("a"), "/peers", "b:8761", "Kind heureka v1-b, open", "Registries agreed at")
	})
}

// Brief, row 2: what a client does on one node is on every peer, within milliseconds.
func TestEveryOperationReachesEveryPeer(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		a := connect(t, c.Node("a"), "client")
		key := heureka.Key{App: "ORDERS", ID: "x"}
		others := []*heurekatest.Node{c.Node("b"), c.Node("c")}
		settled := func() { time.Sleep(20 * time.Millisecond); synctest.Wait() }

		register(t, a, instance("ORDERS", "x"))
		settled()
		for _, n := range others {
			if !n.Has("ORDERS", "x") {
				t.Errorf("%s does not list a registration after 20 ms", n.Name)
			}
		}
		if err := a.SetOverride(t.Context(), key, heureka.StatusOutOfService, 0); err != nil {
			t.Fatal(err)
		}
		settled()
		for _, n := range others {
			if in, _ := n.Server().Instance(key); in == nil || in.Status != heureka.StatusOutOfService {
				t.Errorf("%s has %+v, want it out of service", n.Name, in)
			}
		}
		if err := a.SetMetadata(t.Context(), key, []heureka.MetadataEntry{{Key: "k", Value: "v"}}); err != nil {
			t.Fatal(err)
		}
		if err := a.ClearOverride(t.Context(), key, heureka.StatusUp, 0); err != nil {
			t.Fatal(err)
		}
		settled()
		for _, n := range others {
			if in, _ := n.Server().Instance(key); in == nil || in.Status != heureka.StatusUp || in.Metadata.Get("k") != "v" {
				t.Errorf("%s has %+v, want it up with its metadata", n.Name, in)
			}
		}
		if err := a.Cancel(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		settled()
		for _, n := range others {
			if n.Has("ORDERS", "x") {
				t.Errorf("%s still lists a cancelled instance", n.Name)
			}
		}
	})
}

// Heartbeats to one node keep the lease alive on all.
func TestHeartbeatsToOneNodeAreEnough(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		a := connect(t, c.Node("a"), "client")
		key := heureka.Key{App: "ORDERS", ID: "x"}
		register(t, a, instance("ORDERS", "x"))
		beat(t, a, 20*time.Minute, key)
		for _, name := range []string{"a", "b", "c"} {
			if !c.Node(name).Has("ORDERS", "x") {
				t.Errorf("%s lost an instance that sends heartbeats to a", name)
			}
		}
	})
}

// Brief, rows 4 and 6: a node that returns is whole before it answers reads.
func TestReturningNodeIsWholeBeforeItAnswers(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		for i := range 50 {
			register(t, connect(t, c.Node("a"), "client"), instance("ORDERS", fmt.Sprint("i", i)))
		}
		time.Sleep(time.Second)
		c.Node("b").Kill()
		c.Node("b").Start()
		conn := connect(t, c.Node("b"), "client")
		for range 1000 {
			doc, err := conn.Apps(t.Context(), remote.Query{})
			if err == nil {
				if n := doc.Apps.Count().Total(); n < 50 {
					t.Fatalf("the first answer has %d instances, want at least 50", n)
				}
				return
			}
			if !errors.Is(err, heureka.ErrNotReady) && !refusedRead(err) {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		t.Error("b has not answered a second after its return")
	})
}

func refusedRead(err error) bool {
	status, ok := errors.AsType[*heureka.StatusError](err)
	return ok && status.Code == 503
}

// Brief, row 5: a node that got the registry from nobody accepts registrations at once and reads after five minutes.
func TestNodeWithoutPeersThatAnswerWaitsFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 3, Configure: func(name string, cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://a:8761/eureka/", "http://gone:8761/eureka/"}}
		}, Nodes: []string{"a"}})
		c.Host("gone")
		c.Partition([]string{"a"}, []string{"gone"}) // its name exists, and who asks times out
		conn := connect(t, c.Node("a"), "client")
		register(t, conn, instance("ORDERS", "x"))
		time.Sleep(4*time.Minute + 50*time.Second)
		if _, err := conn.Apps(t.Context(), remote.Query{}); !refusedRead(err) {
			t.Errorf("a read before the five minutes were over: %v, want 503", err)
		}
		time.Sleep(20 * time.Second)
		if _, err := conn.Apps(t.Context(), remote.Query{}); err != nil {
			t.Errorf("a read after five minutes: %v", err)
		}
	})
}

// S-BOOT-10: the wait is as long as it says, also where that is less than the pause between two rounds.
func TestWaitEndsWhenItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 3, Nodes: []string{"a"}, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://gone:8761/eureka/"}}
			cfg.WaitTimeWhenSyncEmpty = time.Second
		}})
		time.Sleep(1100 * time.Millisecond)
		if ph, why, _ := c.Node("a").Server().Phase(); ph != server.Open {
			t.Errorf("%s after the wait: %s", ph, why)
		}
	})
}

// Brief, row 7: a partition. Each side keeps what it has, accepts what comes, and all agree again once the network heals.
func TestPartitionHealsByItself(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		var keys []heureka.Key
		a, b := connect(t, c.Node("a"), "client"), connect(t, c.Node("b"), "client")
		for i := range 20 {
			in := instance("ORDERS", fmt.Sprint("i", i))
			register(t, a, in)
			keys = append(keys, in.Key())
		}
		time.Sleep(time.Second)
		c.Partition([]string{"a"}, []string{"b", "c"})
		register(t, a, instance("ORPHANS", "on-a"))
		register(t, b, instance("ORPHANS", "on-b"))
		if err := b.Cancel(t.Context(), keys[0]); err != nil {
			t.Fatal(err)
		}
		// All clients but one talk to b now.
		for range 20 {
			beat(t, b, 30*time.Second, append(keys[1:], heureka.Key{App: "ORPHANS", ID: "on-b"})...)
			if err := a.Renew(t.Context(), heureka.Key{App: "ORPHANS", ID: "on-a"}, remote.Renewal{Status: heureka.StatusUp}); err != nil {
				t.Fatal(err)
			}
		}
		for _, k := range keys[1:] {
			if !c.Node("a").Has(k.App, k.ID) {
				t.Errorf("a evicted %s although it could hear nobody", k)
			}
		}
		if !c.Node("a").Has("ORPHANS", "on-a") {
			t.Error("a evicted its orphan while it protects")
		}
		register(t, a, instance("ORPHANS", "late-on-a"))
		c.Heal()
		time.Sleep(60 * time.Second)
		synctest.Wait()
		want := c.Node("a").Server().Applications().Hash
		for _, name := range []string{"b", "c"} {
			n := c.Node(name)
			if got := n.Server().Applications().Hash; got != want {
				t.Errorf("a minute after the heal %s has hash %q, a has %q", name, got, want)
			}
			if !n.Has("ORPHANS", "late-on-a") {
				t.Errorf("%s does not list what was registered on a during the partition", name)
			}
		}
		if c.Node("a").Has(keys[0].App, keys[0].ID) {
			t.Error("an instance that was cancelled during the partition is back")
		}
	})
}

// SIGTERM: peers hear that a node leaves.
func TestStoppedNodeTakesLeave(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		c.Node("c").Stop()
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		for _, name := range []string{"a", "b"} {
			if c.Node(name).Has("EUREKA", "c:eureka:8761") {
				t.Errorf("%s still lists the node that left", name)
			}
		}
	})
}

// S-CFG-3: peers join and leave without a restart, the one setting that is read again: a node is given another list while it runs.
func TestServiceURLsChangeWhileRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		urls := func(names ...string) map[string][]string {
			list := make([]string, len(names))
			for i, n := range names {
				list[i] = "http://" + n + ":8761/eureka/"
			}
			return map[string][]string{"defaultZone": list}
		}
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b", "c"}, Seed: 9, Configure: func(name string, cfg *server.Config) {
			cfg.ServiceURLs = urls("a", "b") // c is not known yet
			if name == "c" {
				cfg.ServiceURLs = urls("a", "c")
			}
		}})
		time.Sleep(2 * time.Minute)
		a := c.Node("a")
		register(t, connect(t, a, "client"), instance("ORDERS", "early"))
		if err := a.Server().SetServiceURLs(urls("a", "c")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		register(t, connect(t, a, "client"), instance("ORDERS", "late"))
		time.Sleep(time.Second)
		if !c.Node("c").Has("ORDERS", "late") || !c.Node("c").Has("ORDERS", "early") {
			t.Error("the node that joined does not have everything")
		}
		if c.Node("b").Has("ORDERS", "late") {
			t.Error("the node that left is still replicated to")
		}
		if err := a.Server().SetServiceURLs(map[string][]string{"defaultZone": {"ftp://x/"}}); err == nil {
			t.Error("a URL that is none was accepted")
		}
	})
	alone := heurekatest.NewServer(t)
	if err := alone.Node.SetServiceURLs(map[string][]string{"defaultZone": {"http://b/"}}); err == nil {
		t.Error("a node that stands alone took peers")
	}
	if err := alone.Node.SetServiceURLs(nil); err != nil {
		t.Errorf("SIGHUP to a node that stands alone and is to stay so: %v", err)
	}
}

// A node that its peer does not tell anything, because that one does not know it, keeps the instances whose heartbeats reach
// the peer: they are neither evicted here nor answered with 404.
func TestLivingInstancesOfAPeerAreNotEvicted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 7, Configure: func(name string, cfg *server.Config) {
			cfg.DisableSelfPreservation = true
			if name == "b" {
				cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://b:8761/eureka/"}}
			}
		}})
		b := connect(t, c.Node("b"), "client")
		for i := range 10 {
			register(t, b, instance("ORDERS", fmt.Sprint(i)))
		}
		for at := range 600 {
			time.Sleep(time.Second)
			for i := range 10 {
				if at%30 == 0 {
					if err := b.Renew(t.Context(), heureka.Key{App: "ORDERS", ID: fmt.Sprint(i)}, remote.Renewal{}); err != nil {
						t.Fatal(err)
					}
				}
				if at > 80 && !c.Node("a").Has("ORDERS", fmt.Sprint(i)) { // by then they have compared
					t.Fatalf("a lacks %d after %d s", i, at)
				}
			}
		}
	})
}
