package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/spring"
	"heureka.internal/heureka/server"
)

// Without settings the configuration is the server's own default, apart from the node's name.
func TestNothingSetIsTheDefault(t *testing.T) {
	want := server.DefaultConfig()
	want.HostName = "box"
	c := source{}.mustLoad(t).ServerConfig(8761)
	c.Instance = nil
	if diff := diffConfig(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestServerConfig(t *testing.T) {
	yes, no, two := true, false, 2
	s := yamlFile(`
server.servlet.context-path: /registry/
spring.lifecycle.timeout-per-shutdown-phase: 5s
heureka:
  compatibility: netflix
  lease-expiry: exact
  self-preservation-max-duration: 15m
  self-preservation-min-missing: 3
  max-lease-duration: 7d
  dashboard.actions: true
  max-body-size: 2MB
  max-batch-size: 32MB
  limits: {fetches-in-flight: 50, pages-in-flight: 3, batches-per-peer: 2}
  pprof: true
  peer-lookup-interval: 20s
  data-dir: /var/lib/heureka
management:
  server: {port: 9, base-path: /m}
  endpoints.web:
    base-path: /manage
    path-mapping: {health: healthcheck}
    exposure: {include: "health,loggers", exclude: info}
  endpoint.health: {show-details: never, show-components: when-authorized, probes.add-additional-paths: true}
info.app.name: shop
server.tomcat.max-connections: 8192
eureka:
  environment: prod
  datacenter: dc1
  dashboard: {enabled: false, path: /ui}
  instance.registry:
    default-open-for-traffic-count: 0
    expected-number-of-clients-sending-renews: 3
  client:
    register-with-eureka: true
    region: eu
    availability-zones: {eu: "z1,z2"}
    service-url: {defaultZone: "http://a/eureka/,http://b/eureka/"}
    use-dns-for-fetching-service-urls: true
    eureka-server-d-n-s-name: example.com
    eureka-server-port: 8761
    eureka-server-u-r-l-context: eureka
  server:
    enable-self-preservation: false
    renewal-percent-threshold: 0.5
    renewal-threshold-update-interval-ms: 1
    expected-client-renewal-interval-seconds: 2
    eviction-interval-timer-in-ms: 3
    wait-time-in-ms-when-sync-empty: 0
    registry-sync-retries: 0
    registry-sync-retry-wait-ms: 4
    sync-when-timestamp-differs: false
    use-read-only-response-cache: false
    response-cache-update-interval-ms: 5
    response-cache-auto-expiration-in-seconds: 6
    disable-delta: true
    retention-time-in-m-s-in-delta-queue: 7
    delta-retention-timer-interval-in-ms: 8
    peer-eureka-nodes-update-interval-ms: 9
    my-url: http://me/
    peer-node-connect-timeout-ms: 10
    peer-node-read-timeout-ms: 11
    max-elements-in-peer-replication-pool: 12
    max-time-for-replication: 13
    enable-replicated-request-compression: true
    min-available-instances-for-peer-replication: 2
    remote-region-urls-with-name: {us: http://us/}
    remote-region-app-whitelist: {us: [A, B]}
    remote-region-registry-fetch-interval: 14
    remote-region-read-timeout-ms: 15
    disable-delta-for-remote-regions: true
    disable-transparent-fallback-to-other-region: true
`).mustLoad(t)
	const ms = time.Millisecond
	want := server.Config{
		HostName:                       "box",
		Port:                           8761,
		RegisterWithEureka:             &yes,
		DisableSelfPreservation:        true,
		RenewalPercentThreshold:        0.5,
		RenewalThresholdUpdateInterval: ms,
		ExpectedClientRenewalInterval:  2 * time.Second,
		EvictionInterval:               3 * ms,
		SelfPreservationMaxDuration:    15 * time.Minute,
		SelfPreservationMinMissing:     3,
		MaxLease:                       168 * time.Hour,
		Actions:                        true,
		IgnoreDirtyTimestamps:          true,
		LeaseExpiry:                    server.LeaseExpiryExact,
		Compatibility:                  server.CompatibilityNetflix,
		ExpectedClients:                3,
		OpenForTrafficCount:            -1,
		UseReadOnlyResponseCache:       &no,
		ResponseCacheUpdate:            5 * ms,
		ResponseCacheExpiration:        6 * time.Second,
		DeltaRetention:                 7 * ms,
		DeltaRetentionTimer:            8 * ms,
		DisableDelta:                   true,
		DisableTransparentFallback:     true,
		DashboardPath:                  "/ui",
		DisableDashboard:               true,
		ContextPath:                    "/registry",
		Environment:                    "prod",
		DataCenter:                     "dc1",
		MaxBodyBytes:                   2 << 20,
		Limits:                         server.DefaultConfig().Limits,
		MaxBatchBytes:                  32 << 20,
		Management:                     server.ManagementSeparate, Profiling: true, MaxConnections: 8192, Info: map[string]string{"app.name": "shop"},
		Auth: server.Auth{User: "user", Anonymous: []string{"probe"}},
		Actuator: server.Actuator{Base: "/manage", ManagementBase: "/m", Paths: map[string]string{"health": "healthcheck"}, Include: []string{"health", "loggers"},
			Exclude: []string{"info"}, ShowDetails: server.ShowNever, ShowComponents: server.ShowAuthorized, ProbePaths: true},
		FetchesInFlight: 50, PagesInFlight: 3, BatchesPerPeer: 2,
		MinAvailablePeers:        &two,
		WaitTimeWhenSyncEmpty:    -1,
		SyncRetries:              -1,
		SyncRetryWait:            4 * ms,
		DataDir:                  "/var/lib/heureka",
		Region:                   "eu",
		AvailabilityZones:        map[string][]string{"eu": {"z1", "z2"}},
		ServiceURLs:              map[string][]string{"defaultZone": {"http://a/eureka/", "http://b/eureka/"}},
		MyURL:                    "http://me/",
		DNS:                      server.DNSConfig{Enabled: true, Name: "example.com", Port: 8761, URLContext: "eureka"},
		PeerLookupInterval:       20 * time.Second,
		PeerUpdateInterval:       9 * ms,
		PeerConnectTimeout:       10 * ms,
		PeerReadTimeout:          11 * ms,
		PeerMaxPending:           12,
		PeerMaxReplicationAge:    13 * ms,
		CompressReplication:      true,
		RemoteRegions:            map[string]string{"us": "http://us/"},
		RemoteRegionWhitelist:    map[string][]string{"us": {"A", "B"}},
		RemoteRegionInterval:     14 * time.Second,
		RemoteRegionTimeout:      15 * ms,
		DisableRemoteRegionDelta: true,
		Version:                  "devel",
		ShutdownTimeout:          5 * time.Second,
	}
	got := s.ServerConfig(8761)
	got.Instance = nil
	if diff := diffConfig(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFetchRegistryFalseSkipsTheSync(t *testing.T) {
	c := args("--eureka.client.fetch-registry=false", "--eureka.server.registry-sync-retries=3").mustLoad(t).ServerConfig(1)
	if c.SyncRetries != -1 {
		t.Errorf("%d rounds", c.SyncRetries)
	}
}

// S-CFG 9.9: what a node registers of itself.
func TestOwnInstance(t *testing.T) {
	base := heureka.Instance{
		App: "EUREKA", ID: "box:eureka:8761", HostName: "box", IPAddr: "192.0.2.7", Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8761, Enabled: true}, SecurePort: heureka.Port{Number: 443},
		CountryID: 1, DataCenter: heureka.OwnDataCenter,
		Lease:          heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 90},
		Metadata:       heureka.NewMetadata(map[string]string{"management.port": "8761"}),
		HomePageURL:    "http://box:8761/",
		StatusPageURL:  "http://box:8761/actuator/info",
		HealthCheckURL: "http://box:8761/actuator/health",
		VIPAddress:     "eureka", SecureVIPAddress: "eureka",
	}
	for _, tt := range []struct {
		name   string
		args   []string
		port   int
		change func(*heureka.Instance)
	}{
		{"defaults", nil, 8761, func(*heureka.Instance) {}},
		{"application name", []string{"--spring.application.name=my-registry"}, 8761, func(in *heureka.Instance) {
			in.App, in.ID, in.VIPAddress, in.SecureVIPAddress = "MY-REGISTRY", "box:my-registry:8761", "my-registry", "my-registry"
		}},
		{"appname wins", []string{"--spring.application.name=a", "--eureka.instance.appname=b"}, 8761, func(in *heureka.Instance) {
			in.App, in.ID, in.VIPAddress, in.SecureVIPAddress = "B", "box:a:8761", "a", "a"
		}},
		{"only appname", []string{"--eureka.instance.appname=b"}, 8761, func(in *heureka.Instance) {
			in.App, in.ID, in.VIPAddress, in.SecureVIPAddress = "B", "box:b:8761", "b", "b"
		}},
		{"no name as on the reference", []string{"--heureka.compatibility=netflix"}, 8761, func(in *heureka.Instance) {
			in.App, in.ID, in.VIPAddress, in.SecureVIPAddress = "UNKNOWN", "box:unknown:8761", "unknown", "unknown"
		}},
		{"free port", []string{"--server.port=0"}, 4711, func(in *heureka.Instance) {
			in.ID, in.Port.Number = "box:eureka:4711", 4711
			in.Metadata = heureka.NewMetadata(map[string]string{"management.port": "4711"})
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://box:4711/", "http://box:4711/actuator/info", "http://box:4711/actuator/health"
		}},
		{"free port by placeholder", []string{"--server.port=0", "--eureka.instance.non-secure-port=${server.port}", "--eureka.instance.instance-id=x"}, 4711, func(in *heureka.Instance) {
			in.ID, in.Port.Number = "x", 4711
			in.Metadata = heureka.NewMetadata(map[string]string{"management.port": "4711"})
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://box:4711/", "http://box:4711/actuator/info", "http://box:4711/actuator/health"
		}},
		{"published port", []string{"--eureka.instance.non-secure-port=80", "--eureka.instance.hostname=eureka.example"}, 8761, func(in *heureka.Instance) {
			in.HostName, in.ID, in.Port.Number = "eureka.example", "eureka.example:eureka:8761", 80
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://eureka.example:80/", "http://eureka.example:80/actuator/info", "http://eureka.example:80/actuator/health"
		}},
		{"address preferred over name", []string{"--eureka.instance.prefer-ip-address=true", "--eureka.instance.hostname=x"}, 8761, func(in *heureka.Instance) {
			in.HostName, in.ID = "192.0.2.7", "192.0.2.7:eureka:8761"
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://192.0.2.7:8761/", "http://192.0.2.7:8761/actuator/info", "http://192.0.2.7:8761/actuator/health"
		}},
		{"IPv6", []string{"--eureka.instance.prefer-ip-address=true", "--eureka.instance.ip-address=2001:db8::1", "--eureka.instance.instance-id=i"}, 8761, func(in *heureka.Instance) {
			in.HostName, in.IPAddr, in.ID = "2001:db8::1", "2001:db8::1", "i"
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://[2001:db8::1]:8761/", "http://[2001:db8::1]:8761/actuator/info", "http://[2001:db8::1]:8761/actuator/health"
		}},
		{"context path", []string{"--server.servlet.context-path=/r"}, 8761, func(in *heureka.Instance) {
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL = "http://box:8761/r/", "http://box:8761/r/actuator/info", "http://box:8761/r/actuator/health"
		}},
		{"pages", []string{"--eureka.instance.home-page-url=http://h/", "--eureka.instance.status-page-url-path=s",
			"--eureka.instance.health-check-url=http://${eureka.instance.hostname}/h", "--eureka.instance.secure-health-check-url=https://s/"}, 8761, func(in *heureka.Instance) {
			in.HomePageURL, in.StatusPageURL, in.HealthCheckURL, in.SecureHealthCheckURL = "http://h/", "http://box:8761/s", "http://box/h", "https://s/"
		}},
		{"metadata", []string{"--eureka.instance.metadata-map.Zone=z", "--eureka.instance.metadata-map.empty=", "--eureka.instance.metadata-map.management.port=1"}, 8761, func(in *heureka.Instance) {
			in.Metadata = heureka.NewMetadata(map[string]string{"management.port": "1", "Zone": "z"})
		}},
		{"the rest", []string{"--eureka.instance.initial-status=out_of_service", "--eureka.instance.app-group-name=g", "--eureka.instance.asg-name=asg",
			"--eureka.instance.secure-port-enabled=true", "--eureka.instance.non-secure-port-enabled=false", "--eureka.instance.virtual-host-name=v",
			"--eureka.instance.secure-virtual-host-name=sv", "--eureka.instance.lease-renewal-interval-in-seconds=5", "--eureka.instance.lease-expiration-duration-in-seconds=15"}, 8761, func(in *heureka.Instance) {
			in.Status, in.AppGroupName, in.ASGName = heureka.StatusOutOfService, "G", "asg"
			in.SecurePort, in.Port.Enabled = heureka.Port{Number: 8761, Enabled: true}, false
			in.VIPAddress, in.SecureVIPAddress = "v", "sv"
			in.Lease = heureka.LeaseInfo{RenewalIntervalSecs: 5, DurationSecs: 15}
		}},
	} {
		want := base.Clone()
		tt.change(want)
		got := args(tt.args...).mustLoad(t).ServerConfig(tt.port).Instance
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestListenAddress(t *testing.T) {
	for want, s := range map[string]source{
		":8761":          {},
		":0":             args("--server.port=0"),
		"10.0.0.1:8761":  args("--server.address=10.0.0.1"),
		"[::1]:9":        args("--server.address=::1", "--server.port=9"),
		"[fe80::1]:9":    args("--server.address=[fe80::1]", "--server.port=9"),
		"localhost:8761": args("--server.address=localhost"),
	} {
		if got := s.mustLoad(t).ListenAddress(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The machine is asked for its name only when nothing else tells it.
func TestHostIsAskedLate(t *testing.T) {
	asked := 0
	s, err := config.Load(config.Options{Dir: t.TempDir(), Host: func() spring.Host { asked++; return spring.Host{Name: "h", IP: "i"} },
		Args: []string{"--eureka.instance.hostname=x", "--eureka.instance.ip-address=192.0.2.1"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.ServerConfig(1); asked != 0 {
		t.Errorf("asked %d times", asked)
	}
}

func TestManagementAddress(t *testing.T) {
	for want, s := range map[string]source{
		"":               args("--management.server.port=8761"),
		":9000":          args("--management.server.port=9000"),
		"10.0.0.1:9000":  args("--management.server.port=9000", "--server.address=10.0.0.1"),
		"127.0.0.1:9000": args("--management.port=9000", "--server.address=10.0.0.1", "--management.server.address=127.0.0.1"),
		":0":             args("--management.server.port=0", "--server.port=0"),
	} {
		if got := s.mustLoad(t).ManagementAddress(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	off := args("--management.server.port=-1").mustLoad(t)
	if got := off.ManagementAddress(); got != "" || off.ServerConfig(8761).Management != server.ManagementOff {
		t.Errorf("port -1: address %q, management %v", got, off.ServerConfig(8761).Management)
	}
	in := args("--management.server.port=0").mustLoad(t).OnManagementPort(4711).ServerConfig(8761).Instance
	if got := in.Metadata.Get("management.port"); got != "4711" || in.HealthCheckURL != "http://box:4711/actuator/health" || in.HomePageURL != "http://box:8761/" {
		t.Errorf("the node lists management port %q, %s and %s", got, in.HealthCheckURL, in.HomePageURL)
	}
}
