package client_test

import (
	"net/http"
	neturl "net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

func parseYAML(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := yaml.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseSpring(t *testing.T) {
	s, err := client.ParseConfig(parseYAML(t, `
spring.application.name: orders
server: {port: 8081}
eureka:
  client:
    service-url:
      defaultZone: http://user:pw@a:8761/eureka/ , http://b:8761/eureka
      zoneB: http://c/
    region: eu
    availability-zones: {eu: "zoneA,zoneB"}
    registry-fetch-interval-seconds: 5
    eurekaServerReadTimeoutSeconds: 2s
    fetch_registry: yes
    prefer-same-zone-eureka: false
    client-data-accept: compact
    fetch-remote-regions-registry: [us-east-1, us-west-2]
    heartbeat-executor-thread-pool-size: 5
    transport:
      sessioned-client-reconnect-interval-seconds: 60
      retryable-client-quarantine-refresh-percentage: 0.5
  instance:
    lease-renewal-interval-in-seconds: 10
    lease-expiration-duration-in-seconds: ${eureka.instance.lease-renewal-interval-in-seconds}5
    metadata-map: {zone: zoneA, weight: 3, "dotted.key": "${undefined:fallback}"}
    instance-id: ${spring.application.name}:${vcap.missing:${server.port}}
    prefer-ip-address: true
    initial-status: starting
    home-page-url: http://${eureka.hostname}/
    typo: 1
  server.enable-self-preservation: false
`))
	if err != nil {
		t.Fatal(err)
	}
	want := client.Settings{
		Client: client.Config{
			ServiceURLs: map[string][]string{
				"defaultZone": {"http://user:pw@a:8761/eureka/", "http://b:8761/eureka"}, "zoneB": {"http://c/"},
			},
			Region: "eu", AvailabilityZones: map[string][]string{"eu": {"zoneA", "zoneB"}},
			FetchInterval: 5 * time.Second, HTTP: client.HTTPConfig{ReadTimeout: 2 * time.Second}, IgnoreZone: true, Compact: true,
			RemoteRegions: []string{"us-east-1", "us-west-2"}, SessionDuration: time.Minute, QuarantineThreshold: 0.5,
		},
		Instance: client.InstanceConfig{
			App: "orders", ID: "orders:8081", Port: 8081, PreferIP: true, InitialStatus: heureka.StatusStarting,
			RenewalInterval: 10 * time.Second, LeaseDuration: 105 * time.Second, HomePageURL: "http://${eureka.hostname}/",
			Metadata: map[string]string{"zone": "zoneA", "weight": "3", "dotted.key": "fallback"},
		},
		Ignored: []string{"eureka.client.heartbeat-executor-thread-pool-size", "eureka.instance.typo"},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	if _, err := client.New(s.Client); err != nil {
		t.Error(err)
	}
}

func TestParseNetflix(t *testing.T) {
	source, err := client.Properties(strings.NewReader(`
# a Netflix client
eureka.name = orders
eureka.port=7001
eureka.port.enabled:true
eureka.securePort.enabled = true
eureka.serviceUrl.default = http\://a/eureka/v2/,\
    http://b/eureka/v2/
eureka.region default-region
eureka.default-region.availabilityZones=z1,z2
eureka.registration.enabled=false
eureka.shouldUseDns=true
eureka.domainName=example.com
eureka.eurekaServer.port=80
eureka.context=eureka/v2
eureka.serviceUrlPollIntervalMs=1500
eureka.client.refresh.interval=7
eureka.traffic.enabled=false
eureka.metadata.key=\u00e4\t\f\n\r\\x
eureka.vipAddress=a,b
eureka.decoderName=x
! the end
eureka.preferSameZone
`))
	if err != nil {
		t.Fatal(err)
	}
	source["eureka.preferSameZone"] = true
	s, err := client.ParseConfig(source)
	if err != nil {
		t.Fatal(err)
	}
	want := client.Settings{
		Client: client.Config{
			ServiceURLs: map[string][]string{"default": {"http://a/eureka/v2/", "http://b/eureka/v2/"}},
			Region:      "default-region", AvailabilityZones: map[string][]string{"default-region": {"z1", "z2"}},
			DisableRegistration: true, DNS: client.DNSConfig{Records: client.DNSTXT, Name: "example.com", Port: 80, Path: "eureka/v2"},
			ServerPollInterval: 1500 * time.Millisecond, FetchInterval: 7 * time.Second,
		},
		Instance: client.InstanceConfig{
			App: "orders", Port: 7001, SecurePort: 443, VIPAddress: "a,b", InitialStatus: heureka.StatusStarting,
			Metadata: map[string]string{"key": "ä\t\f\n\r\\x"},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestParseEnvironment: what containers set, and what Kubernetes sets for a service that is called eureka.
func TestParseEnvironment(t *testing.T) {
	file := map[string]any{"eureka": map[any]any{"client": map[any]any{"region": "eu", "enabled": false}}}
	s, err := client.ParseConfig(file, client.Environ([]string{
		"EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=http://a/eureka/",
		"EUREKA_CLIENT_SERVICE_URL_ZONEB=http://b/eureka/",
		"EUREKA_CLIENT_REGISTER_WITH_EUREKA=false",
		"EUREKA_CLIENT_REGISTRYFETCHINTERVALSECONDS=9",
		"EUREKA_INSTANCE_METADATAMAP_ZONE=z",
		"eureka.instance.hostname=h",
		"EUREKA_CLIENT_ENABLED=true",
		"SPRING_APPLICATION_NAME=orders",
		"EUREKA_PORT=tcp://192.0.2.1:8761", "EUREKA_SERVICE_HOST=192.0.2.1", "PATH=/bin", "=C:=x", "broken",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := client.Settings{
		Client: client.Config{
			ServiceURLs: map[string][]string{"defaultZone": {"http://a/eureka/"}, "zoneb": {"http://b/eureka/"}},
			Region:      "eu", DisableRegistration: true, FetchInterval: 9 * time.Second,
		},
		Instance: client.InstanceConfig{App: "orders", HostName: "h", Port: 8080, Metadata: map[string]string{"zone": "z"}},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestParseKeysThatLookAlike: in one source they are two, between sources one overrides the other.
func TestParseKeysThatLookAlike(t *testing.T) {
	metadata := map[string]any{"management.port": 1, "managementPort": 2, "a-b": 3}
	s, err := client.ParseConfig(
		map[string]any{"eureka.instance.metadata-map": metadata}, client.Environ([]string{"EUREKA_INSTANCE_METADATAMAP_AB=4"}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"management.port": "1", "managementPort": "2", "ab": "4"}, s.Instance.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestParseIDs(t *testing.T) { // C-MD-12
	tests := []struct {
		source map[string]any
		want   string
	}{
		{map[string]any{"spring.cloud.client.hostname": "h", "spring.application.name": "a", "server.port": 1}, "h:a:1"},
		{map[string]any{"spring.cloud.client.hostname": "h", "spring.application.name": "a", "spring.application.instance_id": "x"}, "h:a:x"},
		{map[string]any{"spring.application.name": "a", "spring.application.instance_id": "x"}, "a:x"},
		{map[string]any{"vcap.application.instance_id": "v"}, "v"},
		{map[string]any{"eureka.instance.metadata-map.instanceId": "m"}, "m"},
		{map[string]any{"eureka.instance.instance-id": "i", "vcap.application.instance_id": "v"}, "i"},
		{map[string]any{}, ""},
	}
	for _, tt := range tests {
		s, err := client.ParseConfig(tt.source)
		if err != nil || s.Instance.ID != tt.want {
			t.Errorf("ParseConfig(%v): id %q, %v, want %q", tt.source, s.Instance.ID, err, tt.want)
		}
	}
}

func TestParseRandomValues(t *testing.T) {
	for value, want := range map[string]string{
		"${random.value}": `^[0-9a-f]{32}$`, "x-${random.uuid}": `^x-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, "${random.int}": `^-?[0-9]+$`,
		"${a.b": `^\$\{a\.b$`, "${random.other:none}": `^none$`,
	} {
		s, err := client.ParseConfig(map[string]any{"eureka.instance.instance-id": value})
		if err != nil || !regexp.MustCompile(want).MatchString(s.Instance.ID) {
			t.Errorf("%s = %q, %v", value, s.Instance.ID, err)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	_, err := client.ParseConfig(map[string]any{
		"eureka.client.fetch-registry":                                           "maybe",
		"eureka.client.registry-fetch-interval-seconds":                          "soon",
		"eureka.client.eureka-server-port":                                       "http",
		"eureka.client.client-data-accept":                                       "some",
		"eureka.client.transport.retryable-client-quarantine-refresh-percentage": "half",
		"eureka.client.proxy-host":                                               "p",
		"eureka.client.proxy-port":                                               "x",
		"eureka.client.tls.enabled":                                              true,
		"eureka.client.tls.key-store":                                            "classpath:keys.p12",
		"eureka.instance.initial-status":                                         "GREAT",
		"server.port":                                                            "many",
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"fetch-registry", "interval-seconds", "eureka-server-port", "client-data-accept", "percentage", "proxy-port",
		"PEM", "initial-status", "server.port",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error does not mention %s:\n%v", want, err)
		}
	}
	for _, text := range []string{`a=\u12`, `a=\uxyzw`, `\u1=2`} {
		if _, err := client.Properties(strings.NewReader(text)); err == nil {
			t.Errorf("Properties(%q) accepted", text)
		}
	}
}

func TestParseExchange(t *testing.T) {
	s, err := client.ParseConfig(map[string]any{
		"eureka.client.proxy-host": "proxy", "eureka.client.proxy-port": 3128, "eureka.client.proxy-user-name": "u", "eureka.client.proxy-password": "p",
		"eureka.client.tls.enabled": true, "eureka.client.tls.key-store": "file:/k.pem", "eureka.client.tls.trust-store": "/t.pem",
		"eureka.client.g-zip-content": "off", "eureka.instance.non-secure-port-enabled": false, "eureka.instance.secure-port-enabled": "on",
		"server.port": 8443, "eureka.instance.instance-enabled-onit": true,
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := s.Client.HTTP.Proxy(&http.Request{URL: &neturl.URL{Scheme: "http", Host: "x"}})
	if err != nil || u.String() != "http://u:p@proxy:3128" {
		t.Errorf("proxy %v, %v", u, err)
	}
	if c := s.Client; c.HTTP.TLSCertFile != "/k.pem" || c.HTTP.TLSCAFile != "/t.pem" || !c.HTTP.DisableGzip {
		t.Errorf("client %+v", c)
	}
	if in := s.Instance; in.Port != 0 || in.SecurePort != 8443 {
		t.Errorf("ports %d, %d", in.Port, in.SecurePort)
	}
}

// TestEveryKey: every setting that the specification's tables answer with "yes" or "chg" is understood.
func TestEveryKey(t *testing.T) {
	keys := strings.FieldsSeq(`
client.enabled client.register-with-eureka client.fetch-registry client.should-enforce-registration-at-init
client.should-unregister-on-shutdown client.on-demand-update-status-change client.registry-fetch-interval-seconds
client.instance-info-replication-interval-seconds client.initial-instance-info-replication-interval-seconds
client.eureka-service-url-poll-interval-seconds client.service-url.x client.region client.availability-zones.x
client.prefer-same-zone-eureka client.use-dns-for-fetching-service-urls client.eureka-server-d-n-s-name
client.eureka-server-port client.eureka-server-u-r-l-context client.disable-delta
client.registry-refresh-single-vip-address client.fetch-remote-regions-registry client.filter-only-up-instances
client.log-delta-diff client.allow-redirects client.g-zip-content client.eureka-server-connect-timeout-seconds
client.eureka-server-read-timeout-seconds client.eureka-server-total-connections
client.eureka-server-total-connections-per-host client.eureka-connection-idle-timeout-seconds client.proxy-host
client.proxy-port client.proxy-user-name client.proxy-password client.heartbeat-executor-exponential-back-off-bound
client.cache-refresh-executor-exponential-back-off-bound client.transport.sessioned-client-reconnect-interval-seconds
client.transport.retryable-client-quarantine-refresh-percentage client.tls.enabled client.tls.key-store client.tls.trust-store
instance.appname instance.app-group-name instance.instance-id instance.hostname instance.ip-address
instance.prefer-ip-address instance.non-secure-port instance.non-secure-port-enabled instance.secure-port
instance.secure-port-enabled instance.virtual-host-name instance.secure-virtual-host-name
instance.lease-renewal-interval-in-seconds instance.lease-expiration-duration-in-seconds instance.initial-status
instance.instance-enabled-onit instance.metadata-map.x instance.home-page-url-path instance.home-page-url
instance.status-page-url-path instance.status-page-url instance.health-check-url-path instance.health-check-url
instance.secure-health-check-url instance.a-s-g-name instance.namespace`)
	for key := range keys {
		for _, value := range []string{"1", "true", "UP", "full"} {
			s, err := client.ParseConfig(map[string]any{"eureka." + key: value})
			if slices.Contains(s.Ignored, "eureka."+key) {
				t.Errorf("%s is ignored", key)
			}
			if err == nil {
				break
			}
			if value == "full" && key != "client.proxy-host" {
				t.Errorf("%s takes no value: %v", key, err)
			}
		}
	}
}

func FuzzProperties(f *testing.F) {
	f.Add("a=b\nc: d\\\n e\nf\\u0041 \\t")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := client.Properties(strings.NewReader(text))
		if err == nil {
			_, _ = client.ParseConfig(m)
		}
	})
}
