package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// S-REG-4: a node keeps nothing over its end; what no peer has is gone.
func TestReg4NothingIsKept(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		register(t, connect(t, n, "client"), instance("ORDERS", "x"))
		n.Kill()
		n.Start()
		time.Sleep(time.Second)
		if got := hash(t, connect(t, n, "client")); got != "" {
			t.Errorf("hash %q after a restart without peers, want an empty registry", got)
		}
	})
}

// S-RENEW-5, S-SYNC-2: a heartbeat that is answered 404 because the client has a newer record has renewed the lease, here
// and on the peers.
func TestRenew5OutdatedHeartbeatIsReplicated(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		conn, key := connect(t, c.Node("a"), "client"), heureka.Key{App: "ORDERS", ID: "x"}
		register(t, conn, instance("ORDERS", "x"))
		time.Sleep(40 * time.Second)
		err := conn.Renew(t.Context(), key, remote.Renewal{Status: heureka.StatusUp, DirtyMS: 2})
		if !errors.Is(err, heureka.ErrNotFound) {
			t.Errorf("Renew with a newer record = %v, want not found", err)
		}
		renewed := time.Now()
		time.Sleep(10 * time.Second)
		for _, name := range []string{"a", "b", "c"} {
			in, ok := c.Node(name).Server().Instance(key)
			if !ok {
				t.Fatalf("%s does not list the instance", name)
			}
			ends := time.UnixMilli(in.Lease.LastRenewalMS)
			if off := ends.Sub(renewed.Add(90 * time.Second)); off.Abs() > 2*time.Second {
				t.Errorf("the lease on %s ends %s off what the heartbeat made of it", name, off)
			}
		}
	})
}

// S-BOOT-3: what can be no URL ends the start; a name that nobody knows yet does not, unlike on the reference.
func TestBoot3PeersThatCannotBeResolved(t *testing.T) {
	for url, wantErr := range map[string]bool{"ftp://b/": true, "http://nobody.invalid:8761/eureka/": false} {
		_, err := server.New(server.Config{ServiceURLs: map[string][]string{"defaultZone": {url}}})
		if (err != nil) != wantErr {
			t.Errorf("New with %s = %v, want an error: %v", url, err, wantErr)
		}
	}
}

// S-BOOT-5, S-BOOT-6, S-BOOT-10: peers are asked again while none has answered, whatever number of rounds the reference
// would have left it at, and the first that has a registry opens the node; it takes over everything, Amazon's instances of
// other regions too.
func TestBoot5PeersAreAskedUntilOneAnswers(t *testing.T) {
	configure := func(name string, cfg *server.Config) {
		cfg.SyncRetries = 1
		if name == "b" {
			cfg.ServiceURLs = nil
		}
	}
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 11, Configure: configure})
		a, b := c.Node("a"), c.Node("b")
		a.Kill()
		c.Partition([]string{"a"}, []string{"b"})
		a.Start()
		conn := connect(t, b, "client")
		far := instance("ORDERS", "far")
		far.DataCenter = &heureka.DataCenter{Name: heureka.Amazon, Metadata: heureka.MetadataOf([]heureka.MetadataEntry{
			{Key: "availability-zone", Value: "eu-west-1a"}, {Key: "instance-id", Value: "i-far"},
		})}
		register(t, conn, far)
		time.Sleep(80 * time.Second)
		if ph, why, _ := a.Server().Phase(); ph != server.Waiting {
			t.Errorf("without an answer the node is %s (%s), want it waiting", ph, why)
		}
		register(t, conn, instance("ORDERS", "near"))
		c.Heal()
		time.Sleep(7 * time.Second)
		if ph, why, _ := a.Server().Phase(); ph != server.Open || !a.Has("ORDERS", "far") {
			t.Errorf("seconds after the peer could be reached the node is %s (%s), lists its instance: %v", ph, why, a.Has("ORDERS", "far"))
		}
	})
}

// S-BOOT-14: a node that leaves takes its own instance out and nobody else's.
func TestBoot14OthersStay(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		register(t, connect(t, c.Node("c"), "client"), instance("ORDERS", "x"))
		time.Sleep(time.Second)
		c.Node("c").Stop()
		time.Sleep(time.Second)
		for _, name := range []string{"a", "b"} {
			if n := c.Node(name); !n.Has("ORDERS", "x") || n.Has("EUREKA", "c:eureka:8761") {
				t.Errorf("%s lists the client's instance: %v, the node's that left: %v; want only the first",
					name, n.Has("ORDERS", "x"), n.Has("EUREKA", "c:eureka:8761"))
			}
		}
	})
}

// S-ZONE-1: whatever zone a peer is in, it gets every change.
func TestZone1AllZonesGetEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 13, Configure: func(name string, cfg *server.Config) {
			cfg.Region = "eu"
			cfg.AvailabilityZones = map[string][]string{"eu": {"zone-" + name, "zone-a", "zone-b", "zone-c"}}
			cfg.ServiceURLs = map[string][]string{
				"zone-a": {"http://a:8761/eureka/"}, "zone-b": {"http://b:8761/eureka/"}, "zone-c": {"http://c:8761/eureka/"},
			}
		}})
		time.Sleep(time.Minute)
		register(t, connect(t, c.Node("b"), "client"), instance("ORDERS", "x"))
		time.Sleep(time.Second)
		for _, name := range []string{"a", "b", "c"} {
			if !c.Node(name).Has("ORDERS", "x") {
				t.Errorf("%s does not list what was registered in another zone", name)
			}
		}
	})
}

// S-ZONE-2, S-ZONE-3: zones in metadata and the names of data centres are data: every caller is told what was registered,
// in the same order.
func TestZone2ZonesAreOpaque(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		want := map[string]string{}
		for i, zone := range []string{"zone-z", "zone-a", "", "EU west/1"} {
			in := instance("ORDERS", fmt.Sprint(i))
			in.Metadata = heureka.MetadataOf([]heureka.MetadataEntry{{Key: "zone", Value: zone}})
			in.DataCenter = []*heureka.DataCenter{
				heureka.OwnDataCenter, heureka.NetflixDataCenter,
				{Name: heureka.Amazon, Metadata: heureka.MetadataOf([]heureka.MetadataEntry{{Key: "availability-zone", Value: zone + "x"}})},
				heureka.OwnDataCenter,
			}[i]
			want[in.ID] = zone + " " + string(in.DataCenter.Name)
			register(t, conn, in)
		}
		doc, err := conn.Apps(t.Context(), remote.Query{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for i, in := range doc.Apps.Apps[0].Instances {
			got[in.ID] = in.Metadata.Get("zone") + " " + string(in.DataCenter.Name)
			if in.ID != fmt.Sprint(i) {
				t.Errorf("instance %d has id %s: the zone changed the order", i, in.ID)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("zones and data centres (-want +got):\n%s", diff)
		}
	})
}

// S-FILTER-1, S-RATE-1 to S-RATE-5, S-ID-1: as on Spring's servers nobody is refused for asking often, without a name too.
func TestFilter1NobodyAsksTooOften(t *testing.T) {
	srv := heurekatest.NewServer(t)
	for i := range 600 { // the reference's limiter would let 500 a second pass, and 10 at once
		if got := ask(t, http.DefaultClient, "GET", srv.URL+"apps", ""); got.StatusCode != 200 {
			t.Fatalf("fetch %d = %d, want 200", i+1, got.StatusCode)
		}
	}
}

// S-DEF-18, S-FILTER-3: whoever posts a batch is trusted as a peer, and nobody has to accept gzip.
func TestDef18AnybodyIsAPeer(t *testing.T) {
	srv := heurekatest.NewServer(t)
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer plain.CloseIdleConnections()
	record := strings.TrimSuffix(strings.TrimPrefix(orders, `{"instance":`), "}")
	body := `{"replicationList":[{"action":"Register","appName":"ORDERS","id":"x","instanceInfo":` + record + `}]}`
	if got := ask(t, plain, "POST", srv.URL+"peerreplication/batch/", body); got.StatusCode != 200 {
		t.Errorf("POST of a batch by a stranger = %d, want 200", got.StatusCode)
	}
	for path, want := range map[string]int{"apps/ORDERS/x": 200, "apps": 200} {
		if got := ask(t, plain, "GET", srv.URL+path, ""); got.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, got.StatusCode, want)
		}
	}
}
