package config

// Why known keys do nothing. Each is the end of a sentence that starts with the key.
const (
	whyPool    = "has no effect: connections to peers are pooled without a fixed limit"
	whyThreads = "has no effect: heureka sends one batch at a time to each peer and has no thread pools"
	whyDead    = "has no effect, here as on the reference server"
	whyCodec   = "has no effect: heureka has its own codecs"
	whyLimiter = "has no effect, here as on a Spring Cloud server: requests are not rate-limited by it"
	whyAWS     = "has no effect: heureka does not use the APIs of AWS"
	whyTrust   = "has no effect: certificates are checked against the trusted roots of the system"
)

// inertServerKeys are the settings below eureka.server that are accepted without effect (S-CFG 9.2 to 9.7).
var inertServerKeys = []Key{
	{Name: "initial-capacity-of-response-cache", Kind: Int, Default: "1000", Inert: "has no effect: the cache grows by itself", Doc: "Initial size of the response cache."},
	{Name: "json-codec-name", Inert: whyCodec, Doc: "Class of the JSON codec."},
	{Name: "xml-codec-name", Inert: whyCodec, Doc: "Class of the XML codec."},
	{Name: "property-resolver", Inert: whyDead, Doc: "Listed by Spring, but not a setting."},

	{Name: "peer-node-total-connections", Kind: Int, Default: "1000", Inert: whyPool, Doc: "Connections to all peers."},
	{Name: "peer-node-total-connections-per-host", Kind: Int, Default: "500", Inert: whyPool, Doc: "Connections to one peer."},
	{Name: "peer-node-connection-idle-timeout-seconds", Kind: Duration, Unit: sec, Default: "30", Inert: whyPool, Doc: "Idle time after which a connection to a peer is closed."},
	{Name: "max-threads-for-peer-replication", Kind: Int, Default: "20", Inert: whyThreads, Doc: "Replication threads."},
	{Name: "max-threads-for-status-replication", Kind: Int, Default: "1", Inert: whyThreads, Doc: "Threads that replicate the status of auto-scaling groups."},
	{Name: "max-elements-in-status-replication-pool", Kind: Int, Default: "10000", Inert: whyAWS, Doc: "Queue for the status of auto-scaling groups."},
	{Name: "batch-replication", Kind: Bool, Default: "false", Inert: whyDead, Doc: "Replicate in batches; always done."},
	{Name: "number-of-replication-retries", Kind: Int, Default: "5", Inert: whyDead, Doc: "Retries of one replication."},
	{Name: "peer-eureka-status-refresh-time-interval-ms", Kind: Duration, Unit: ms, Default: "30000", Inert: whyDead, Doc: "How often the status of peers is refreshed."},
	{Name: "min-threads-for-peer-replication", Kind: Int, Default: "5", Inert: whyDead, Doc: "Replication threads."},
	{Name: "max-idle-thread-age-in-minutes-for-peer-replication", Kind: Int, Default: "15", Inert: whyDead, Doc: "Idle time of a replication thread in minutes."},
	{Name: "min-threads-for-status-replication", Kind: Int, Default: "1", Inert: whyDead, Doc: "Threads that replicate the status of auto-scaling groups."},
	{Name: "max-idle-thread-in-minutes-age-for-status-replication", Kind: Int, Default: "10", Inert: whyDead, Doc: "Idle time of such a thread in minutes."},

	{Name: "remote-region-urls", Kind: List, Inert: "has no effect, here as on the reference server: use eureka.server.remote-region-urls-with-name.<region>", Doc: "URLs of remote regions, without names."},
	{Name: "remote-region-fetch-thread-pool-size", Kind: Int, Default: "20", Inert: "has no effect: each remote region is fetched on its own", Doc: "Threads that fetch remote regions."},
	{Name: "remote-region-connect-timeout-ms", Kind: Duration, Unit: ms, Default: "1000", Inert: "has no effect: eureka.server.remote-region-read-timeout-ms covers the whole exchange", Doc: "Time-out for connecting to a remote region."},
	{Name: "remote-region-total-connections", Kind: Int, Default: "1000", Inert: whyPool, Doc: "Connections to all remote regions."},
	{Name: "remote-region-total-connections-per-host", Kind: Int, Default: "500", Inert: whyPool, Doc: "Connections to one host in remote regions."},
	{Name: "remote-region-connection-idle-timeout-seconds", Kind: Duration, Unit: sec, Default: "30", Inert: whyPool, Doc: "Idle time after which a connection to a remote region is closed."},
	{Name: "g-zip-content-from-remote-region", Kind: Bool, Default: "true", Inert: "has no effect: compressed answers are always asked for", Doc: "Ask remote regions for compressed answers."},
	{Name: "remote-region-trust-store", Inert: whyTrust, Doc: "Java key store with the trusted roots of remote regions."},
	{Name: "remote-region-trust-store-password", Default: "changeit", Secret: true, Inert: whyTrust, Doc: "Password of that key store."},

	{Name: "rate-limiter-enabled", Kind: Bool, Default: "false", Inert: whyLimiter, Doc: "Refuse requests above the rates below."},
	{Name: "rate-limiter-throttle-standard-clients", Kind: Bool, Default: "false", Inert: whyLimiter, Doc: "Limit standard clients too."},
	{Name: "rate-limiter-privileged-clients", Kind: List, Inert: whyLimiter, Doc: "Names of clients that are never limited."},
	{Name: "rate-limiter-burst-size", Kind: Int, Default: "10", Inert: whyLimiter, Doc: "Requests allowed at once."},
	{Name: "rate-limiter-registry-fetch-average-rate", Kind: Int, Default: "500", Inert: whyLimiter, Doc: "Fetches a second."},
	{Name: "rate-limiter-full-fetch-average-rate", Kind: Int, Default: "100", Inert: whyLimiter, Doc: "Full fetches a second."},
	{Name: "log-identity-headers", Kind: Bool, Default: "true", Inert: "has no effect, here as on a Spring Cloud server: identities of clients are not counted", Doc: "Count requests by client name and version."},

	{Name: "a-w-s-access-id", Secret: true, Inert: whyAWS, Doc: "AWS access id."},
	{Name: "a-w-s-secret-key", Secret: true, Inert: whyAWS, Doc: "AWS secret key."},
	{Name: "binding-strategy", Kind: Enum, Words: []string{"EIP", "ENI", "ROUTE53"}, Default: "EIP", Inert: whyAWS, Doc: "How a server gets its fixed address."},
	{Name: "e-i-p-bind-rebind-retries", Kind: Int, Default: "3", Inert: whyAWS, Doc: "Attempts to bind an elastic IP."},
	{Name: "e-i-p-binding-retry-interval-ms", Kind: Duration, Unit: ms, Default: "300000", Inert: whyAWS, Doc: "Pause between checks of a bound elastic IP."},
	{Name: "e-i-p-binding-retry-interval-ms-when-unbound", Kind: Duration, Unit: ms, Default: "60000", Inert: whyAWS, Doc: "The same while unbound."},
	{Name: "route53-bind-rebind-retries", Kind: Int, Default: "3", Inert: whyAWS, Doc: "Attempts to bind a Route 53 name."},
	{Name: "route53-binding-retry-interval-ms", Kind: Duration, Unit: ms, Default: "300000", Inert: whyAWS, Doc: "Pause between checks of that name."},
	{Name: "route53-domain-t-t-l", Kind: Duration, Unit: sec, Default: "30", Inert: whyAWS, Doc: "Time to live of that name."},
	{Name: "prime-aws-replica-connections", Kind: Bool, Default: "true", Inert: whyAWS, Doc: "Connect to peers before serving."},
	{Name: "use-aws-asg-api", Kind: Bool, Default: "true", Inert: whyAWS, Doc: "Ask AWS for the status of auto-scaling groups."},
	{Name: "a-s-g-query-timeout-ms", Kind: Duration, Unit: ms, Default: "300", Inert: whyAWS, Doc: "Time-out of such a question."},
	{Name: "a-s-g-update-interval-ms", Kind: Duration, Unit: ms, Default: "300000", Inert: whyAWS, Doc: "How often that status is refreshed."},
	{Name: "a-s-g-cache-expiry-timeout-ms", Kind: Duration, Unit: ms, Default: "600000", Inert: whyAWS, Doc: "How long that status is kept."},
	{Name: "list-auto-scaling-groups-role-name", Default: "ListAutoScalingGroups", Inert: whyAWS, Doc: "Role for questions to other accounts."},

	{Name: "experimental", Map: true, Inert: "has no effect: heureka has no experimental switches of the reference", Doc: "Switches of the reference server."},
	{Name: "metrics.enabled", Kind: Bool, Default: "false", Inert: "has no effect: metrics are always counted", Doc: "Gauge of instances by application and status."},
	{Name: "version.filter.debug.response-header", Inert: "has no effect: heureka serves all paths directly and rewrites none", Doc: "Response header that shows the rewritten path."},
}
