package config

import (
	"math"
	"time"

	"heureka.internal/heureka/server"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// serverKeys are the effective settings below eureka.server (S-CFG 9.1 to 9.4).
var serverKeys = []Key{
	{Name: "enable-self-preservation", Kind: Bool, Default: "true",
		Doc: "Stop expiring leases while renewals are below the threshold.",
		set: func(c *server.Config, v Value) { c.DisableSelfPreservation = !v.Bool }},
	{Name: "renewal-percent-threshold", Kind: Float, Default: "0.85",
		Doc: "Share of the expected renewals below which self-preservation begins; also bounds one eviction.",
		set: func(c *server.Config, v Value) { c.RenewalPercentThreshold = v.Float }},
	{Name: "renewal-threshold-update-interval-ms", Kind: Duration, Unit: ms, Min: 1, Default: "900000",
		Doc: "How often the threshold is computed anew from the registry.",
		set: func(c *server.Config, v Value) { c.RenewalThresholdUpdateInterval = v.Duration }},
	{Name: "expected-client-renewal-interval-seconds", Kind: Duration, Unit: sec, Min: math.MinInt32, Default: "30",
		Doc: "Heartbeat interval assumed of every client, 30 if it is 0 or less; counts with heureka.compatibility=netflix only.",
		set: func(c *server.Config, v Value) { c.ExpectedClientRenewalInterval = v.Duration }},
	{Name: "eviction-interval-timer-in-ms", Kind: Duration, Unit: ms, Min: 1, Default: "60000",
		Doc: "How often expired leases are looked for.",
		set: func(c *server.Config, v Value) { c.EvictionInterval = v.Duration }},
	{Name: "wait-time-in-ms-when-sync-empty", Kind: Duration, Unit: ms, Default: "300000",
		Doc: "How long reads are refused when no peer gave the registry at start; 0 for not at all.",
		set: func(c *server.Config, v Value) { c.WaitTimeWhenSyncEmpty = orNone(v.Duration) }},
	{Name: "registry-sync-retries", Kind: Int, Default: "5",
		Doc: "0 to start without asking the peers for their registry. Otherwise they are asked until one has it or eureka.server.wait-time-in-ms-when-sync-empty is over, however often that is.",
		set: func(c *server.Config, v Value) { c.SyncRetries = int(orNone(v.Int)) }},
	{Name: "registry-sync-retry-wait-ms", Kind: Duration, Unit: ms, Min: 1, Default: "30000",
		Doc: "Pause before the peers are asked again, at most 5 s.",
		set: func(c *server.Config, v Value) { c.SyncRetryWait = v.Duration }},
	{Name: "sync-when-timestamp-differs", Kind: Bool, Default: "true",
		Doc: "Compare dirty timestamps of replicated changes, so that nodes repair each other.",
		set: func(c *server.Config, v Value) { c.IgnoreDirtyTimestamps = !v.Bool }},

	{Name: "use-read-only-response-cache", Kind: Bool, Default: "false", derive: readOnlyCacheDefault,
		Doc: "Answer from the read-only cache level, which lags behind by up to its update interval.",
		set: func(c *server.Config, v Value) { c.UseReadOnlyResponseCache = &v.Bool }},
	{Name: "response-cache-update-interval-ms", Kind: Duration, Unit: ms, Min: 1, Default: "30000",
		Doc: "How often the read-only cache level is copied.",
		set: func(c *server.Config, v Value) { c.ResponseCacheUpdate = v.Duration }},
	{Name: "response-cache-auto-expiration-in-seconds", Kind: Duration, Unit: sec, Min: 1, Default: "180",
		Doc: "How long a cached answer is kept.",
		set: func(c *server.Config, v Value) { c.ResponseCacheExpiration = v.Duration }},
	{Name: "disable-delta", Kind: Bool, Default: "false",
		Doc: "Refuse delta requests, so that clients fetch everything each time.",
		set: func(c *server.Config, v Value) { c.DisableDelta = v.Bool }},
	{Name: "retention-time-in-m-s-in-delta-queue", Kind: Duration, Unit: ms, Min: 1, Default: "180000",
		Doc: "How long a change stays in the delta.",
		set: func(c *server.Config, v Value) { c.DeltaRetention = v.Duration }},
	{Name: "delta-retention-timer-interval-in-ms", Kind: Duration, Unit: ms, Min: 1, Default: "30000",
		Doc: "How often old changes are dropped from the delta.",
		set: func(c *server.Config, v Value) { c.DeltaRetentionTimer = v.Duration }},

	{Name: "peer-eureka-nodes-update-interval-ms", Kind: Duration, Unit: ms, Min: 1, Default: "600000",
		Doc: "How often the list of peers is resolved again.",
		set: func(c *server.Config, v Value) { c.PeerUpdateInterval = v.Duration }},
	{Name: "my-url", Kind: URL,
		Doc: "The service URL in the list of peers that is this node itself, when the node cannot find out alone.",
		set: func(c *server.Config, v Value) { c.MyURL = v.Text }},
	{Name: "peer-node-connect-timeout-ms", Kind: Duration, Unit: ms, Min: 1, Default: "1000",
		Doc: "Time-out for connecting to a peer.",
		set: func(c *server.Config, v Value) { c.PeerConnectTimeout = v.Duration }},
	{Name: "peer-node-read-timeout-ms", Kind: Duration, Unit: ms, Min: 1, Default: "5000",
		Doc: "Time-out for the answer of a peer.",
		set: func(c *server.Config, v Value) { c.PeerReadTimeout = v.Duration }},
	{Name: "max-elements-in-peer-replication-pool", Kind: Int, Min: 1, Default: "10000",
		Doc: "Changes that may wait for one peer.",
		set: func(c *server.Config, v Value) { c.PeerMaxPending = int(v.Int) }},
	{Name: "max-time-for-replication", Kind: Duration, Unit: ms, Min: 1, Default: "30000",
		Doc: "How long a cancel or a status change waits for a peer before it is dropped.",
		set: func(c *server.Config, v Value) { c.PeerMaxReplicationAge = v.Duration }},
	{Name: "enable-replicated-request-compression", Kind: Bool, Default: "false",
		Doc: "Compress what is sent to peers.",
		set: func(c *server.Config, v Value) { c.CompressReplication = v.Bool }},
	{Name: "min-available-instances-for-peer-replication", Kind: Int, Min: -1, Default: "-1",
		Doc: "Available peers needed for the health flag of the status resource; -1 for no flag.",
		set: func(c *server.Config, v Value) { c.MinAvailablePeers = new(int(v.Int)) }},

	{Name: "remote-region-urls-with-name", Map: true, Kind: URL,
		Doc: "Base URL of a server in another region, by the name of the region.",
		set: func(c *server.Config, v Value) { put(&c.RemoteRegions, v.Sub, v.Text) }},
	{Name: "remote-region-app-whitelist", Map: true, Kind: List,
		Doc: "Applications taken from a remote region, by its name, or by global for all regions.",
		set: func(c *server.Config, v Value) { put(&c.RemoteRegionWhitelist, v.Sub, v.List) }},
	{Name: "remote-region-registry-fetch-interval", Kind: Duration, Unit: sec, Min: 1, Default: "30",
		Doc: "How often remote regions are fetched.",
		set: func(c *server.Config, v Value) { c.RemoteRegionInterval = v.Duration }},
	{Name: "remote-region-read-timeout-ms", Kind: Duration, Unit: ms, Min: 1, Default: "5000",
		Doc: "Time-out for the answer of a remote region.",
		set: func(c *server.Config, v Value) { c.RemoteRegionTimeout = v.Duration }},
	{Name: "disable-delta-for-remote-regions", Kind: Bool, Default: "false",
		Doc: "Fetch remote regions in full each time.",
		set: func(c *server.Config, v Value) { c.DisableRemoteRegionDelta = v.Bool }},
	{Name: "disable-transparent-fallback-to-other-region", Kind: Bool, Default: "false",
		Doc: "Keep remote instances out of answers to requests that name no region.",
		set: func(c *server.Config, v Value) { c.DisableTransparentFallback = v.Bool }},
}

// readOnlyCacheDefault is false, so that answers are fresh, and true where the reference's defaults are wanted.
func readOnlyCacheDefault(s *Settings) string {
	if s.netflix() {
		return "true"
	}
	return "false"
}

// orNone turns an explicit zero into the negative number by which server.Config says "none": its own zero is the default.
func orNone[T time.Duration | int64](n T) T {
	if n == 0 {
		return -1
	}
	return n
}

func put[V any](m *map[string]V, k string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[k] = v
}
