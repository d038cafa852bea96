package server

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"heureka.internal/heureka"
)

// Config sets up a Server. The zero value serves a single node with heureka's defaults. New copies it, takes what is zero
// from DefaultConfig and reports all mistakes at once. What is on by default has a negative switch. Where a number may be
// none, a negative one says so, because zero stands for the default.
type Config struct {
	// Instance is the node's own registration. Nil: built from HostName and Port under the name EUREKA.
	Instance *heureka.Instance
	HostName string // how peers' URLs name this node
	Port     int    // what tells nodes on one host apart
	// RegisterWithEureka says whether the node lists itself (eureka.client.register-with-eureka). Nil: only if it has
	// peers, so that a node on a laptop starts with an empty registry.
	RegisterWithEureka *bool

	// Registry, leases, self-preservation.
	DisableSelfPreservation        bool
	RenewalPercentThreshold        float64
	RenewalThresholdUpdateInterval time.Duration
	ExpectedClientRenewalInterval  time.Duration // used with Compatibility netflix
	EvictionInterval               time.Duration
	SelfPreservationMaxDuration    time.Duration // zero: unlimited
	SelfPreservationMinMissing     int           // how many instances must be missing for it to begin; zero: 2, or 1 with Compatibility netflix
	MaxLease                       time.Duration // longer leases end after that; negative: unlimited
	IgnoreDirtyTimestamps          bool
	LeaseExpiry                    LeaseExpiry
	Compatibility                  Compatibility
	ExpectedClients                int // eureka.instance.registry.expected-number-of-clients-sending-renews, netflix only; negative: 0
	OpenForTrafficCount            int // eureka.instance.registry.default-open-for-traffic-count, netflix only; negative: 0

	// Answers.
	UseReadOnlyResponseCache   *bool // nil: false, or true with Compatibility netflix
	ResponseCacheUpdate        time.Duration
	ResponseCacheExpiration    time.Duration
	DeltaRetention             time.Duration
	DeltaRetentionTimer        time.Duration
	DisableDelta               bool
	DisableTransparentFallback bool
	DashboardPath              string
	DisableDashboard           bool
	Actions                    bool     // operators may change what the node holds, such as end a protection
	ContextPath                string   // server.servlet.context-path
	Environment                string   // eureka.environment, shown only
	DataCenter                 string   // eureka.datacenter, shown only
	MaxBodyBytes               int64    // heureka.limits.record-bytes
	MaxBatchBytes              int64    // heureka.limits.batch-bytes
	AllowedHosts               []string // names beside its own under which browsers may ask this node; "*": any
	Limits                     Limits
	Management                 Management        // where health, metrics and info are served
	Actuator                   Actuator          // Spring's endpoints
	Info                       map[string]string // what info shows, by dotted name
	LogLevel                   *slog.LevelVar    // of Logger, for the endpoint loggers; nil: it is not there
	Profiling                  bool              // ManagementHandler serves Go's profiles
	Auth                       Auth
	Audit                      Audit
	TLS                        TLS  // of Serve
	ManagementTLS              TLS  // of ServeManagement; without a certificate: that of TLS, but its own ClientAuth
	AcceptPlain                bool // Serve takes plain connections beside TLS, on the same port
	MaxConnections             int  // open at once; zero: what the limit of open files leaves
	FetchesInFlight            int  // full, application and VIP fetches that are answered at a time
	PagesInFlight              int  // pages and metrics, likewise
	BatchesPerPeer             int  // replication batches of one address, likewise
	MinAvailablePeers          *int // eureka.server.min-available-instances-for-peer-replication; negative: no health flag

	// Start-up.
	WaitTimeWhenSyncEmpty time.Duration // negative: none
	SyncRetries           int           // negative: the peers are not asked; any other number lets WaitTimeWhenSyncEmpty end the asking
	SyncRetryWait         time.Duration // the pause before peers are asked again, at most 5 s
	DataDir               string        // where the registry is kept for the next start, by one node; "": nowhere

	// Peers.
	Region                string
	AvailabilityZones     map[string][]string // region to zones, own zone first
	ServiceURLs           map[string][]string // zone to URLs; "defaultZone" for zones without an entry
	MyURL                 string              // eureka.server.my-url
	DNS                   DNSConfig
	PeerUpdateInterval    time.Duration // between two looks at the list of peers; zero: PeerLookupInterval if names are in it, else 10 min
	PeerLookupInterval    time.Duration // between two look-ups of peers' names, unless PeerUpdateInterval is set
	PeerConnectTimeout    time.Duration
	PeerReadTimeout       time.Duration
	PeerMaxPending        int           // tasks a peer
	PeerMaxReplicationAge time.Duration // max-time-for-replication
	CompressReplication   bool
	PeerTLS               PeerTLS

	// Remote regions: name to base URL, and what is taken from each ("global" for all).
	RemoteRegions            map[string]string
	RemoteRegionWhitelist    map[string][]string
	RemoteRegionInterval     time.Duration
	RemoteRegionTimeout      time.Duration // for the answer; connecting has PeerConnectTimeout
	DisableRemoteRegionDelta bool

	ShutdownTimeout time.Duration // how long a stop waits for requests in flight and for peers to hear of it; negative: not at all

	Version   string            // shown by /actuator/info and the status page
	Transport http.RoundTripper // to peers; nil: one of the server's own
	Logger    *slog.Logger      // nil: discarded
	AccessLog *slog.Logger      // takes a line for each request at level INFO; nil: Logger does, at DEBUG
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

var leaseExpiryNames = []string{"", "exact", "doubled"}

// MarshalText writes the name: "exact", "doubled", or "" for the default.
func (e LeaseExpiry) MarshalText() ([]byte, error) { return nameOf(leaseExpiryNames, e) }

// UnmarshalText reads what MarshalText writes.
func (e *LeaseExpiry) UnmarshalText(text []byte) error { return named(leaseExpiryNames, text, e) }

// Compatibility chooses between heureka's defaults and the reference's, all marked rows at once.
type Compatibility uint8

// The two compatibility settings.
const (
	CompatibilityHeureka Compatibility = iota
	CompatibilityNetflix
)

var compatibilityNames = []string{"heureka", "netflix"}

// MarshalText writes the name: "heureka" or "netflix".
func (c Compatibility) MarshalText() ([]byte, error) { return nameOf(compatibilityNames, c) }

// UnmarshalText reads what MarshalText writes.
func (c *Compatibility) UnmarshalText(text []byte) error { return named(compatibilityNames, text, c) }

func nameOf[T ~uint8](names []string, v T) ([]byte, error) {
	if int(v) >= len(names) {
		return nil, fmt.Errorf("there is no value %d", v)
	}
	return []byte(names[v]), nil
}

func named[T ~uint8](names []string, text []byte, v *T) error {
	i := slices.Index(names, string(text))
	if i < 0 {
		return fmt.Errorf("%q is none of %q", text, names)
	}
	*v = T(i)
	return nil
}
