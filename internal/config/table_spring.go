package config

import (
	"heureka.internal/heureka/server"
)

// springKeys are the settings of Spring Boot that a node obeys.
var springKeys = []Key{
	{Name: "server.port", Kind: Int, Min: 0, Max: 65535, Doc: "Port to serve on; 0 takes a free one.",
		field: func(c *server.Config) any { return &c.Port }},
	{Name: "server.address", Doc: "Address to serve on. By default all."},
	{Name: "server.servlet.context-path", Doc: "Path before all other paths, such as /registry.",
		field: func(c *server.Config) any { return rootPath{&c.ContextPath} }},
	{Name: "server.context-path", Inert: "has no effect, here as with Spring Boot since 2.0: use server.servlet.context-path", Doc: "Old name of server.servlet.context-path."},
	{Name: "server.shutdown", Kind: Enum, Words: []string{"graceful", "immediate"}, Default: "graceful",
		Inert: "has no effect: a stop always lets requests in flight end, see spring.lifecycle.timeout-per-shutdown-phase", Doc: "How to stop."},
	{Name: "server.ssl", Map: true, Secret: true, Inert: "has no effect without a key store or certificate",
		Doc: "TLS of the server; refused, because heureka serves plain HTTP."},
	{Name: "spring.application.name", Doc: "Application name of the node, unless eureka.instance.appname is set."},
	{Name: cloudConfigURI, Kind: URLs, Doc: "Config servers, asked in turn; in a bootstrap file even without spring.config.import."},
	{Name: cloudConfig + "enabled", Kind: Bool, Default: "true", Doc: "Ask the config server that a bootstrap file names."},
	{Name: cloudConfig + "name", Doc: "Application to ask the config server for. By default spring.application.name."},
	{Name: cloudConfig + "profile", Doc: "Profiles to ask the config server for. By default the active ones."},
	{Name: cloudConfig + "label", Doc: "Branch or version to ask the config server for."},
	{Name: cloudConfig + "username", Doc: "User for the config server."},
	{Name: cloudConfig + "password", Secret: true, Doc: "Password for the config server."},
	{Name: cloudConfig + "token", Secret: true, Doc: "Token that the config server hands on to its vault."},
	{Name: cloudConfig + "fail-fast", Kind: Bool, Default: "false", Doc: "Do not start without an answer of the config server, and ask up to six times."},
	{Name: cloudConfig + "discovery.enabled", Kind: Bool, Default: "false", Inert: "has no effect: a registry cannot look its config server up in itself, so spring.cloud.config.uri has to say where it is", Doc: "Look the config server up in Eureka."},
	{Name: "spring.lifecycle.timeout-per-shutdown-phase", Kind: Span, Unit: ms,
		Doc:   "How long a stop waits for requests in flight.",
		field: func(c *server.Config) any { return &c.ShutdownTimeout }},
	{Name: "server.tomcat.max-connections", Aliases: []string{"server.jetty.max-connections", "server.undertow.max-connections"}, Kind: Int, Min: 1, follows: true,
		Doc:   "Connections open at a time; at the limit the longest idle one is closed, once it has been idle for a minute. By default what the limit of open files leaves.",
		field: func(c *server.Config) any { return &c.MaxConnections }},
	{Name: "management.server.port", Aliases: []string{"management.port"}, Kind: Int, Min: -1, Max: 65535,
		Doc: "Port of /actuator and /metrics, which no crowd of clients can then stand in the way of; -1 serves them nowhere. By default server.port."},
	{Name: "management.server.address", Aliases: []string{"management.address"}, Doc: "Address to serve management.server.port on. By default server.address."},
	{Name: "logging.level.root", Kind: Enum, Words: logLevels, Default: "info", Doc: "Log level, unless heureka.log-level is set."},
}

var logLevels = []string{"trace", "debug", "info", "warn", "error", "fatal", "off"}

// heurekaKeys are our own settings.
var heurekaKeys = []Key{
	{Name: "heureka.compatibility", Kind: Enum, Words: []string{"heureka", "netflix"},
		Doc:   "netflix takes the reference server's defaults for leases, renewal counting, caches and start-up, all at once.",
		field: func(c *server.Config) any { return &c.Compatibility }},
	{Name: "heureka.lease-expiry", Kind: Enum, Words: []string{"exact", "doubled"}, follows: true,
		Doc:   "When a renewed lease ends: after its duration, or after twice as long as on the reference server.",
		field: func(c *server.Config) any { return &c.LeaseExpiry }},
	{Name: "heureka.self-preservation-max-duration", Kind: Span, Unit: ms, Words: []string{"unlimited"},
		Doc:   "Longest self-preservation, after which leases expire again, the usual share a tick.",
		field: func(c *server.Config) any { return &c.SelfPreservationMaxDuration }},
	{Name: "heureka.self-preservation-min-missing", Kind: Int, Min: 1, follows: true,
		Doc:   "How many instances must miss their heartbeats, beside the share, for self-preservation to begin.",
		field: func(c *server.Config) any { return &c.SelfPreservationMinMissing }},
	{Name: "heureka.dashboard.actions", Kind: Bool,
		Doc:   "Let operators change what a node holds by its own API, such as end a self-preservation.",
		field: func(c *server.Config) any { return &c.Actions }},
	{Name: "heureka.max-lease-duration", Kind: Span, Unit: sec, Words: []string{"unlimited"},
		Doc:   "Longest lease: an instance whose own is longer is gone after this time without a heartbeat.",
		field: func(c *server.Config) any { return &c.MaxLease }},
	{Name: "heureka.limits.fetches-in-flight", Kind: Int, Min: 1, Doc: "Reads of the whole registry, of an application or a VIP that are answered at a time; others wait 2 s at most, then get 503.",
		field: func(c *server.Config) any { return &c.FetchesInFlight }},
	{Name: "heureka.limits.pages-in-flight", Kind: Int, Min: 1, Doc: "Pages and metrics that are answered at a time, likewise.",
		field: func(c *server.Config) any { return &c.PagesInFlight }},
	{Name: "heureka.limits.batches-per-peer", Kind: Int, Min: 1, Doc: "Replication batches from one address that are performed at a time; others get 503, and are sent again.",
		field: func(c *server.Config) any { return &c.BatchesPerPeer }},
	{Name: "heureka.pprof", Kind: Bool, Doc: "Serve Go's profiles below /debug/pprof/ on management.server.port, which must be set.",
		field: func(c *server.Config) any { return &c.Profiling }},
	{Name: acknowledge, Kind: List, Doc: "Settings that you know to have no effect, such as spring.security.user or management: those that would keep the node from starting do not, others are not warned about."},
	{Name: "heureka.allowed-hosts", Kind: List,
		Doc:   "Names under which browsers may ask this node, beside its own, its peers', addresses and localhost; * for any.",
		field: func(c *server.Config) any { return &c.AllowedHosts }},
	{Name: "heureka.log-level", Kind: Enum, Words: logLevels, derive: func(s *Settings) string { return s.Text("logging.level.root") },
		Doc: "Log level. By default logging.level.root."},
	{Name: "heureka.log-format", Kind: Enum, Words: []string{"text", "json"}, Default: "text", Doc: "Form of the log lines on standard error."},
}
