package config

import "heureka.internal/heureka/server"

// clientKeys are the effective settings below eureka.client (S-CFG 9.8): they say who the peers are.
var clientKeys = []Key{
	{Name: "register-with-eureka", Kind: Bool, Default: "true", derive: registerDefault,
		Doc: "List this node in its own registry; by default only if peers are configured.",
		set: func(c *server.Config, v Value) { c.RegisterWithEureka = &v.Bool }},
	{Name: "fetch-registry", Kind: Bool, Default: "true",
		Doc: "Get the registry from a peer at start; false starts empty.",
		set: func(c *server.Config, v Value) {
			if !v.Bool {
				c.SyncRetries = -1
			}
		}},
	{Name: "service-url", Map: true, Kind: URLs,
		Doc: "URLs of the servers of a zone, or of all zones without an entry by defaultZone: the peers. None: a single node. dns+http://name:8761/eureka/ stands for all addresses of the name, dnssrv+http://name/eureka/ for its SRV records.",
		set: func(c *server.Config, v Value) { put(&c.ServiceURLs, v.Sub, v.List) }},
	{Name: "region", Default: "us-east-1",
		Doc: "Region of this node.",
		set: func(c *server.Config, v Value) { c.Region = v.Text }},
	{Name: "availability-zones", Map: true, Kind: List,
		Doc: "Zones of a region, the node's own first.",
		set: func(c *server.Config, v Value) { put(&c.AvailabilityZones, v.Sub, v.List) }},
	{Name: "use-dns-for-fetching-service-urls", Kind: Bool, Default: "false",
		Doc: "Take the peers from DNS instead of eureka.client.service-url.",
		set: func(c *server.Config, v Value) { c.DNS.Enabled = v.Bool }},
	{Name: "eureka-server-d-n-s-name", Kind: Text,
		Doc: "Domain below which the peers are listed in DNS.",
		set: func(c *server.Config, v Value) { c.DNS.Name = v.Text }},
	{Name: "eureka-server-port", Kind: Int, Min: 1, Max: 65535,
		Doc: "Port of peers found in DNS.",
		set: func(c *server.Config, v Value) { c.DNS.Port = int(v.Int) }},
	{Name: "eureka-server-u-r-l-context", Kind: Text,
		Doc: "Path of peers found in DNS, such as eureka.",
		set: func(c *server.Config, v Value) { c.DNS.URLContext = v.Text }},
}

func registerDefault(s *Settings) string {
	if s.hasPeers() {
		return "true"
	}
	return "false"
}

const (
	whyClient    = "has no effect: it is for clients, and a heureka node is no client of its peers"
	whyTransport = "has no effect: heureka has its own connections to peers"
)

// inertClientKeys are the settings below eureka.client that are accepted without effect (C-21.1 to C-21.3): users
// feed a server the file that their clients have.
var inertClientKeys = []Key{
	{Name: "enabled", Kind: Bool, Default: "true", Inert: whyClient, Doc: "Have a client at all."},
	{Name: "should-enforce-registration-at-init", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Fail the start when the first registration fails."},
	{Name: "should-enforce-fetch-registry-at-init", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Fail the start when the first fetch fails."},
	{Name: "should-unregister-on-shutdown", Kind: Bool, Default: "true", Inert: whyClient, Doc: "Cancel the own registration at the end."},
	{Name: "on-demand-update-status-change", Kind: Bool, Default: "true", Inert: whyClient, Doc: "Register at once when the own status changes."},
	{Name: "registry-fetch-interval-seconds", Kind: Duration, Unit: sec, Default: "30", Inert: whyClient, Doc: "How often the registry is fetched."},
	{Name: "instance-info-replication-interval-seconds", Kind: Duration, Unit: sec, Default: "30", Inert: whyClient, Doc: "How often own changes are registered."},
	{Name: "initial-instance-info-replication-interval-seconds", Kind: Duration, Unit: sec, Default: "40", Inert: whyClient, Doc: "Delay of the first time."},
	{Name: "eureka-service-url-poll-interval-seconds", Kind: Duration, Unit: sec, Default: "300", Inert: "has no effect: eureka.server.peer-eureka-nodes-update-interval-ms says how often peers are resolved again", Doc: "How often the list of servers is refreshed."},
	{Name: "prefer-same-zone-eureka", Kind: Bool, Default: "true", Inert: "has no effect: all peers get every change, and those of the own zone are asked first", Doc: "Talk to servers of the own zone first."},
	{Name: "disable-delta", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Fetch in full each time."},
	{Name: "registry-refresh-single-vip-address", Inert: whyClient, Doc: "Fetch only this VIP."},
	{Name: "fetch-remote-regions-registry", Kind: List, Inert: "has no effect: a server takes remote regions from eureka.server.remote-region-urls-with-name.<region>", Doc: "Regions to fetch as well."},
	{Name: "filter-only-up-instances", Kind: Bool, Default: "true", Inert: "has no effect: a node always takes over instances of any status", Doc: "Hide instances that are not UP."},
	{Name: "log-delta-diff", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Log what a delta left out."},
	{Name: "allow-redirects", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Follow redirects."},
	{Name: "client-data-accept", Default: "full", Inert: whyClient, Doc: "Full or compact instances."},
	{Name: "g-zip-content", Kind: Bool, Default: "true", Inert: whyClient, Doc: "Ask for compressed answers."},
	{Name: "eureka-server-connect-timeout-seconds", Kind: Duration, Unit: sec, Default: "5", Inert: "has no effect: use eureka.server.peer-node-connect-timeout-ms", Doc: "Time-out for connecting."},
	{Name: "eureka-server-read-timeout-seconds", Kind: Duration, Unit: sec, Default: "8", Inert: "has no effect: use eureka.server.peer-node-read-timeout-ms", Doc: "Time-out for an answer."},
	{Name: "eureka-server-total-connections", Kind: Int, Default: "200", Inert: whyTransport, Doc: "Connections to all servers."},
	{Name: "eureka-server-total-connections-per-host", Kind: Int, Default: "50", Inert: whyTransport, Doc: "Connections to one server."},
	{Name: "eureka-connection-idle-timeout-seconds", Kind: Duration, Unit: sec, Default: "30", Inert: whyTransport, Doc: "Idle time after which a connection is closed."},
	{Name: "proxy-host", Inert: whyTransport, Doc: "HTTP proxy."},
	{Name: "proxy-port", Inert: whyTransport, Doc: "Its port."},
	{Name: "proxy-user-name", Inert: whyTransport, Doc: "User at the proxy."},
	{Name: "proxy-password", Secret: true, Inert: whyTransport, Doc: "Password at the proxy."},
	{Name: "heartbeat-executor-thread-pool-size", Kind: Int, Default: "2", Inert: whyClient, Doc: "Threads for heartbeats."},
	{Name: "heartbeat-executor-exponential-back-off-bound", Kind: Int, Default: "10", Inert: whyClient, Doc: "Largest factor of back-off."},
	{Name: "cache-refresh-executor-thread-pool-size", Kind: Int, Default: "2", Inert: whyClient, Doc: "Threads for fetches."},
	{Name: "cache-refresh-executor-exponential-back-off-bound", Kind: Int, Default: "10", Inert: whyClient, Doc: "Largest factor of back-off."},
	{Name: "backup-registry-impl", Inert: whyClient, Doc: "Class of the backup registry."},
	{Name: "dollar-replacement", Default: "_-", Inert: whyCodec, Doc: "Stands for $ in element names."},
	{Name: "escape-char-replacement", Default: "__", Inert: whyCodec, Doc: "Stands for _ in element names."},
	{Name: "encoder-name", Inert: whyCodec, Doc: "Class of the encoder."},
	{Name: "decoder-name", Inert: whyCodec, Doc: "Class of the decoder."},
	{Name: "healthcheck.enabled", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Report the health of the application as status."},
	{Name: "order", Kind: Int, Default: "0", Inert: whyClient, Doc: "Position among discovery clients."},
	{Name: "refresh.enable", Kind: Bool, Default: "true", Inert: whyClient, Doc: "Let Spring refresh the client."},
	{Name: "jersey.enabled", Kind: Bool, Default: "true", Inert: whyTransport, Doc: "Use Jersey."},
	{Name: "webclient.enabled", Kind: Bool, Default: "false", Inert: whyTransport, Doc: "Use WebClient."},
	{Name: "restclient", Map: true, Inert: whyTransport, Doc: "Settings of RestClient."},
	{Name: "rest-template-timeout", Map: true, Inert: whyTransport, Doc: "Time-outs of RestTemplate."},
	{Name: "timeout", Map: true, Inert: whyTransport, Doc: "Time-outs of the transport."},
	{Name: "experimental", Map: true, Inert: whyClient, Doc: "Switches of the Java client."},
	{Name: "transport", Map: true, Inert: whyTransport, Doc: "Sessions and server lists of the Java client."},
	{Name: "tls", Map: true, Secret: true, Inert: whyTrust + ", and no client certificate is sent to peers", Doc: "Key stores of the Java client."},
}
