package config

import (
	"cmp"
	"maps"
	"net"
	"strconv"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

// ServerConfig returns the configuration of the node that listens on port. Version, logger and transport are the
// caller's to fill in.
func (s *Settings) ServerConfig(port int) server.Config {
	c := s.given()
	c.Management = s.management()
	s.tls(serverSSL, &c.TLS)
	s.tls(managementSSL, &c.ManagementTLS)
	c.Auth.Certificates = s.certificates(func(Setting) {}) // they have been checked
	known := s.onPort("server.port", port)
	c.HostName, c.Port = known.hostName(), known.port()
	c.Instance = known.instance()
	return c
}

// given is the server's defaults with what is set.
func (s *Settings) given() server.Config {
	c := server.DefaultConfig()
	for _, x := range s.Changed() {
		if x.Key.field != nil {
			x.Key.assign(&c, x.Value)
		}
	}
	return c
}

// ListenAddress returns what to listen on, such as ":8761" for all addresses.
func (s *Settings) ListenAddress() string {
	return net.JoinHostPort(s.ListenHost(), s.Text("server.port"))
}

// ListenHost returns the host to listen on, "" for all addresses. An IPv6 address may be in brackets, as in Java.
func (s *Settings) ListenHost() string { return listenHost(s.Text("server.address")) }

// ManagementAddress returns what to listen on for health and metrics; "" if that is not a place of its own.
func (s *Settings) ManagementAddress() string {
	if s.management() != server.ManagementSeparate {
		return ""
	}
	host := cmp.Or(s.Text("management.server.address"), s.Text("server.address"))
	return net.JoinHostPort(listenHost(host), s.Text("management.server.port"))
}

// OnManagementPort returns settings that know on which port health and metrics are served.
func (s *Settings) OnManagementPort(port int) *Settings {
	return s.onPort("management.server.port", port)
}

func (s *Settings) management() server.Management {
	switch port := s.Text("management.server.port"); {
	case port == "-1":
		return server.ManagementOff
	case port == "" || port == s.Text("server.port") && port != "0":
		return server.ManagementShared
	}
	return server.ManagementSeparate
}

// managementPort is where the node's health and metrics are, or shared if they have no port of their own.
func (s *Settings) managementPort(shared string) string {
	if s.management() == server.ManagementSeparate {
		return s.Text("management.server.port")
	}
	return shared
}

func listenHost(host string) string {
	if inside, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inside, "]") {
		return inside[:len(inside)-1]
	}
	return host
}

// onPort returns settings that know a port, which matters where 0 let the system choose.
func (s *Settings) onPort(key string, port int) *Settings {
	known := *s
	known.set = make(map[string]Setting, len(s.set)+1)
	maps.Copy(known.set, s.set)
	x := s.setting(s.table.parseName(key).key)
	x.Value.Int, x.Value.Text = int64(port), strconv.Itoa(port)
	known.set[x.Name] = x
	return &known
}

// instance is the node's own registration (S-CFG 9.9). Its status is what it becomes once the node serves.
func (s *Settings) instance() *heureka.Instance {
	status, _ := heureka.ParseStatus(s.Text("eureka.instance.initial-status"))
	return &heureka.Instance{
		App:        heureka.AppName(s.Text("eureka.instance.appname")),
		ID:         s.Text("eureka.instance.instance-id"),
		HostName:   s.hostName(),
		IPAddr:     s.Text("eureka.instance.ip-address"),
		Status:     status,
		Port:       heureka.Port{Number: s.port(), Enabled: s.Bool("eureka.instance.non-secure-port-enabled")},
		SecurePort: heureka.Port{Number: s.Int("eureka.instance.secure-port"), Enabled: s.Bool("eureka.instance.secure-port-enabled")},
		CountryID:  heureka.DefaultCountryID,
		DataCenter: heureka.OwnDataCenter,
		Lease: heureka.LeaseInfo{
			RenewalIntervalSecs: int64(s.value("eureka.instance.lease-renewal-interval-in-seconds").Duration / sec),
			DurationSecs:        int64(s.value("eureka.instance.lease-expiration-duration-in-seconds").Duration / sec),
		},
		Metadata:             s.metadata(),
		AppGroupName:         heureka.AppName(s.Text("eureka.instance.app-group-name")),
		HomePageURL:          s.pageURL("eureka.instance.home-page-url", strconv.Itoa(s.port())),
		StatusPageURL:        s.pageURL("eureka.instance.status-page-url", s.managementPort(strconv.Itoa(s.port()))),
		HealthCheckURL:       s.pageURL("eureka.instance.health-check-url", s.managementPort(strconv.Itoa(s.port()))),
		SecureHealthCheckURL: s.Text("eureka.instance.secure-health-check-url"),
		VIPAddress:           s.Text("eureka.instance.virtual-host-name"),
		SecureVIPAddress:     s.Text("eureka.instance.secure-virtual-host-name"),
		ASGName:              s.Text("eureka.instance.a-s-g-name"),
	}
}

// port is the registered port. It is 0 only where ${server.port} was written for a port that the system chose.
func (s *Settings) port() int {
	return cmp.Or(s.Int("eureka.instance.non-secure-port"), s.Int("server.port"))
}

// hostName is the registered host: the address wins where it is preferred, even over a configured name, as in Spring.
func (s *Settings) hostName() string {
	if s.Bool("eureka.instance.prefer-ip-address") {
		return s.Text("eureka.instance.ip-address")
	}
	return s.Text("eureka.instance.hostname")
}

// applicationName is the name before it is put into upper case.
func (s *Settings) applicationName() string {
	if name := s.Text("spring.application.name"); name != "" {
		return name
	}
	return s.Text("eureka.instance.appname")
}

// appNameDefault names a node that has no name "eureka". The reference calls it "unknown", which matters in a ring with
// such servers, because only peers of the same name count as available (S-STATPAGE-2).
func appNameDefault(s *Settings) string {
	if name := s.Text("spring.application.name"); name != "" {
		return name
	}
	if s.netflix() {
		return "unknown"
	}
	return "eureka"
}

func (s *Settings) defaultInstanceID() string {
	return s.hostName() + ":" + s.applicationName() + ":" + s.Text("server.port")
}

func (s *Settings) vip() string { return s.applicationName() }

// metadata is the configured map, and the port of the management paths, which Spring Cloud adds. Empty values are left
// out (C-MD-11).
func (s *Settings) metadata() heureka.Metadata {
	entries := []heureka.MetadataEntry{{Key: "management.port", Value: s.managementPort(s.Text("server.port"))}}
	for _, x := range s.Of(s.table.parseName("eureka.instance.metadata-map.x").key) {
		if x.Value.Text != "" {
			entries = append(entries, heureka.MetadataEntry{Key: x.Value.Sub, Value: x.Value.Text})
		}
	}
	return heureka.MetadataOf(entries)
}

// pageURL is the URL under this key, or the one made of host, port, context path and the path under key-path.
func (s *Settings) pageURL(key, port string) string {
	if u := s.Text(key); u != "" {
		return u
	}
	host := net.JoinHostPort(s.hostName(), port)
	return "http://" + host + contextPath(s.Text("server.servlet.context-path")) + "/" + strings.TrimLeft(s.Text(key+"-path"), "/")
}

// contextPath brings a path into the form that server.Config wants: "" or a leading slash and no trailing one.
func contextPath(path string) string {
	if path = strings.Trim(path, "/"); path == "" {
		return ""
	}
	return "/" + path
}
