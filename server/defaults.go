package server

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// DefaultConfig returns heureka's defaults, which are those of Spring Cloud's server except where there is a reason to differ.
// It is the only place that has them: New takes what a Config leaves at zero from here, and so does the table of settings.
// Instance, RegisterWithEureka, LeaseExpiry, SelfPreservationMinMissing and UseReadOnlyResponseCache are empty, because their
// defaults depend on other fields; see Config.WithDefaults.
func DefaultConfig() Config {
	return Config{
		HostName: "localhost",
		Port:     8761,

		RenewalPercentThreshold:        0.85,
		RenewalThresholdUpdateInterval: 15 * time.Minute,
		ExpectedClientRenewalInterval:  30 * time.Second,
		EvictionInterval:               time.Minute,
		MaxLease:                       24 * time.Hour,
		ExpectedClients:                1,
		OpenForTrafficCount:            1,

		ResponseCacheUpdate:     30 * time.Second,
		ResponseCacheExpiration: 180 * time.Second,
		DeltaRetention:          180 * time.Second,
		DeltaRetentionTimer:     30 * time.Second,
		Actuator:                Actuator{Base: "/actuator", ManagementBase: "/", Include: []string{"health", "info", "metrics", "prometheus"}},
		DashboardPath:           "/",
		Auth:                    Auth{User: "user", Anonymous: []string{"probe"}},
		Environment:             "test",
		DataCenter:              "default",
		MaxBodyBytes:            10 << 20,
		MaxBatchBytes:           24 << 20,
		FetchesInFlight:         256,
		PagesInFlight:           8,
		BatchesPerPeer:          4,
		MinAvailablePeers:       new(-1),
		Limits:                  defaultLimits(),

		WaitTimeWhenSyncEmpty: 5 * time.Minute,
		SyncRetries:           5,
		SyncRetryWait:         30 * time.Second,

		Region:                "us-east-1",
		PeerLookupInterval:    15 * time.Second,
		PeerConnectTimeout:    time.Second,
		PeerReadTimeout:       5 * time.Second,
		PeerMaxPending:        10_000,
		PeerMaxReplicationAge: 30 * time.Second,

		RemoteRegionInterval: 30 * time.Second,
		RemoteRegionTimeout:  5 * time.Second,

		ShutdownTimeout: 30 * time.Second,
		Version:         "devel",
	}
}

// WithDefaults returns what New makes of c: what is zero is taken from DefaultConfig, or follows from the other fields.
func (c Config) WithDefaults() Config {
	c.fill(DefaultConfig())
	if c.Instance == nil {
		c.Instance = c.defaultInstance()
	}
	if c.LeaseExpiry == LeaseExpiryDefault {
		c.LeaseExpiry = LeaseExpiryExact
		if c.netflix() {
			c.LeaseExpiry = LeaseExpiryDoubled
		}
	}
	if c.SelfPreservationMinMissing == 0 {
		c.SelfPreservationMinMissing = 2
		if c.netflix() {
			c.SelfPreservationMinMissing = 1
		}
	}
	if c.UseReadOnlyResponseCache == nil {
		c.UseReadOnlyResponseCache = new(c.netflix())
	}
	if c.PeerUpdateInterval == 0 {
		c.PeerUpdateInterval = fixedPeersInterval
		if c.looksUpPeers() {
			c.PeerUpdateInterval = c.PeerLookupInterval
		}
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultConnections()
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
	return c
}

// fill takes each field that is zero from def.
func (c *Config) fill(def Config) {
	if c.ExpectedClientRenewalInterval < 0 { // S-DEF-23
		c.ExpectedClientRenewalInterval = 0
	}
	fillZero(reflect.ValueOf(c).Elem(), reflect.ValueOf(def))
}

// fillZero takes each field of a struct that is zero from another one, and so on in structs within it.
func fillZero(to, from reflect.Value) {
	for i := range to.NumField() {
		switch f := to.Field(i); {
		case f.IsZero():
			f.Set(from.Field(i))
		case f.Kind() == reflect.Struct:
			fillZero(f, from.Field(i))
		}
	}
}

// defaultAppName is under which name a node lists itself.
const defaultAppName = "EUREKA"

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
		"PeerLookupInterval":             c.PeerLookupInterval,
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

// fixedPeersInterval is how often a list of peers is gone through whose addresses do not come from DNS.
const fixedPeersInterval = 10 * time.Minute

// looksUpPeers reports whether DNS tells who the peers are: nodes that move are found by it, so it is asked often.
func (c *Config) looksUpPeers() bool {
	if c.DNS.Enabled {
		return true
	}
	for _, urls := range c.ServiceURLs {
		for _, u := range urls {
			if strings.HasPrefix(u, "dns+") || strings.HasPrefix(u, "dnssrv+") {
				return true
			}
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
	return registry.Config{
		MaxInstances:                max(c.Limits.Instances, 0),
		MaxPerApp:                   max(c.Limits.InstancesPerApp, 0),
		FutureStamp:                 c.Limits.FutureStamp,
		FeedChanges:                 feedChanges,
		FeedBytes:                   feedBytes,
		OwnID:                       c.Instance.ResolvedID(),
		OwnApp:                      c.Instance.App,
		DisableSelfPreservation:     c.DisableSelfPreservation,
		RenewalPercentThreshold:     c.RenewalPercentThreshold,
		EvictionInterval:            c.EvictionInterval,
		SelfPreservationMaxDuration: c.SelfPreservationMaxDuration,
		IgnoreDirtyTimestamps:       c.IgnoreDirtyTimestamps,
		DoubledLeases:               c.LeaseExpiry == LeaseExpiryDoubled,
		MinMissing:                  c.SelfPreservationMinMissing,
		MaxLease:                    c.MaxLease,
		CountBeats:                  c.netflix(),
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
		ChunkBytes:       respcache.ChunkBytes,
		LookupBytes:      respcache.LookupBytes,
		Token:            strconv.FormatUint(c.Rand.Uint64(), 36),
	}
}

func (c *Config) history() changes.Config {
	return changes.Config{Changes: c.Limits.HistoryChanges, Bytes: c.Limits.HistoryBytes, Age: c.Limits.HistoryAge}
}
