package server

import (
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"heureka.internal/heureka"
)

// Config sets up a Server. The zero value serves a single node with heureka's defaults. New copies it, fills the defaults
// in and reports all mistakes at once. What is on by default has a negative switch; a duration of zero stands for its
// default.
type Config struct {
	// Instance is the node's own registration. Nil: built from HostName and Port under the name EUREKA.
	Instance *heureka.Instance
	HostName string // how peers' URLs name this node; "localhost"
	Port     int    // 8761; what tells nodes on one host apart
	// RegisterWithEureka says whether the node lists itself (eureka.client.register-with-eureka). Nil: only if it has
	// peers, so that a node on a laptop starts with an empty registry.
	RegisterWithEureka *bool

	// Registry, leases, self-preservation.
	DisableSelfPreservation        bool
	RenewalPercentThreshold        float64       // 0.85
	RenewalThresholdUpdateInterval time.Duration // 15 min
	ExpectedClientRenewalInterval  time.Duration // 30 s, used with Compatibility netflix
	EvictionInterval               time.Duration // 60 s
	SelfPreservationMaxDuration    time.Duration // unlimited
	IgnoreDirtyTimestamps          bool
	LeaseExpiry                    LeaseExpiry // exact
	Compatibility                  Compatibility
	ExpectedClients                int // eureka.instance.registry.expected-number-of-clients-sending-renews, netflix only; 1, negative: 0
	OpenForTrafficCount            int // eureka.instance.registry.default-open-for-traffic-count, netflix only; 1, negative: 0

	// Answers.
	UseReadOnlyResponseCache   *bool         // nil: false, or true with Compatibility netflix
	ResponseCacheUpdate        time.Duration // 30 s
	ResponseCacheExpiration    time.Duration // 180 s
	DeltaRetention             time.Duration // 180 s
	DeltaRetentionTimer        time.Duration // 30 s
	DisableDelta               bool
	DisableTransparentFallback bool
	DashboardPath              string // "/"
	DisableDashboard           bool
	ContextPath                string // server.servlet.context-path
	Environment                string // eureka.environment, shown only
	DataCenter                 string // eureka.datacenter, shown only
	MaxBodyBytes               int64  // 1 MiB
	MaxBatchBytes              int64  // 16 MiB
	MinAvailablePeers          *int   // eureka.server.min-available-instances-for-peer-replication; nil or negative: no health flag

	// Start-up.
	WaitTimeWhenSyncEmpty time.Duration // 5 min; negative: none
	SyncRetries           int           // negative: the peers are not asked; any other number lets WaitTimeWhenSyncEmpty end the asking
	SyncRetryWait         time.Duration // 30 s; the pause before peers are asked again, at most 5 s

	// Peers.
	Region                string              // us-east-1
	AvailabilityZones     map[string][]string // region to zones, own zone first
	ServiceURLs           map[string][]string // zone to URLs; "defaultZone" for zones without an entry
	MyURL                 string              // eureka.server.my-url
	DNS                   DNSConfig
	PeerUpdateInterval    time.Duration // 10 min
	PeerConnectTimeout    time.Duration // 1 s
	PeerReadTimeout       time.Duration // 5 s
	PeerMaxPending        int           // 10000 tasks a peer
	PeerMaxReplicationAge time.Duration // 30 s (max-time-for-replication)
	CompressReplication   bool

	// Remote regions: name to base URL, and what is taken from each ("global" for all).
	RemoteRegions            map[string]string
	RemoteRegionWhitelist    map[string][]string
	RemoteRegionInterval     time.Duration // 30 s
	RemoteRegionTimeout      time.Duration // 1 s connect, 5 s response in heureka
	DisableRemoteRegionDelta bool

	ShutdownTimeout time.Duration // 30 s: how long a stop waits for requests in flight and for peers to hear of it

	Version   string            // shown by /actuator/info and the status page
	Transport http.RoundTripper // to peers; nil: one of the server's own
	Logger    *slog.Logger      // nil: discarded
	Rand      rand.Source       // nil: seeded from the system
}

// DNSConfig makes peers come from DNS instead of ServiceURLs.
type DNSConfig struct {
	Enabled    bool   // eureka.client.use-dns-for-fetching-service-urls
	Name       string // eureka.client.eureka-server-d-n-s-name
	Port       int    // eureka.client.eureka-server-port
	URLContext string // eureka.client.eureka-server-u-r-l-context
}

// A LeaseExpiry says when a renewed lease ends.
type LeaseExpiry uint8

// LeaseExpiry values. The default is exact, or doubled with Compatibility netflix.
const (
	LeaseExpiryDefault LeaseExpiry = iota
	LeaseExpiryExact
	LeaseExpiryDoubled
)

// Compatibility chooses between heureka's defaults and the reference's, all marked rows at once.
type Compatibility uint8

// The two compatibility settings.
const (
	CompatibilityHeureka Compatibility = iota
	CompatibilityNetflix
)
