package config

import "heureka.internal/heureka/server"

// eurekaKeys are the settings directly below eureka (S-CFG 9.7).
var eurekaKeys = []Key{
	{Name: "environment", Doc: "Environment shown on the dashboard.",
		field: func(c *server.Config) any { return &c.Environment }},
	{Name: "datacenter", Doc: "Data centre shown on the dashboard.",
		field: func(c *server.Config) any { return &c.DataCenter }},
	{Name: "dashboard.enabled", Kind: Bool, Doc: "Serve the dashboard.",
		field: func(c *server.Config) any { return not{&c.DisableDashboard} }},
	{Name: "dashboard.path", Doc: "Path of the dashboard.",
		field: func(c *server.Config) any { return &c.DashboardPath }},
}

// instanceKeys are the settings below eureka.instance: the node's own registration (S-CFG 9.9).
var instanceKeys = []Key{
	{Name: "appname", derive: appNameDefault,
		Doc: "Application name of the node; the same on all peers. By default spring.application.name, else EUREKA (unknown with heureka.compatibility=netflix)."},
	{Name: "app-group-name", Doc: "Group of the application."},
	{Name: "instance-id", derive: (*Settings).defaultInstanceID,
		Doc: "Id of the node, unique among its peers. By default <host>:<application name>:<port>."},
	{Name: "hostname", derive: func(s *Settings) string { return s.host().Name },
		Doc: "Host name under which clients and peers reach the node. By default the name of the machine."},
	{Name: "ip-address", derive: func(s *Settings) string { return s.host().IP },
		Doc: "Address of the node. By default that of the first network interface."},
	{Name: "prefer-ip-address", Kind: Bool, Default: "false", Doc: "Register the address in place of the host name."},
	{Name: "non-secure-port", Kind: Int, Min: 0, Max: 65535, derive: func(s *Settings) string { return s.Text("server.port") },
		Doc: "Port in the registration. By default server.port."},
	{Name: "non-secure-port-enabled", Kind: Bool, Default: "true", Doc: "Whether that port is in use."},
	{Name: "secure-port", Kind: Int, Min: 0, Max: 65535, Default: "443", derive: securePortDefault, Doc: "TLS port in the registration. By default 443, or server.port if it is enabled."},
	{Name: "secure-port-enabled", Kind: Bool, Default: "false", Doc: "Whether that port is in use."},
	{Name: "virtual-host-name", derive: (*Settings).vip, Doc: "VIP address. By default the application name."},
	{Name: "secure-virtual-host-name", derive: (*Settings).vip, Doc: "Secure VIP address. By default the application name."},
	{Name: "lease-renewal-interval-in-seconds", Kind: Duration, Unit: sec, Min: 1, Default: "30", Doc: "Heartbeat interval of the node itself."},
	{Name: "lease-expiration-duration-in-seconds", Kind: Duration, Unit: sec, Min: 1, Default: "90", Doc: "Lease of the node itself."},
	{Name: "initial-status", Kind: Enum, Words: []string{"UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"}, Default: "UP",
		Doc: "Status that the node registers once it serves."},
	{Name: "metadata-map", Map: true, Doc: "Metadata of the node."},
	{Name: "home-page-url-path", Default: "/", Doc: "Path of the home page."},
	{Name: "home-page-url", Doc: "URL of the home page, in place of host, port and path."},
	{Name: "status-page-url-path", Default: "/actuator/info", Doc: "Path of the status page."},
	{Name: "status-page-url", Doc: "URL of the status page, in place of host, port and path."},
	{Name: "health-check-url-path", Default: "/actuator/health", Doc: "Path of the health check."},
	{Name: "health-check-url", Doc: "URL of the health check, in place of host, port and path."},
	{Name: "secure-health-check-url", Doc: "The same with TLS."},
	{Name: "a-s-g-name", Doc: "Auto-scaling group of the node."},
	{Name: "registry.default-open-for-traffic-count", Aliases: []string{"eureka.server.default-open-for-traffic-count"}, Kind: Int, Min: 0,
		Doc:   "Clients assumed when the registry starts empty; counts with heureka.compatibility=netflix only.",
		field: func(c *server.Config) any { return &c.OpenForTrafficCount }},
	{Name: "registry.expected-number-of-clients-sending-renews", Aliases: []string{"eureka.server.expected-number-of-renews-per-min"}, Kind: Int, Min: 0,
		Doc:   "Clients assumed before the node serves; counts with heureka.compatibility=netflix only.",
		field: func(c *server.Config) any { return &c.ExpectedClients }},

	{Name: "instance-enabled-onit", Kind: Bool, Default: "false", Inert: "has no effect: the node shows eureka.instance.initial-status as soon as it serves", Doc: "Start as UP instead of STARTING."},
	{Name: "async-client-initialization", Kind: Bool, Default: "false", Inert: whyClient, Doc: "Start the client in the background."},
	{Name: "data-center-info", Map: true, Inert: "has no effect: the node's data centre is MyOwn", Doc: "Data centre of the node."},
	{Name: "default-address-resolution-order", Kind: List, Inert: whyAWS, Doc: "Which address of an AWS instance is its host name."},
	{Name: "namespace", Default: "eureka", Inert: "has no effect: keys start with eureka", Doc: "Prefix of the keys of the Java client."},
	{Name: "environment", Map: true, Inert: whyDead, Doc: "Internal to the Java client."},
}

func securePortDefault(s *Settings) string {
	if s.Bool("eureka.instance.secure-port-enabled") {
		return s.Text("server.port")
	}
	return "443"
}
