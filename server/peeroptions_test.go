package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

// peerOptions are about the start, the peers and other regions.
var peerOptions = []option{{
	field: "WaitTimeWhenSyncEmpty",
	base:  dumbPeer,
	set:   func(_ *rig, c *server.Config) { c.WaitTimeWhenSyncEmpty = 20 * time.Second },
	see:   opens, byDefault: "4m59s", want: "19s",
}, {
	field: "SyncRetries",
	base:  dumbPeer,
	set:   func(_ *rig, c *server.Config) { c.SyncRetries = -1 },
	see:   opens, byDefault: "4m59s", want: "0s",
}, {
	field: "SyncRetryWait",
	base:  peerThatIs(absent),
	set:   func(_ *rig, c *server.Config) { c.SyncRetryWait = time.Second },
	see: func(r *rig) string {
		time.Sleep(20 * time.Second)
		return fmt.Sprint(r.heard.count(isPath("/eureka/apps/")) > 10)
	},
	byDefault: "false", want: "true",
}, {
	field: "Region",
	base: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"z1": {"http://p1:8761/eureka/"}, "z2": {"http://p2:8761/eureka/"}}
		c.AvailabilityZones = map[string][]string{"us-east-1": {"z1"}, "eu": {"z2"}}
	},
	set: func(_ *rig, c *server.Config) { c.Region = "eu" },
	see: (*rig).replicas, byDefault: "http://p1:8761/eureka/", want: "http://p2:8761/eureka/",
}, {
	field: "AvailabilityZones",
	base: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"defaultZone": {"http://p1:8761/eureka/"}, "z2": {"http://p2:8761/eureka/"}}
	},
	set: func(_ *rig, c *server.Config) { c.AvailabilityZones = map[string][]string{"us-east-1": {"z2"}} },
	see: (*rig).replicas, byDefault: "http://p1:8761/eureka/", want: "http://p2:8761/eureka/",
}, {
	field: "ServiceURLs",
	set: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"defaultZone": {"http://p1:8761/eureka/"}}
	},
	see: (*rig).replicas, byDefault: "", want: "http://p1:8761/eureka/",
}, {
	field: "MyURL",
	base: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"defaultZone": {"http://me:8761/eureka/", "http://p1:8761/eureka/"}}
	},
	set: func(_ *rig, c *server.Config) { c.MyURL = "http://me:8761/eureka/" },
	see: (*rig).replicas, byDefault: "http://me:8761/eureka/, http://p1:8761/eureka/", want: "http://p1:8761/eureka/",
}, {
	field: "DNS", // all parts of it
	set: func(_ *rig, c *server.Config) {
		c.DNS = server.DNSConfig{Enabled: true, Name: "example.org", Port: 7001, URLContext: "v2"}
	},
	see: (*rig).replicas, byDefault: "", want: "http://host1:7001/v2/",
}, {
	field: "PeerUpdateInterval",
	base: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"defaultZone": {"dns+http://headless:8761/eureka/"}}
	},
	set: func(_ *rig, c *server.Config) { c.PeerUpdateInterval = 5 * time.Second },
	see: func(r *rig) string {
		time.Sleep(time.Minute)
		return fmt.Sprint(r.dns.asked.Load() > 10)
	},
	byDefault: "false", want: "true",
}, {
	field: "PeerLookupInterval",
	base: func(_ *rig, c *server.Config) {
		c.ServiceURLs = map[string][]string{"defaultZone": {"dns+http://headless:8761/eureka/"}}
	},
	set: func(_ *rig, c *server.Config) { c.PeerLookupInterval = 5 * time.Second },
	see: func(r *rig) string {
		time.Sleep(time.Minute)
		return fmt.Sprint(r.dns.asked.Load() > 10)
	},
	byDefault: "false", want: "true",
}, {
	field: "PeerConnectTimeout",
	set:   func(_ *rig, c *server.Config) { c.PeerConnectTimeout = 3 * time.Second },
	see: func(r *rig) string {
		d := server.PeerDialer(r.server)
		d.ControlContext = waitAtConnect
		begun := time.Now()
		if _, err := d.Dial("tcp", "127.0.0.1:9"); err == nil {
			r.t.Error("connected")
		}
		return time.Since(begun).String()
	},
	byDefault: "1s", want: "3s",
}, {
	field: "PeerReadTimeout",
	base:  func(r *rig, c *server.Config) { dumbPeer(r, c); c.SyncRetries = -1 },
	set:   func(_ *rig, c *server.Config) { c.PeerReadTimeout = 2 * time.Second },
	see: func(r *rig) string {
		r.register("x")
		return r.after(func() bool { return r.metric("peer_failed_batches_total") != "0" })
	},
	byDefault: "4s", want: "1s", // it has been asked for a second already
}, {
	field: "PeerMaxPending",
	base:  peerThatIs(busy),
	set:   func(_ *rig, c *server.Config) { c.PeerMaxPending = 5 },
	see: tenRegistered(func(r *rig) string {
		time.Sleep(time.Second)
		return r.metric("peer_pending")
	}),
	byDefault: "10", want: "5",
}, {
	field: "PeerMaxReplicationAge",
	base:  peerThatIs(busy),
	set:   func(_ *rig, c *server.Config) { c.PeerMaxReplicationAge = 5 * time.Second },
	see: func(r *rig) string {
		r.register("x")
		if err := r.conn().Cancel(r.t.Context(), heureka.Key{App: "ORDERS", ID: "x"}); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		return r.metric("peer_dropped_total")
	},
	byDefault: "0", want: "1",
}, {
	field: "CompressReplication",
	base:  peerThatIs(absent),
	set:   func(_ *rig, c *server.Config) { c.CompressReplication = true },
	see: func(r *rig) string {
		r.register("x")
		time.Sleep(time.Second)
		return fmt.Sprint(r.heard.count(func(req *http.Request) bool { return req.Header.Get("Content-Encoding") == "gzip" }) > 0)
	},
	byDefault: "false", want: "true",
}, {
	field: "Transport",
	base:  peerThatIs(absent),
	set:   func(r *rig, c *server.Config) { c.Transport = roundTrips{c.Transport, &r.counted} },
	see:   func(r *rig) string { return fmt.Sprint(r.counted.Load() > 0) }, byDefault: "false", want: "true",
}, {
	field: "RemoteRegions",
	set:   region,
	see:   (*rig).hash, byDefault: "", want: "UP_2_",
}, {
	field: "RemoteRegionWhitelist",
	base:  region,
	set:   func(_ *rig, c *server.Config) { c.RemoteRegionWhitelist = map[string][]string{"us": {"billing"}} },
	see:   (*rig).hash, byDefault: "UP_2_", want: "UP_1_",
}, {
	field: "RemoteRegionInterval",
	base:  region,
	set:   func(_ *rig, c *server.Config) { c.RemoteRegionInterval = 2 * time.Second },
	see: func(r *rig) string {
		time.Sleep(time.Minute)
		return fmt.Sprint(r.heard.count(isPath("/eureka/apps/delta")) > 10)
	},
	byDefault: "false", want: "true",
}, {
	field: "RemoteRegionTimeout",
	base: func(r *rig, c *server.Config) {
		r.serve("us", mute)
		c.RemoteRegions = map[string]string{"us": "http://us:8761/eureka/"}
	},
	set: func(_ *rig, c *server.Config) { c.RemoteRegionTimeout = 2 * time.Second },
	see: func(r *rig) string {
		return r.after(func() bool { return r.detail("region-us", "error") != "" })
	},
	byDefault: "4s", want: "1s", // as above
}, {
	field: "DisableRemoteRegionDelta",
	base:  region,
	set:   func(_ *rig, c *server.Config) { c.DisableRemoteRegionDelta = true },
	see: func(r *rig) string {
		time.Sleep(time.Minute)
		return fmt.Sprint(r.heard.count(func(req *http.Request) bool { return strings.HasSuffix(req.URL.Path, "/delta") }) > 0)
	},
	byDefault: "true", want: "false",
}}

// opens returns how long the node waits before it answers reads.
func opens(r *rig) string {
	return r.after(func() bool { return r.status("/eureka/apps") == "200" })
}

// peerThatIs makes the node one of two, of which the other answers like this. The node itself is not listed.
func peerThatIs(h http.HandlerFunc) func(*rig, *server.Config) {
	return func(r *rig, c *server.Config) {
		r.serve("peer", h)
		c.ServiceURLs = map[string][]string{"defaultZone": {"http://peer:8761/eureka/"}}
		c.RegisterWithEureka = new(false)
	}
}
