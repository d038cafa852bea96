package client_test

import (
	"net"
	"reflect"
	"strings"
	"testing"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/spring"
)

// netflixKeys are the settings of section 21 that have a name in Netflix files, with a value that is not the default.
const netflixKeys = `
client.register-with-eureka                               registration.enabled                                 false
client.fetch-registry                                     shouldFetchRegistry                                  false
client.should-enforce-registration-at-init                shouldEnforceRegistrationAtInit                      true
client.should-enforce-fetch-registry-at-init              shouldEnforceFetchRegistryAtInit                     true
client.should-unregister-on-shutdown                      shouldUnregisterOnShutdown                           false
client.on-demand-update-status-change                     shouldOnDemandUpdateStatusChange                     false
client.registry-fetch-interval-seconds                    client.refresh.interval                              7
client.instance-info-replication-interval-seconds         appinfo.replicate.interval                           7
client.initial-instance-info-replication-interval-seconds appinfo.initial.replicate.time                       7
client.service-url.a                                      serviceUrl.a                                         http://a/
client.region                                             region                                               r
client.availability-zones.r                               r.availabilityZones                                  a,b
client.prefer-same-zone-eureka                            preferSameZone                                       false
client.use-dns-for-fetching-service-urls                  shouldUseDns                                         true
client.eureka-server-d-n-s-name                           eurekaServer.domainName                              d
client.eureka-server-d-n-s-name                           domainName                                           d
client.eureka-server-port                                 eurekaServer.port                                    7
client.eureka-server-u-r-l-context                        eurekaServer.context                                 c
client.eureka-server-u-r-l-context                        context                                              c
client.disable-delta                                      disableDelta                                         true
client.registry-refresh-single-vip-address                registryRefreshSingleVipAddress                      v
client.fetch-remote-regions-registry                      fetchRemoteRegionsRegistry                           r,s
client.filter-only-up-instances                           shouldFilterOnlyUpInstances                          false
client.log-delta-diff                                     printDeltaFullDiff                                   true
client.allow-redirects                                    allowRedirects                                       true
client.client-data-accept                                 clientDataAccept                                     compact
client.g-zip-content                                      eurekaServer.gzipContent                             false
client.eureka-server-connect-timeout-seconds              eurekaServer.connectTimeout                          7
client.eureka-server-read-timeout-seconds                 eurekaServer.readTimeout                             7
client.eureka-server-total-connections                    eurekaServer.maxTotalConnections                     7
client.eureka-server-total-connections-per-host           eurekaServer.maxConnectionsPerHost                   7
client.eureka-connection-idle-timeout-seconds             eurekaserver.connectionIdleTimeoutInSeconds          7
client.heartbeat-executor-exponential-back-off-bound      client.heartbeat.exponentialBackOffBound             7
client.cache-refresh-executor-exponential-back-off-bound  client.cacheRefresh.exponentialBackOffBound          7
client.transport.sessioned-client-reconnect-interval-seconds     transport.sessionedClientReconnectIntervalSeconds     7
client.transport.retryable-client-quarantine-refresh-percentage  transport.retryableClientQuarantineRefreshPercentage  0.7
instance.appname                                          name                                                 a
instance.app-group-name                                   appGroup                                             a
instance.instance-id                                      instanceId                                           a
instance.non-secure-port                                  port                                                 7
instance.non-secure-port-enabled                          port.enabled                                         false
instance.secure-port-enabled                              securePort.enabled                                   true
instance.virtual-host-name                                vipAddress                                           v
instance.secure-virtual-host-name                         secureVipAddress                                     v
instance.lease-renewal-interval-in-seconds                lease.renewalInterval                                7
instance.lease-expiration-duration-in-seconds             lease.duration                                       7
instance.metadata-map.Key                                 metadata.Key                                         v
instance.home-page-url-path                               homePageUrlPath                                      /x
instance.home-page-url                                    homePageUrl                                          http://x/
instance.status-page-url-path                             statusPageUrlPath                                    /x
instance.status-page-url                                  statusPageUrl                                        http://x/
instance.health-check-url-path                            healthCheckUrlPath                                   /x
instance.health-check-url                                 healthCheckUrl                                       http://x/
instance.secure-health-check-url                          secureHealthCheckUrl                                 http://x/
instance.a-s-g-name                                       asgName                                              a
`

// TestNetflixKeysMeanTheSame: both names of a setting lead to the same settings, which are not the default ones.
func TestNetflixKeysMeanTheSame(t *testing.T) {
	parse := func(source map[string]any) client.Settings {
		t.Helper()
		s, err := client.ParseConfig(source)
		if err != nil {
			t.Errorf("%v: %v", source, err)
		}
		return s
	}
	none := parse(nil)
	for line := range strings.Lines(strings.TrimSpace(netflixKeys)) {
		f := strings.Fields(line)
		spring, netflix := parse(map[string]any{"eureka." + f[0]: f[2]}), parse(map[string]any{"eureka." + f[1]: f[2]})
		if reflect.DeepEqual(spring, none) {
			t.Errorf("%s changes nothing", f[0])
		}
		if !reflect.DeepEqual(spring, netflix) {
			t.Errorf("%s: %+v, but %s: %+v", f[0], spring, f[1], netflix)
		}
	}
}

// TestParseMachine: what Spring Cloud tells of the machine, which many instance ids are made of.
func TestParseMachine(t *testing.T) {
	host := spring.LocalHost().Name
	const id = "${spring.cloud.client.ip-address:none}:${spring.cloud.client.hostname}:${server.port}"
	s, err := client.ParseConfig(map[string]any{"eureka.instance.instance-id": id, "server.port": 81})
	if err != nil {
		t.Fatal(err)
	}
	ip, rest, _ := strings.Cut(s.Instance.ID, ":")
	if net.ParseIP(ip).To4() == nil || rest != host+":81" {
		t.Errorf("id %q", s.Instance.ID)
	}
	s, err = client.ParseConfig(map[string]any{
		"eureka.instance.instance-id": id, "server.port": 81,
		"spring.cloud.client.hostname": "h", "spring.cloud.client.ipAddress": "192.0.2.1",
	})
	if err != nil || s.Instance.ID != "192.0.2.1:h:81" {
		t.Errorf("id %q, %v", s.Instance.ID, err)
	}
}

func TestParseNamespace(t *testing.T) { // C-MD-9
	s, err := client.ParseConfig(map[string]any{"eureka.instance": map[string]any{
		"namespace": "mine.", "hostname": "h", "status-page-url": "http://${mine.hostname}/s", "appname": "a",
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(s.Client)
	if err != nil {
		t.Fatal(err)
	}
	reg, err := c.Register(s.Instance)
	if err != nil || reg.Instance().StatusPageURL != "http://h/s" {
		t.Errorf("registered %+v, %v", reg, err)
	}
}

// TestParseNetflixDNSPort: eureka.port stands for eureka.eurekaServer.port, but not what Kubernetes sets for a service
// called eureka.
func TestParseNetflixDNSPort(t *testing.T) {
	for want, source := range map[int]map[string]any{
		7: {"eureka.port": 7}, 8: {"eureka.port": 7, "eureka.eurekaServer.port": 8}, 0: client.Environ([]string{"EUREKA_PORT=7"}),
	} {
		source["eureka.shouldUseDns"] = "true"
		if s, err := client.ParseConfig(source); err != nil || s.Client.DNS.Port != want {
			t.Errorf("ParseConfig(%v): port %d, %v", source, s.Client.DNS.Port, err)
		}
	}
}
