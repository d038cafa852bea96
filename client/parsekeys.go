package client

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/spring"
)

// rows are the settings that mean something here (client specification, section 21).
func (p *parser) rows() []row {
	return slices.Concat(p.roleRows(), p.serverRows(), p.registryRows(), p.exchangeRows(), p.instanceRows(), p.addressRows())
}

// roleRows are about what the client does at all.
func (p *parser) roleRows() []row {
	c := &p.Client
	return []row{
		{"client.enabled", "", off(&p.disabled)},
		{"client.register-with-eureka", "registration.enabled", off(&c.DisableRegistration)},
		{"client.fetch-registry", "shouldFetchRegistry", off(&c.DisableFetch)},
		{"client.should-enforce-registration-at-init", "shouldEnforceRegistrationAtInit", on(&c.EnforceRegistration)},
		{"client.should-enforce-fetch-registry-at-init", "shouldEnforceFetchRegistryAtInit", on(&c.EnforceFetch)},
		{"client.should-unregister-on-shutdown", "shouldUnregisterOnShutdown", off(&c.KeepRegistered)},
		{"client.on-demand-update-status-change", "shouldOnDemandUpdateStatusChange", off(&c.DisableOnDemandUpdates)},
		{"client.instance-info-replication-interval-seconds", "appinfo.replicate.interval", seconds(&c.ReplicationInterval)},
		{"client.initial-instance-info-replication-interval-seconds", "appinfo.initial.replicate.time", seconds(&c.InitialReplicationDelay)},
		{"client.heartbeat-executor-exponential-back-off-bound", "client.heartbeat.exponentialBackOffBound", number(&c.HeartbeatBackoffBound)},
		{"client.cache-refresh-executor-exponential-back-off-bound", "client.cacheRefresh.exponentialBackOffBound", number(&c.FetchBackoffBound)},
	}
}

// serverRows are about finding and choosing servers.
func (p *parser) serverRows() []row {
	c := &p.Client
	return []row{
		{"client.service-url.*", "serviceUrl.*", lists(&c.ServiceURLs, zoneName)},
		{"client.region", "region", text(&c.Region)},
		{"client.availability-zones.*", "", lists(&c.AvailabilityZones, asSpelled)},
		{"client.prefer-same-zone-eureka", "preferSameZone", off(&c.IgnoreZone)},
		{"client.use-dns-for-fetching-service-urls", "shouldUseDns", on(&p.useDNS)},
		{"client.eureka-server-d-n-s-name", "eurekaServer.domainName", text(&c.DNS.Name)},
		{"", "domainName", text(&c.DNS.Name)},
		{"client.eureka-server-port", "eurekaServer.port", number(&c.DNS.Port)},
		{"client.eureka-server-u-r-l-context", "eurekaServer.context", text(&c.DNS.Path)},
		{"", "context", text(&c.DNS.Path)},
		{"client.eureka-service-url-poll-interval-seconds", "", seconds(&c.ServerPollInterval)},
		{"", "serviceUrlPollIntervalMs", duration(&c.ServerPollInterval, time.Millisecond)},
		{"client.transport.sessioned-client-reconnect-interval-seconds",
			"transport.sessionedClientReconnectIntervalSeconds", seconds(&c.SessionDuration)},
		{"client.transport.retryable-client-quarantine-refresh-percentage",
			"transport.retryableClientQuarantineRefreshPercentage", fraction(&c.QuarantineThreshold)},
	}
}

// registryRows are about the copy of the registry.
func (p *parser) registryRows() []row {
	c := &p.Client
	return []row{
		{"client.registry-fetch-interval-seconds", "client.refresh.interval", seconds(&c.FetchInterval)},
		{"client.disable-delta", "disableDelta", on(&c.DisableDelta)},
		{"client.registry-refresh-single-vip-address", "registryRefreshSingleVipAddress", text(&c.OnlyVIP)},
		{"client.fetch-remote-regions-registry", "fetchRemoteRegionsRegistry", list(&c.RemoteRegions)},
		{"client.filter-only-up-instances", "shouldFilterOnlyUpInstances", off(&c.IncludeAllStatuses)},
		{"client.log-delta-diff", "printDeltaFullDiff", on(&c.LogDeltaDiff)},
		{"client.client-data-accept", "clientDataAccept", compactData(&c.Compact)},
	}
}

// exchangeRows are about talking to servers.
func (p *parser) exchangeRows() []row {
	c := &p.Client
	return []row{
		{"client.allow-redirects", "allowRedirects", on(&c.HTTP.AllowRedirects)},
		{"client.g-zip-content", "eurekaServer.gzipContent", off(&c.HTTP.DisableGzip)},
		{"client.eureka-server-connect-timeout-seconds", "eurekaServer.connectTimeout", seconds(&c.HTTP.ConnectTimeout)},
		{"client.eureka-server-read-timeout-seconds", "eurekaServer.readTimeout", seconds(&c.HTTP.ReadTimeout)},
		{"client.eureka-server-total-connections", "eurekaServer.maxTotalConnections", number(&c.HTTP.MaxConns)},
		{"client.eureka-server-total-connections-per-host", "eurekaServer.maxConnectionsPerHost", number(&c.HTTP.MaxConnsPerHost)},
		{"client.eureka-connection-idle-timeout-seconds", "eurekaserver.connectionIdleTimeoutInSeconds", seconds(&c.HTTP.IdleTimeout)},
		{"client.proxy-host", "eurekaServer.proxyHost", text(&p.proxy.host)},
		{"client.proxy-port", "eurekaServer.proxyPort", text(&p.proxy.port)},
		{"client.proxy-user-name", "eurekaServer.proxyUserName", text(&p.proxy.user)},
		{"client.proxy-password", "eurekaServer.proxyPassword", text(&p.proxy.password)},
		{"client.tls.enabled", "", on(&p.tls.enabled)},
		{"client.tls.key-store", "", text(&p.tls.keyStore)},
		{"client.tls.trust-store", "", text(&p.tls.trustStore)},
	}
}

// instanceRows are about the instance to register.
func (p *parser) instanceRows() []row {
	in := &p.Instance
	return []row{
		{"instance.appname", "name", text(&in.App)},
		{"instance.app-group-name", "appGroup", text(&in.AppGroup)},
		{"instance.instance-id", "instanceId", text(&in.ID)},
		{"instance.a-s-g-name", "asgName", text(&in.ASGName)},
		{"instance.metadata-map.*", "metadata.*", entry(&in.Metadata)},
		{"instance.initial-status", "", status(&in.InitialStatus)},
		{"instance.instance-enabled-onit", "", on(new(bool))}, // UP from the first registration on, as always here
		{"", "traffic.enabled", off(&p.starting)},
		{"instance.lease-renewal-interval-in-seconds", "lease.renewalInterval", seconds(&in.RenewalInterval)},
		{"instance.lease-expiration-duration-in-seconds", "lease.duration", seconds(&in.LeaseDuration)},
	}
}

// addressRows are about where it can be reached.
func (p *parser) addressRows() []row {
	in := &p.Instance
	return []row{
		{"instance.hostname", "", text(&in.HostName)},
		{"instance.namespace", "", text(new(string))}, // see lookup
		{"instance.ip-address", "", text(&in.IPAddr)},
		{"instance.prefer-ip-address", "", on(&in.PreferIP)},
		{"instance.non-secure-port", "port", number(&p.ports.plain)},
		{"instance.non-secure-port-enabled", "port.enabled", on(&p.ports.enabled)},
		{"instance.secure-port", "securePort", number(&p.ports.secure)},
		{"instance.secure-port-enabled", "securePort.enabled", on(&p.ports.secureEnabled)},
		{"instance.virtual-host-name", "vipAddress", text(&in.VIPAddress)},
		{"instance.secure-virtual-host-name", "secureVipAddress", text(&in.SecureVIPAddress)},
		{"instance.home-page-url-path", "homePageUrlPath", text(&in.HomePagePath)},
		{"instance.home-page-url", "homePageUrl", text(&in.HomePageURL)},
		{"instance.status-page-url-path", "statusPageUrlPath", text(&in.StatusPagePath)},
		{"instance.status-page-url", "statusPageUrl", text(&in.StatusPageURL)},
		{"instance.health-check-url-path", "healthCheckUrlPath", text(&in.HealthCheckPath)},
		{"instance.health-check-url", "healthCheckUrl", text(&in.HealthCheckURL)},
		{"instance.secure-health-check-url", "secureHealthCheckUrl", text(&in.SecureHealthCheckURL)},
	}
}

func seconds(to *time.Duration) setter { return duration(to, time.Second) }

// lists is a map whose values are lists.
func lists(to *map[string][]string, key func(string) string) setter {
	return func(rest, value string) error {
		if *to == nil {
			*to = make(map[string][]string)
		}
		(*to)[key(rest)] = spring.SplitList(value)
		return nil
	}
}

func asSpelled(key string) string { return key }

// zoneName restores the one key whose case environment variables lose and that everybody needs. Spring would take default-zone
// for another zone, and silently keep its own default.
func zoneName(key string) string {
	if strings.EqualFold(spring.Squash(key), defaultZone) {
		return defaultZone
	}
	return key
}

// entry is a map of texts.
func entry(to *map[string]string) setter {
	return func(rest, value string) error {
		if *to == nil {
			*to = make(map[string]string)
		}
		(*to)[rest] = value
		return nil
	}
}

// status is a status in any case.
func status(to *heureka.Status) setter {
	return func(_, value string) (err error) {
		s, ok := heureka.ParseStatus(strings.ToUpper(strings.TrimSpace(value)))
		if !ok {
			return fmt.Errorf("no such status: %q", value)
		}
		*to = s
		return nil
	}
}

// compactData is the choice between full and compact.
func compactData(to *bool) setter {
	return func(_, value string) error {
		*to = strings.EqualFold(strings.TrimSpace(value), "compact")
		if !*to && !strings.EqualFold(strings.TrimSpace(value), "full") {
			return fmt.Errorf("%q is neither full nor compact", value)
		}
		return nil
	}
}

// defaultPort is where a Spring Boot program serves.
const defaultPort = 8080

// portSettings become ports that are 0 when they are not in use.
type portSettings struct {
	server                 string
	plain, secure          int
	enabled, secureEnabled bool
}

func (ps *portSettings) apply(in *InstanceConfig) error {
	server := 0
	if ps.server != "" {
		n, err := strconv.Atoi(ps.server)
		if err != nil {
			return fmt.Errorf("server.port: %w", err)
		}
		server = n
	}
	if ps.enabled {
		in.Port = cmp.Or(ps.plain, server, defaultPort)
	}
	if ps.secureEnabled {
		in.SecurePort = cmp.Or(ps.secure, server, 443)
	}
	return nil
}

type tlsSettings struct {
	enabled              bool
	keyStore, trustStore string
}

var errKeyStore = errors.New("only PEM files are supported (convert others with openssl pkcs12)")

func (ts *tlsSettings) apply(c *Config) error {
	if !ts.enabled {
		return nil
	}
	for _, file := range []string{ts.keyStore, ts.trustStore} {
		switch strings.ToLower(filepath.Ext(file)) {
		case ".p12", ".pfx", ".jks":
			return fmt.Errorf("eureka.client.tls: %s: %w", file, errKeyStore)
		}
	}
	c.HTTP.TLSCertFile, c.HTTP.TLSCAFile = strings.TrimPrefix(ts.keyStore, "file:"), strings.TrimPrefix(ts.trustStore, "file:")
	return nil
}

type proxySettings struct{ host, port, user, password string }

func (ps *proxySettings) apply(c *Config) error {
	if ps.host == "" {
		return nil
	}
	if _, err := strconv.ParseUint(ps.port, 10, 16); err != nil {
		return fmt.Errorf("eureka.client.proxy-port: not a port: %q", ps.port)
	}
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort(ps.host, ps.port)}
	if ps.user != "" {
		u.User = url.UserPassword(ps.user, ps.password)
	}
	c.HTTP.Proxy = http.ProxyURL(u)
	return nil
}
