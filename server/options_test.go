package server_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// An option is a field of server.Config and an effect by which it shows that the field has arrived.
type option struct {
	field     string
	base      func(r *rig, c *server.Config) // what both runs have, and the strangers they need; nil: nothing
	set       func(r *rig, c *server.Config)
	see       func(r *rig) string
	byDefault string // what is seen without set
	want      string // what is seen with it
	late      bool   // set while the node runs
}

// Every option has an effect that is seen from outside: through HTTP, by the peers, or by when things happen.
func TestOptionsHaveTheirEffect(t *testing.T) {
	for _, o := range options {
		t.Run(o.field, func(t *testing.T) {
			if got := o.run(t, false); got != o.byDefault {
				t.Errorf("by default: %q, want %q", got, o.byDefault)
			}
			if got := o.run(t, true); got != o.want {
				t.Errorf("with the option set: %q, want %q", got, o.want)
			}
		})
	}
}

func (o *option) run(t *testing.T, set bool) (seen string) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		if o.base != nil {
			o.base(r, &cfg)
		}
		late := cfg
		if set {
			o.set(r, &late)
		}
		if !o.late {
			cfg = late
		}
		r.start(cfg)
		if o.late {
			if err := r.server.Apply(late); err != nil {
				t.Fatal(err)
			}
		}
		seen = o.see(r)
	})
	return seen
}

// What Apply changes has the same effect as if the node had been started with it; all the rest has none.
func TestOptionsThatApplyWhileTheNodeRuns(t *testing.T) {
	live := []string{"MaxBodyBytes", "MaxBatchBytes", "FetchesInFlight", "PagesInFlight", "BatchesPerPeer", "Limits.NameBytes", "Limits.TextBytes", "Limits.MetadataEntries",
		"Limits.BatchEntries", "Limits.FutureStamp", "Limits.Instances", "Limits.InstancesPerApp", "Limits.MemoryBytes", "Limits.Watchers", "Limits.WatchingPages",
		"Limits.DecodingBytes", "Limits.HistoryChanges", "Limits.HistoryBytes", "Limits.HistoryAge"}
	for _, o := range options {
		if !slices.Contains(live, o.field) && !strings.HasPrefix(o.field, "Limits.") {
			continue
		}
		want := o.byDefault
		if slices.Contains(live, o.field) {
			want = o.want
		}
		o.late = true
		if got := o.run(t, true); got != want {
			t.Errorf("%s applied while the node runs: %q, want %q", o.field, got, want)
		}
	}
}

// Whoever adds a field adds the row that shows its effect.
func TestEveryOptionHasARow(t *testing.T) {
	rows := map[string]bool{}
	for _, o := range options {
		if o.byDefault == o.want {
			t.Errorf("the row of %s shows no difference", o.field)
		}
		rows[o.field] = true
	}
	typ := reflect.TypeFor[server.Config]()
	for f := range typ.Fields() {
		names := []string{f.Name}
		if f.Type.Kind() == reflect.Struct && !rows[f.Name] { // then each part has one
			names = nil
			for part := range f.Type.Fields() {
				names = append(names, f.Name+"."+part.Name)
			}
		}
		for _, name := range names {
			if !rows[name] {
				t.Errorf("server.Config.%s has no row in options: set it to something else than its default and look what changes", name)
			}
		}
	}
}

var options = slices.Concat(nodeOptions, tlsOptions, authOptions, auditOptions, actuatorOptions, crowdOptions, limitOptions, registryOptions, answerOptions, peerOptions)

// nodeOptions are about the node itself.
var nodeOptions = []option{{
	field: "Instance",
	base:  listed,
	set: func(_ *rig, c *server.Config) {
		c.Instance = &heureka.Instance{App: "OWN", ID: "own", IPAddr: "192.0.2.1"}
	},
	see:       func(r *rig) string { return r.find("/eureka/apps", `<name>(.*?)</name>`) },
	byDefault: "EUREKA", want: "OWN",
}, {
	field: "HostName", base: listed, see: ownID, byDefault: "a:eureka:8761", want: "b:eureka:8761",
	set: func(_ *rig, c *server.Config) { c.HostName = "b" },
}, {
	field: "Port", base: listed, see: ownID, byDefault: "a:eureka:8761", want: "a:eureka:4711",
	set: func(_ *rig, c *server.Config) { c.Port = 4711 },
}, {
	field: "RegisterWithEureka", set: listed, see: ownID, byDefault: "", want: "a:eureka:8761",
}, {
	field: "Version",
	set:   func(_ *rig, c *server.Config) { c.Version = "1.2.3" },
	see:   func(r *rig) string { return r.find("/actuator/info", `"version":"(.*?)"`) }, byDefault: "devel", want: "1.2.3",
}, {
	field: "Logger",
	set:   func(r *rig, c *server.Config) { c.Logger = r.logger() },
	see:   func(r *rig) string { return fmt.Sprint(strings.Contains(r.log.String(), "open for traffic")) }, byDefault: "false", want: "true",
}, {
	field: "Rand",
	set:   func(r *rig, c *server.Config) { c.Rand = draws{c.Rand, &r.counted} },
	see:   func(r *rig) string { return fmt.Sprint(r.counted.Load() > 0) }, byDefault: "false", want: "true",
}, {
	field: "DataDir",
	set:   func(r *rig, c *server.Config) { c.DataDir = r.dataDir() },
	see: func(r *rig) string {
		r.register("x")
		r.stop()
		r.start(r.config())
		return r.status("/eureka/apps/ORDERS/x")
	},
	byDefault: "404", want: "200",
}, {
	field: "ShutdownTimeout", // with a request that does not end
	set:   func(_ *rig, c *server.Config) { c.ShutdownTimeout = 5 * time.Second },
	see: func(r *rig) string {
		defer r.send("POST /eureka/apps/ORDERS HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{").Close()
		return r.stop().Round(time.Second).String()
	},
	byDefault: "30s", want: "5s",
}}

// crowdOptions are about what may happen at a time, and where health is served.
var crowdOptions = []option{{
	field: "Management",
	set:   func(_ *rig, c *server.Config) { c.Management = server.ManagementSeparate },
	see:   func(r *rig) string { return r.status("/actuator/health") }, byDefault: "200", want: "404",
}, {
	field: "Profiling",
	set:   func(_ *rig, c *server.Config) { c.Profiling = true },
	see: func(r *rig) string {
		w := httptest.NewRecorder()
		r.server.ManagementHandler().ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/cmdline", nil))
		return fmt.Sprint(w.Code)
	},
	byDefault: "404", want: "200",
}, {
	field: "AllowedHosts",
	set:   func(_ *rig, c *server.Config) { c.AllowedHosts = []string{"eureka.example.org"} },
	see: func(r *rig) string {
		req := httptest.NewRequest("GET", "http://eureka.example.org/", nil)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		r.server.Handler().ServeHTTP(w, req)
		return fmt.Sprint(w.Code)
	},
	byDefault: "403", want: "200",
}, {
	field: "MaxConnections",
	base:  func(_ *rig, c *server.Config) { c.MaxConnections = 1000 },
	set:   func(_ *rig, c *server.Config) { c.MaxConnections = 10 },
	see:   func(r *rig) string { return r.metric("connections_max") }, byDefault: "1000", want: "10",
}, {
	field: "FetchesInFlight",
	set:   func(_ *rig, c *server.Config) { c.FetchesInFlight = 1 },
	see: func(r *rig) string {
		in := instance("ORDERS", "x")
		in.Metadata = heureka.NewMetadata(map[string]string{"m": strings.Repeat("x", 900_000)})
		register(r.t, r.conn(), in)
		return waited(r, "fetch", "/eureka/apps")
	},
	byDefault: "0", want: "1",
}, {
	field: "PagesInFlight",
	base:  func(_ *rig, c *server.Config) { c.Environment = strings.Repeat("x", 1<<20) },
	set:   func(_ *rig, c *server.Config) { c.PagesInFlight = 1 },
	see:   func(r *rig) string { return waited(r, "page", "/") }, byDefault: "0", want: "1",
}, {
	field: "BatchesPerPeer",
	set:   func(_ *rig, c *server.Config) { c.BatchesPerPeer = 1 },
	see: func(r *rig) string {
		defer r.send("POST /eureka/peerreplication/batch/ HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{").Close()
		code, _ := r.do(http.MethodPost, "/eureka/peerreplication/batch/", `{"replicationList":[]}`)
		return fmt.Sprint(code)
	},
	byDefault: "200", want: "503",
}}

// waited asks for a long answer without reading it, then again, and returns how many requests of the class had to wait.
func waited(r *rig, class, path string) string {
	defer r.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n").Close()
	r.status(path)
	time.Sleep(3 * time.Second)
	return r.find("/metrics", `heureka_requests_waited_total\{class="`+class+`"\} (\d+)`)
}

func listed(_ *rig, c *server.Config) { c.RegisterWithEureka = new(true) }

func ownID(r *rig) string { return r.find("/eureka/apps", `<instanceId>(.*?)</instanceId>`) }

// registryOptions are about leases and self-preservation.
var registryOptions = []option{{
	field: "DisableSelfPreservation",
	set:   impatient,
	see: func(r *rig) string {
		r.register("1", "2", "3", "4", "5")
		time.Sleep(20 * time.Minute)
		return fmt.Sprint(r.has("1"))
	},
	byDefault: "true", want: "false",
}, {
	field:     "RenewalPercentThreshold",
	set:       func(_ *rig, c *server.Config) { c.RenewalPercentThreshold = 0.5 },
	see:       tenRegistered(func(r *rig) string { return r.metric("renewal_threshold") }),
	byDefault: "17", want: "10",
}, {
	field: "RenewalThresholdUpdateInterval", // corrects that the reference expects one client that never came
	base:  netflix,
	set:   func(_ *rig, c *server.Config) { c.RenewalThresholdUpdateInterval = 10 * time.Second },
	see: tenRegistered(func(r *rig) string {
		time.Sleep(15 * time.Second)
		return r.metric("renewals_expected")
	}),
	byDefault: "22", want: "20",
}, {
	field:     "ExpectedClientRenewalInterval",
	base:      netflix,
	set:       func(_ *rig, c *server.Config) { c.ExpectedClientRenewalInterval = 10 * time.Second },
	see:       func(r *rig) string { return r.metric("renewals_expected") },
	byDefault: "2", want: "6",
}, {
	field: "EvictionInterval",
	base:  impatient,
	set:   func(_ *rig, c *server.Config) { c.EvictionInterval = 10 * time.Second },
	see: func(r *rig) string {
		r.lease("x", 5)
		return r.after(func() bool { return !r.has("x") })
	},
	byDefault: "59s", want: "9s",
}, {
	field: "SelfPreservationMaxDuration",
	set:   func(_ *rig, c *server.Config) { c.SelfPreservationMaxDuration = 10 * time.Minute },
	see: func(r *rig) string {
		r.register("1", "2", "3", "4", "5")
		time.Sleep(40 * time.Minute)
		return fmt.Sprint(r.has("1"))
	},
	byDefault: "true", want: "false",
}, {
	field: "SelfPreservationMinMissing",
	set:   func(_ *rig, c *server.Config) { c.SelfPreservationMinMissing = 10 },
	see: func(r *rig) string {
		r.register("1", "2", "3", "4", "5")
		time.Sleep(20 * time.Minute)
		return fmt.Sprint(r.has("1"))
	},
	byDefault: "true", want: "false",
}, {
	field: "Actions",
	set:   func(_ *rig, c *server.Config) { c.Actions = true },
	see: func(r *rig) string {
		r.register("1", "2", "3", "4", "5")
		time.Sleep(5 * time.Minute)
		code, _ := r.do(http.MethodPost, "/heureka/v1/protection/release", "")
		return fmt.Sprint(code)
	},
	byDefault: "403", want: "200",
}, {
	field: "MaxLease",
	base:  impatient,
	set:   func(_ *rig, c *server.Config) { c.MaxLease = 30 * time.Second },
	see: func(r *rig) string {
		r.lease("x", 3600)
		time.Sleep(2 * time.Minute)
		return fmt.Sprint(r.has("x"))
	},
	byDefault: "true", want: "false",
}, {
	field: "IgnoreDirtyTimestamps", // a heartbeat with newer data than are here
	set:   func(_ *rig, c *server.Config) { c.IgnoreDirtyTimestamps = true },
	see: func(r *rig) string {
		r.register("x")
		code, _ := r.do(http.MethodPut, "/eureka/apps/ORDERS/x?status=UP&lastDirtyTimestamp=946684800000", "")
		return fmt.Sprint(code)
	},
	byDefault: "404", want: "200",
}, {
	field: "LeaseExpiry",
	base: func(r *rig, c *server.Config) {
		impatient(r, c)
		c.EvictionInterval = time.Second
	},
	set: func(_ *rig, c *server.Config) { c.LeaseExpiry = server.LeaseExpiryDoubled },
	see: func(r *rig) string {
		r.lease("x", 20)
		if err := r.conn().Renew(r.t.Context(), heureka.Key{App: "ORDERS", ID: "x"}, remote.Renewal{}); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(30 * time.Second)
		return fmt.Sprint(r.has("x"))
	},
	byDefault: "false", want: "true",
}, {
	field: "Compatibility",
	base:  dumbPeer,
	set:   netflix,
	see:   func(r *rig) string { return r.status("/eureka/apps") }, byDefault: "503", want: "403",
}, {
	field:     "ExpectedClients", // before the node is open
	base:      func(r *rig, c *server.Config) { netflix(r, c); dumbPeer(r, c) },
	set:       func(_ *rig, c *server.Config) { c.ExpectedClients = 5 },
	see:       func(r *rig) string { return r.metric("renewals_expected") },
	byDefault: "2", want: "10",
}, {
	field:     "OpenForTrafficCount",
	base:      netflix,
	set:       func(_ *rig, c *server.Config) { c.OpenForTrafficCount = 5 },
	see:       func(r *rig) string { return r.metric("renewals_expected") },
	byDefault: "2", want: "10",
}}

func netflix(_ *rig, c *server.Config) { c.Compatibility = server.CompatibilityNetflix }

// impatient lets leases end without self-preservation.
func impatient(_ *rig, c *server.Config) { c.DisableSelfPreservation = true }

// dumbPeer is a peer that answers nothing, so that the node goes on waiting. The node itself is not listed.
func dumbPeer(r *rig, c *server.Config) {
	r.serve("peer", mute)
	c.ServiceURLs = map[string][]string{"defaultZone": {"http://peer:8761/eureka/"}}
	c.RegisterWithEureka = new(false)
}

func tenRegistered(see func(*rig) string) func(*rig) string {
	return func(r *rig) string {
		r.register("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
		return see(r)
	}
}

// answerOptions are about what is answered, and where.
var answerOptions = []option{{
	field: "UseReadOnlyResponseCache",
	set:   lagging,
	see: func(r *rig) string {
		r.hash()
		r.register("x")
		return r.hash()
	},
	byDefault: "UP_1_", want: "",
}, {
	field: "ResponseCacheUpdate", // at full multiples of the wall clock, which begins at one
	base:  lagging,
	set:   func(_ *rig, c *server.Config) { c.ResponseCacheUpdate = 10 * time.Second },
	see: func(r *rig) string {
		r.hash()
		r.register("x")
		return r.after(func() bool { return r.hash() != "" })
	},
	byDefault: "29s", want: "9s",
}, {
	field: "ResponseCacheExpiration", // until then, heartbeats do not show in answers
	set:   func(_ *rig, c *server.Config) { c.ResponseCacheExpiration = 10 * time.Second },
	see: func(r *rig) string {
		r.register("x")
		before := r.lastRenewal()
		time.Sleep(5 * time.Second)
		if err := r.conn().Renew(r.t.Context(), heureka.Key{App: "ORDERS", ID: "x"}, remote.Renewal{}); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		return fmt.Sprint(r.lastRenewal() != before)
	},
	byDefault: "false", want: "true",
}, {
	field: "DeltaRetention",
	set:   func(_ *rig, c *server.Config) { c.DeltaRetention = 10 * time.Second },
	see:   changeInDelta, byDefault: "3m29s", want: "29s", // at the next tick of DeltaRetentionTimer
}, {
	field: "DeltaRetentionTimer",
	base:  func(_ *rig, c *server.Config) { c.DeltaRetention = time.Second },
	set:   func(_ *rig, c *server.Config) { c.DeltaRetentionTimer = 7 * time.Second },
	see:   changeInDelta, byDefault: "29s", want: "6s",
}, {
	field: "DisableDelta",
	set:   func(_ *rig, c *server.Config) { c.DisableDelta = true },
	see:   func(r *rig) string { return r.status("/eureka/apps/delta") }, byDefault: "200", want: "403",
}, {
	field: "DisableTransparentFallback",
	base:  region,
	set:   func(_ *rig, c *server.Config) { c.DisableTransparentFallback = true },
	see:   (*rig).hash, byDefault: "UP_2_", want: "",
}, {
	field: "DashboardPath",
	set:   func(_ *rig, c *server.Config) { c.DashboardPath = "/dash" },
	see:   func(r *rig) string { return r.status("/dash") }, byDefault: "404", want: "200",
}, {
	field: "DisableDashboard",
	set:   func(_ *rig, c *server.Config) { c.DisableDashboard = true },
	see:   func(r *rig) string { return r.status("/") }, byDefault: "200", want: "404",
}, {
	field: "ContextPath",
	set:   func(_ *rig, c *server.Config) { c.ContextPath = "/ctx" },
	see:   func(r *rig) string { return r.status("/ctx/eureka/apps") }, byDefault: "404", want: "200",
}, {
	field: "Environment",
	set:   func(_ *rig, c *server.Config) { c.Environment = "staging" },
	see:   func(r *rig) string { return r.find("/", `(?s)Environment</[a-z]+>\s*<[a-z]+>(.*?)<`) }, byDefault: "test", want: "staging",
}, {
	field: "DataCenter",
	set:   func(_ *rig, c *server.Config) { c.DataCenter = "cellar" },
	see:   func(r *rig) string { return r.find("/", `(?s)Data cent(?:er|re)</[a-z]+>\s*<[a-z]+>(.*?)<`) }, byDefault: "default", want: "cellar",
}, {
	field: "MaxBodyBytes",
	set:   func(_ *rig, c *server.Config) { c.MaxBodyBytes = 100 },
	see: func(r *rig) string {
		code, _ := r.do(http.MethodPost, "/eureka/apps/ORDERS", orders)
		return fmt.Sprint(code)
	},
	byDefault: "204", want: "413",
}, {
	field: "MaxBatchBytes",
	set:   func(_ *rig, c *server.Config) { c.MaxBatchBytes = 10 },
	see: func(r *rig) string {
		code, _ := r.do(http.MethodPost, "/eureka/peerreplication/batch/", `{"replicationList":[{"appName":"ORDERS","id":"x","action":"Cancel"}]}`)
		return fmt.Sprint(code)
	},
	byDefault: "200", want: "413",
}, {
	field: "MinAvailablePeers",
	set:   func(_ *rig, c *server.Config) { c.MinAvailablePeers = new(1) },
	see:   func(r *rig) string { return r.find("/eureka/status", `<isHeathly>(.*?)</isHeathly>`) }, byDefault: "", want: "false",
}}

func lagging(_ *rig, c *server.Config) { c.UseReadOnlyResponseCache = new(true) }

// changeInDelta returns how long a change stays in the delta.
func changeInDelta(r *rig) string {
	r.lease("x", 3600)
	return r.after(func() bool { return r.find("/eureka/apps/delta", `<name>(.*?)</name>`) == "" })
}

// region runs a second node, which has one instance each of ORDERS and BILLING, as the region "us".
func region(r *rig, c *server.Config) {
	s, err := server.New(server.Config{Logger: heurekatest.Logger(r.t)})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	go s.Run(ctx)
	r.t.Cleanup(stop)
	r.serve("us", s.Handler().ServeHTTP)
	conn, err := remote.New(remote.Config{URL: "http://us:8761/eureka/", Transport: r.client.Transport})
	if err != nil {
		r.t.Fatal(err)
	}
	register(r.t, conn, instance("ORDERS", "in-us"), instance("BILLING", "in-us"))
	c.RemoteRegions = map[string]string{"us": "http://us:8761/eureka/"}
}

// waitAtConnect lets a dialer do nothing but wait for its time-out.
func waitAtConnect(ctx context.Context, _, _ string, _ syscall.RawConn) error {
	<-ctx.Done()
	return ctx.Err()
}
