package config_test

import (
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
)

func TestUnknownNames(t *testing.T) {
	const noHint = " | heureka config --all lists the settings"
	for _, tt := range []struct {
		source source
		want   string
	}{
		{args("--eureka.server.evictionInterval=1"), "error: argument: eureka.server.evictionInterval: no such setting" + noHint},
		{args("--eureka.server.evictionIntervalTimerInM=1"), "error: argument: eureka.server.evictionIntervalTimerInM: no such setting | did you mean eureka.server.eviction-interval-timer-in-ms?"},
		{yamlFile("heureka: {compatability: netflix}"), "error: application.yml:1: heureka.compatability: no such setting | did you mean heureka.compatibility?"},
		{yamlFile("heureka: {log: {level: debug}}"), "error: application.yml:1: heureka.log.level: no such setting | did you mean heureka.log-level?"},
		{env("HEUREKA_COMPATABILITY=netflix"), "error: environment variable HEUREKA_COMPATABILITY: no such setting | did you mean HEUREKA_COMPATIBILITY?"},
		{env("EUREKA_SERVER_RENEWAL_PERCENT_TRESHOLD=1"), "warning: environment variable EUREKA_SERVER_RENEWAL_PERCENT_TRESHOLD: no such setting | did you mean EUREKA_SERVER_RENEWALPERCENTTHRESHOLD?"},
		{env("EUREKA_SERVER_URL=http://a/", "HEUREKA_HOME=/opt", "EUREKA=1", "EUREKA_PORT=1", "_=x", "A__B=", "=C:=x"), ""},
		{env("EUREKA_CLIENT_REGISTER_WITH_EUREK=true"), "warning: environment variable EUREKA_CLIENT_REGISTER_WITH_EUREK: no such setting | did you mean EUREKA_CLIENT_REGISTERWITHEUREKA?"},
		{yamlFile("eureka: {client: {registerWithEureke: true}}"), "warning: application.yml:1: eureka.client.registerWithEureke: no such setting | did you mean eureka.client.register-with-eureka?"},
		{yamlFile("eureka: {enableSelfPreservation: true}"), "warning: application.yml:1: eureka.enableSelfPreservation: no such setting | did you mean eureka.server.enable-self-preservation?"},
		{yamlFile("eureka: {client: {serviceUrl: http://a/}}"), "warning: application.yml:1: eureka.client.serviceUrl: no such setting | did you mean eureka.client.service-url.<key>?"},
		{yamlFile("server: {prot: 1, error: {path: /e}, http2.enabled: true}"), "warning: application.yml:1: server.prot: no such setting | did you mean server.port?"},
		{yamlFile("eureka: {server: {evictionInterval: 1}}"), "warning: application.yml:1: eureka.server.evictionInterval: no such setting" + noHint},
		{yamlFile("server: {tomcat.max-threads: 5}"), "warning: application.yml:1: server.tomcat.max-threads: has no effect: heureka is not a servlet container and has its own HTTP server"},
		{yamlFile("server.max-http-request-header-size: 5"), "warning: application.yml:1: server.max-http-request-header-size: has no effect: request headers may have 64 KB, bodies heureka.limits.record-bytes"},
		{env("MANAGEMENT_ENDPOINTS_WEB_CORS=x"), "warning: environment variable MANAGEMENT_ENDPOINTS_WEB_CORS: management.endpoints.web.cors: has no effect: heureka's endpoints are health, info, metrics, prometheus and loggers, and have no such setting"},
		{env("INFO=1", "INFO_APP=x", "MY_APP=x", "SPRING_JMX_ENABLED=false"), ""},
		{yamlFile("management.endpoint: {health.probes.enabled: true, prometheus.enabled: true}\nlogging.level: {root: warn, com.netflix: WARN}\nserver.compression.enabled: true"), ""},
		{yamlFile("logging.level.com.netflix: info"), ""},
		{yamlFile("{info.app.name: x, management.x: 1, logging.file.max-size: 1MB, heureka.acknowledge: 'info,management,logging.file'}"), ""},
		{yamlFile("{eureka.server.rate-limiter-enabled: true, heureka.acknowledge: eureka.server.rateLimiterEnabled}"), ""},
		{args("--port=1"), "error: argument: port: no such setting | did you mean server.port?"},
		{args("--version"), "error: argument: version: no such setting" + noHint},
		{args("--debug", "--spring.y=1", "--my.app=1"), ""},
		{yamlFile("logging: {level: {org.apache: 'OFF', com.netflix: 'OFF'}}"), "warning: application.yml:1: logging.level.org.apache: has no effect: heureka has no such logger; those with an effect are below com.netflix.eureka, com.netflix.discovery, org.springframework.web and org.springframework.cloud.netflix.eureka"},
		{yamlFile("spring: {jmx.enabled: false}\nmy: {app: 1}"), ""},
	} {
		s, err := tt.source.load(t)
		if got := strings.Join(problems(s, err), "\n"); got != tt.want {
			t.Errorf("got:  %s\nwant: %s", got, tt.want)
		}
	}
}

// What nothing reads is counted, and can be listed, without its value. What serves a placeholder is read.
func TestUnused(t *testing.T) {
	s := yamlFile("spring: {jmx.enabled: false, profiles.active: a, config.import: 'optional:b.yml'}\nmy: {app: 1, pass: geheim}\n" +
		"eureka.environment: ${my.app}${server.servlet.path}\nserver.servlet.path: /").and(args("--debug", "--my.other=${nope}")).
		and(env("SPRING_MAIN_BANNER=off", "A=b")).mustLoad(t)
	var b strings.Builder
	if err := s.WriteUnused(&b); err != nil {
		t.Fatal(err)
	}
	want := "KEY FROM\ndebug argument\nmy.other argument\nmy.pass application.yml:2\nspring.jmx.enabled application.yml:1"
	wantLines(t, "unused", strings.Split(b.String(), "\n"), want)
	for n, want := range map[int]string{
		4: "4 settings are not used; heureka config --unused lists them", 1: "1 setting is not used; heureka config --unused lists it",
	} {
		s.Unused = s.Unused[:n]
		if got := s.Notices(); len(got) != 1 || got[0].Error() != want {
			t.Errorf("notices %v, want %s", got, want)
		}
	}
	if s.Unused = nil; len(s.Notices()) > 0 {
		t.Error(s.Notices())
	}
}

func TestNearest(t *testing.T) {
	for typo, want := range map[string]string{
		"server.prot":                            "server.port",
		"server.porrt":                           "server.port",
		"server.ports":                           "server.port",
		"server.host":                            "",
		"port":                                   "server.port",
		"hostname":                               "eureka.instance.hostname",
		"wait-time-in-ms-when-sync-empty":        "eureka.server.wait-time-in-ms-when-sync-empty",
		"eureka.server.my-ulr":                   "eureka.server.my-url",
		"eureka.server.enableSelfPreservaton":    "eureka.server.enable-self-preservation",
		"eureka.server.registry-sync-retires":    "eureka.server.registry-sync-retries",
		"eureka.server.response-cache-update-ms": "",
		"eureka.instance.host-name.x":            "eureka.instance.hostname",
		"eureka.instance.hostnam":                "eureka.instance.hostname",
		"eureka.waitTimeInMsWhenSyncEmpty":       "eureka.server.wait-time-in-ms-when-sync-empty",
		"eureka.client.serviceUrls.defaultZone":  "eureka.client.service-url",
		"eureka.client.serviceUrl":               "eureka.client.service-url",
		"eureka.client.enable-self-preservation": "eureka.server.enable-self-preservation",
		"eureka.instance.client.fetchRegistry":   "eureka.client.fetch-registry",
		"eureka.url.region":                      "",
		"heureka.lease":                          "",
		"":                                       "",
		"....":                                   "",
	} {
		got := ""
		if k := config.Nearest(typo); k != nil {
			got = k.Name
		}
		if got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typo, got, want)
		}
	}
}

// S-DISP-10, S-DISP-12, S-RATE-5, S-DEF-28: keys that say how the reference replicates or limits, or would if they had an
// effect there, are named, and change nothing.
func TestDisp12KeysWithoutEffect(t *testing.T) {
	plain := args().mustLoad(t).ServerConfig(8761)
	for _, setting := range []string{
		"batch-replication=true", "number-of-replication-retries=1", "min-threads-for-peer-replication=1",
		"max-idle-thread-age-in-minutes-for-peer-replication=1", "max-threads-for-peer-replication=1",
		"max-threads-for-status-replication=2", "max-elements-in-status-replication-pool=1", "min-threads-for-status-replication=2",
		"max-idle-thread-in-minutes-age-for-status-replication=1", "rate-limiter-enabled=true", "log-identity-headers=false",
	} {
		s := args("--eureka.server." + setting).mustLoad(t)
		name, _, _ := strings.Cut(setting, "=")
		if got := problems(s, nil); len(got) != 1 || !strings.Contains(got[0], name+": has no effect") {
			t.Errorf("%s: %v, want one warning", setting, got)
		}
		if diff := diffConfig(plain, s.ServerConfig(8761)); diff != "" {
			t.Errorf("%s changes the server (-without +with):\n%s", setting, diff)
		}
	}
}

func TestKeysWithoutEffectWarnOnce(t *testing.T) {
	s := yamlFile(`
eureka:
  server:
    rate-limiter-enabled: true
    rate-limiter-burst-size: 10      # its default
    batchReplication: false          # its default
    peer-node-total-connections-per-host: 5
    peer-node-total-connections: 5
  client:
    transport: {a: 1, b: 2}
server.shutdown: graceful
`).mustLoad(t)
	want := []string{
		"warning: application.yml:8: eureka.server.peer-node-total-connections: has no effect: connections to peers are pooled without a fixed limit",
		"warning: application.yml:7: eureka.server.peer-node-total-connections-per-host: has no effect: connections to peers are pooled without a fixed limit",
		"warning: application.yml:4: eureka.server.rate-limiter-enabled: has no effect, here as on a Spring Cloud server: requests are not rate-limited by it",
		"warning: application.yml:10: eureka.client.transport.a: has no effect: heureka has its own connections to peers",
	}
	wantLines(t, "warnings", problems(s, nil), strings.Join(want, "\n"))
}

func TestMistakes(t *testing.T) {
	_, err := args("--server.port=a", "--eureka.dashboard.enabled=b", "x").load(t)
	if got := len(config.Mistakes(err)); got != 3 {
		t.Errorf("%d mistakes in %v", got, err)
	}
	if got := config.Mistakes(nil); got != nil {
		t.Errorf("mistakes of nil: %v", got)
	}
}

func TestPasswordsInURLs(t *testing.T) {
	s, err := args("--eureka.client.service-url.z=http://u:p/w@a/,http://b/").load(t)
	want := `error: argument: eureka.client.service-url.z is "http://******@a/,http://b/": want a URL such as http://peer2:8761/eureka/` +
		" | reserved characters in a password must be percent-encoded"
	if got := strings.Join(problems(s, err), "\n"); got != want {
		t.Errorf("got:  %s\nwant: %s", got, want)
	}
}

func TestPeersFromDNSNeedNameAndPort(t *testing.T) {
	const on = "--eureka.client.use-dns-for-fetching-service-urls=true"
	s, err := args(on).load(t)
	want := `error: argument: eureka.client.eureka-server-d-n-s-name: want the domain below which peers are listed, since eureka.client.use-dns-for-fetching-service-urls is on
error: argument: eureka.client.eureka-server-port: want the port of the peers, since eureka.client.use-dns-for-fetching-service-urls is on`
	if got := strings.Join(problems(s, err), "\n"); got != want {
		t.Errorf("got:\n%s", got)
	}
	args(on, "--eureka.client.eureka-server-d-n-s-name=example.com", "--eureka.client.eureka-server-port=8761").mustLoad(t)
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ab", "ba", 1}, {"abcdef", "ghijkl", 5}} {
		if got := config.Distance(tt.a, tt.b, 5); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
