package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// The defaults of design and reference. Durations are those of Spring Cloud's server except where the design decides
// otherwise.
const (
	defaultThresholdUpdate    = 15 * time.Minute
	defaultEvictionInterval   = time.Minute
	defaultClientInterval     = 30 * time.Second
	defaultCacheUpdate        = 30 * time.Second
	defaultCacheExpiration    = 180 * time.Second
	defaultDeltaRetention     = 180 * time.Second
	defaultDeltaTimer         = 30 * time.Second
	defaultWaitWhenSyncEmpty  = 5 * time.Minute
	defaultSyncRetries        = 5
	defaultSyncRetryWait      = 30 * time.Second
	defaultPeerUpdate         = 10 * time.Minute
	defaultPeerConnectTimeout = time.Second
	defaultPeerReadTimeout    = 5 * time.Second
	defaultPeerMaxPending     = 10_000
	defaultReplicationAge     = 30 * time.Second
	defaultRegionInterval     = 30 * time.Second
	defaultRegionTimeout      = 5 * time.Second
	defaultShutdownTimeout    = 30 * time.Second
	defaultPercent            = 0.85
	defaultRegion             = "us-east-1"
	defaultMaxBody            = 1 << 20
	defaultMaxBatch           = 16 << 20
	defaultPort               = 8761
	defaultAppName            = "EUREKA"
)

// complete returns a copy of c with the defaults filled in, and all mistakes joined.
func (c Config) complete() (Config, error) {
	c.completeDurations()
	c.ExpectedClients = orDefault(c.ExpectedClients, 1)
	c.OpenForTrafficCount = orDefault(c.OpenForTrafficCount, 1)
	c.SyncRetries = orDefault(c.SyncRetries, defaultSyncRetries)
	c.PeerMaxPending = orDefault(c.PeerMaxPending, defaultPeerMaxPending)
	c.MaxBodyBytes = orDefault(c.MaxBodyBytes, defaultMaxBody)
	c.MaxBatchBytes = orDefault(c.MaxBatchBytes, defaultMaxBatch)
	c.RenewalPercentThreshold = orDefault(c.RenewalPercentThreshold, defaultPercent)
	c.Region = orDefault(c.Region, defaultRegion)
	c.DashboardPath = orDefault(c.DashboardPath, "/")
	c.Environment = orDefault(c.Environment, "test")
	c.DataCenter = orDefault(c.DataCenter, "default")
	c.Version = orDefault(c.Version, "devel")
	c.HostName = orDefault(c.HostName, "localhost")
	c.Port = orDefault(c.Port, defaultPort)
	if c.Instance == nil {
		c.Instance = c.defaultInstance()
	}
	if c.LeaseExpiry == LeaseExpiryDefault {
		c.LeaseExpiry = LeaseExpiryExact
		if c.netflix() {
			c.LeaseExpiry = LeaseExpiryDoubled
		}
	}
	if c.UseReadOnlyResponseCache == nil {
		c.UseReadOnlyResponseCache = new(c.netflix())
	}
	if c.RegisterWithEureka == nil {
		c.RegisterWithEureka = new(c.hasPeers())
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Rand == nil {
		c.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64())
	}
	c.DashboardPath = "/" + strings.Trim(c.DashboardPath, "/")
	return c, c.check()
}

// defaultInstance is how the node lists itself when nothing else was configured.
func (c *Config) defaultInstance() *heureka.Instance {
	base := fmt.Sprintf("http://%s:%d", c.HostName, c.Port)
	return &heureka.Instance{
		App:            defaultAppName,
		ID:             fmt.Sprintf("%s:%s:%d", c.HostName, strings.ToLower(defaultAppName), c.Port),
		HostName:       c.HostName,
		IPAddr:         c.HostName,
		Port:           heureka.Port{Number: c.Port, Enabled: true},
		SecurePort:     heureka.Port{Number: 443},
		CountryID:      heureka.DefaultCountryID,
		DataCenter:     heureka.OwnDataCenter,
		VIPAddress:     strings.ToLower(defaultAppName),
		HomePageURL:    base + "/",
		StatusPageURL:  base + "/actuator/info",
		HealthCheckURL: base + "/actuator/health",
	}
}

func (c *Config) completeDurations() {
	for d, def := range map[*time.Duration]time.Duration{
		&c.RenewalThresholdUpdateInterval: defaultThresholdUpdate,
		&c.ExpectedClientRenewalInterval:  defaultClientInterval,
		&c.EvictionInterval:               defaultEvictionInterval,
		&c.ResponseCacheUpdate:            defaultCacheUpdate,
		&c.ResponseCacheExpiration:        defaultCacheExpiration,
		&c.DeltaRetention:                 defaultDeltaRetention,
		&c.DeltaRetentionTimer:            defaultDeltaTimer,
		&c.WaitTimeWhenSyncEmpty:          defaultWaitWhenSyncEmpty,
		&c.SyncRetryWait:                  defaultSyncRetryWait,
		&c.PeerUpdateInterval:             defaultPeerUpdate,
		&c.PeerConnectTimeout:             defaultPeerConnectTimeout,
		&c.PeerReadTimeout:                defaultPeerReadTimeout,
		&c.PeerMaxReplicationAge:          defaultReplicationAge,
		&c.RemoteRegionInterval:           defaultRegionInterval,
		&c.RemoteRegionTimeout:            defaultRegionTimeout,
		&c.ShutdownTimeout:                defaultShutdownTimeout,
	} {
		*d = orDefault(*d, def)
	}
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (c *Config) check() error {
	var errs []error
	if c.RenewalPercentThreshold < 0 || c.RenewalPercentThreshold > 1 {
		errs = append(errs, fmt.Errorf("RenewalPercentThreshold is %v: want a ratio from 0 to 1", c.RenewalPercentThreshold))
	}
	for name, d := range map[string]time.Duration{
		"RenewalThresholdUpdateInterval": c.RenewalThresholdUpdateInterval,
		"EvictionInterval":               c.EvictionInterval,
		"ResponseCacheUpdate":            c.ResponseCacheUpdate,
		"ResponseCacheExpiration":        c.ResponseCacheExpiration,
		"DeltaRetention":                 c.DeltaRetention,
		"DeltaRetentionTimer":            c.DeltaRetentionTimer,
		"PeerUpdateInterval":             c.PeerUpdateInterval,
		"RemoteRegionInterval":           c.RemoteRegionInterval,
	} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("%s is %s: want a positive duration", name, d))
		}
	}
	if c.ContextPath != "" && (!strings.HasPrefix(c.ContextPath, "/") || strings.HasSuffix(c.ContextPath, "/")) {
		errs = append(errs, fmt.Errorf("ContextPath is %q: want a leading slash and no trailing one", c.ContextPath))
	}
	return errors.Join(errs...)
}

func (c *Config) netflix() bool { return c.Compatibility == CompatibilityNetflix }

// hasPeers reports whether the node is to be one of several: any service URL or a DNS name is configured. That all of them
// may turn out to be this node itself is found out later, by asking.
func (c *Config) hasPeers() bool {
	if c.DNS.Enabled {
		return true
	}
	for _, urls := range c.ServiceURLs {
		if len(urls) > 0 {
			return true
		}
	}
	return false
}

func (c *Config) notReadyStatus() int {
	if c.netflix() {
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}

func (c *Config) registry() registry.Config {
	own := ""
	if c.Instance != nil {
		own = c.Instance.ResolvedID()
	}
	return registry.Config{
		OwnID:                       own,
		DisableSelfPreservation:     c.DisableSelfPreservation,
		RenewalPercentThreshold:     c.RenewalPercentThreshold,
		EvictionInterval:            c.EvictionInterval,
		SelfPreservationMaxDuration: c.SelfPreservationMaxDuration,
		IgnoreDirtyTimestamps:       c.IgnoreDirtyTimestamps,
		DoubledLeases:               c.LeaseExpiry == LeaseExpiryDoubled,
		CompletedMinuteMeter:        c.netflix(),
		CountClients:                c.netflix(),
		ExpectedClientInterval:      c.ExpectedClientRenewalInterval,
		InitialClients:              max(c.ExpectedClients, 0),
		WarnAfter:                   c.WaitTimeWhenSyncEmpty,
		NoOverrideRepair:            c.netflix(),
		Rand:                        c.split(),
	}
}

// split derives a generator of its own for one use, so that uses do not disturb each other's sequence.
func (c *Config) split() rand.Source { return rand.NewPCG(c.Rand.Uint64(), c.Rand.Uint64()) }

func (c *Config) cache() respcache.Config {
	return respcache.Config{
		UseReadOnlyCache: *c.UseReadOnlyResponseCache,
		UpdateInterval:   c.ResponseCacheUpdate,
		AutoExpiration:   c.ResponseCacheExpiration,
		DeltaRetention:   c.DeltaRetention,
		DisableFallback:  c.DisableTransparentFallback,
		Regions:          c.regionConfigs(),
		Token:            strconv.FormatUint(c.Rand.Uint64(), 36),
	}
}
