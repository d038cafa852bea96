package config_test

import (
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka/internal/config"
)

func TestValues(t *testing.T) {
	for _, tt := range []struct {
		key, text string
		want      any // what ends up in the value; an error if it is a string that starts with "want"
	}{
		{"eureka.dashboard.enabled", "true", true},
		{"eureka.dashboard.enabled", "ON", true},
		{"eureka.dashboard.enabled", " yes ", true},
		{"eureka.dashboard.enabled", "0", false},
		{"eureka.dashboard.enabled", "No", false},
		{"eureka.dashboard.enabled", "off", false},
		{"eureka.dashboard.enabled", "y", "want true or false"},
		{"server.port", "0", int64(0)},
		{"server.port", "65535", int64(65535)},
		{"server.port", "8_761", int64(8761)},
		{"server.port", "65536", "want a number from 0 to 65535"},
		{"server.port", "-1", "want a number from 0 to 65535"},
		{"server.port", "http", "want a whole number"},
		{"eureka.server.registry-sync-retries", "2147483648", "want a number from 0 to 2147483647"},
		{"eureka.server.eviction-interval-timer-in-ms", "1500", 1500 * time.Millisecond},
		{"eureka.server.eviction-interval-timer-in-ms", "0", "want a number from 1 to 9223372036854"},
		{"eureka.server.eviction-interval-timer-in-ms", "9223372036854", 9223372036854 * time.Millisecond},
		{"eureka.server.eviction-interval-timer-in-ms", "9223372036855", "want a number from 1 to 9223372036854"},
		{"eureka.server.eviction-interval-timer-in-ms", "99999999999999999999", "want a whole number of milliseconds"},
		{"eureka.server.response-cache-auto-expiration-in-seconds", "1.5", "want a whole number of seconds"},
		{"eureka.server.renewal-percent-threshold", "0.49", 0.49},
		{"eureka.server.renewal-percent-threshold", "1", 1.0},
		{"eureka.server.renewal-percent-threshold", "0", "want a ratio above 0 and up to 1, such as 0.85"},
		{"eureka.server.renewal-percent-threshold", "NaN", "want a ratio above 0 and up to 1, such as 0.85"},
		{"heureka.self-preservation-max-duration", "15m", 15 * time.Minute},
		{"heureka.self-preservation-max-duration", "1h30m", 90 * time.Minute},
		{"heureka.self-preservation-max-duration", "900000", 15 * time.Minute},
		{"heureka.self-preservation-max-duration", "PT1H2M3.5S", time.Hour + 2*time.Minute + 3500*time.Millisecond},
		{"heureka.self-preservation-max-duration", "2d", 48 * time.Hour},
		{"heureka.self-preservation-max-duration", "unlimited", time.Duration(0)},
		{"heureka.self-preservation-max-duration", "-5m", "want a duration such as 90s or 15m, or unlimited"},
		{"heureka.self-preservation-max-duration", "PT", "want a duration such as 90s or 15m, or unlimited"},
		{"heureka.self-preservation-max-duration", "999999d", "want a duration such as 90s or 15m, or unlimited"},
		{"heureka.max-body-size", "1048576", int64(1 << 20)},
		{"heureka.max-body-size", "1MB", int64(1 << 20)},
		{"heureka.max-body-size", "1 MiB", int64(1 << 20)},
		{"heureka.max-body-size", "64k", int64(64 << 10)},
		{"heureka.max-body-size", "2gb", int64(2 << 30)},
		{"heureka.max-body-size", "7B", int64(7)},
		{"heureka.max-body-size", "0", "want a size such as 1MB or 1048576"},
		{"heureka.max-body-size", "9999999999GB", "want a size such as 1MB or 1048576"},
		{"heureka.max-body-size", "1.5MB", "want a size such as 1MB or 1048576"},
		{"eureka.client.availability-zones.r", " a , b,,c ", "a,b,c"},
		{"eureka.server.my-url", "http://a:1/eureka", "http://a:1/eureka"},
		{"eureka.server.my-url", "a:1", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.server.my-url", "ftp://a/", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.server.my-url", "http://a:65536/", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.server.my-url", "http://a:0/", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.server.my-url", "http://[::1]:65535/", "http://[::1]:65535/"},
		{"eureka.server.my-url", "http:///x", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.client.service-url.z", "dns+http://a:1/eureka/,dnssrv+https://b/", "dns+http://a:1/eureka/,dnssrv+https://b/"},
		{"eureka.client.service-url.z", "dns+ftp://a:1/eureka/", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.client.service-url.z", "http://a/,ftp://b,c", "want a URL such as http://peer2:8761/eureka/"},
		{"eureka.instance.initial-status", "outOfService", "OUT_OF_SERVICE"},
		{"heureka.log-format", "xml", "want one of text, json, ecs, logstash, gelf"},
	} {
		s, err := args("--" + tt.key + "=" + tt.text).load(t)
		want, fails := tt.want.(string)
		if fails = fails && strings.HasPrefix(want, "want "); fails {
			if err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
				t.Errorf("%s=%s: error %v, want %s", tt.key, tt.text, err, want)
			}
			continue
		}
		k, _ := config.FindKey(tt.key)
		if got := inKind(s.Of(k)[0]); err != nil || got != tt.want {
			t.Errorf("%s=%s is %v (%v), want %v", tt.key, tt.text, got, err, tt.want)
		}
	}
}

// A pause of nothing would keep a node busy, or be taken for the default.
func TestPausesAreNotZero(t *testing.T) {
	const names = `renewal-threshold-update-interval-ms eviction-interval-timer-in-ms registry-sync-retry-wait-ms
		response-cache-update-interval-ms response-cache-auto-expiration-in-seconds retention-time-in-m-s-in-delta-queue
		delta-retention-timer-interval-in-ms peer-eureka-nodes-update-interval-ms remote-region-registry-fetch-interval`
	for name := range strings.FieldsSeq(names) {
		if _, err := args("--eureka.server." + name + "=0").load(t); err == nil {
			t.Errorf("%s=0 is accepted", name)
		}
		args("--eureka.server." + name + "=1").mustLoad(t)
	}
}

// inKind returns the field that counts for the kind.
func inKind(s config.Setting) any {
	switch s.Key.Kind {
	case config.Bool:
		return s.Value.Bool
	case config.Int, config.Size:
		return s.Value.Int
	case config.Float:
		return s.Value.Float
	case config.Duration, config.Span:
		return s.Value.Duration
	}
	return s.Value.Text
}

// What is empty, as from ${MY_URL:}, is not set; only an entry of a map can be empty.
func TestEmptyIsUnset(t *testing.T) {
	for _, k := range config.Keys() {
		name := k.Name
		if k.Map {
			name += ".x"
		}
		s := args("--" + name + "=").mustLoad(t)
		if k.Map && k.Kind != config.URL {
			continue
		}
		for _, x := range s.Of(k) {
			if x.Origin.Source != config.Default {
				t.Errorf("%s is set by nothing", name)
			}
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	for _, tt := range []struct{ arg, key, want string }{
		{"--eureka.server.remote-region-trust-store-password=geheim", "eureka.server.remote-region-trust-store-password", "******"},
		{"--eureka.client.service-url.z=http://u:geheim@a/,http://b/x", "eureka.client.service-url", "http://******@a/,http://b/x"},
		{"--eureka.client.service-url.z=http://u:gehe@im@a/", "eureka.client.service-url", "http://******@a/"},
		{"--eureka.server.my-url=http://geheim@a/", "eureka.server.my-url", "http://******@a/"},
		{"--eureka.instance.metadata-map.user.password=geheim", "eureka.instance.metadata-map", "******"},
		{"--eureka.instance.metadata-map.zone=open", "eureka.instance.metadata-map", "open"},
		{"--eureka.client.tls.key-store-password=geheim", "eureka.client.tls.key-store-password", "******"},
		{"--eureka.client.proxy-password=geheim", "eureka.client.proxy-password", "******"},
	} {
		k, _ := config.FindKey(tt.key)
		x := args(tt.arg).mustLoad(t).Of(k)[0]
		if got := x.Shown(false); got != tt.want {
			t.Errorf("%s shows %s, want %s", tt.arg, got, tt.want)
		}
		if got := x.Shown(true); !strings.HasSuffix(tt.arg, got) {
			t.Errorf("%s shows %s even with secrets", tt.arg, got)
		}
	}
}

func TestSecretsAreMaskedInErrors(t *testing.T) {
	for _, arg := range []string{
		"--eureka.client.service-url.z=http://u:geheim@a/,b",
		"--eureka.client.service-url.z=http://u:ge,heim@a/",
		"--eureka.client.service-url.z=http://u:ge/heim@a/",
		"--eureka.server.my-url=htp://u:geheim@a/",
		"--eureka.server.remote-region-trust-store-password=${geheim",
		"--eureka.server.a-w-s-secret-key=geheim${NONE}",
	} {
		s, err := args(arg).load(t)
		for _, line := range problems(s, err) {
			if strings.Contains(line, "heim") {
				t.Errorf("%s: %s", arg, line)
			}
		}
	}
}

// A masked password that was fed back would be refused by every peer.
func TestMasksAreNoPasswords(t *testing.T) {
	printed := args("--eureka.client.service-url.defaultZone=http://a/,http://u:geheim@b/", "--eureka.instance.metadata-map.password=geheim").mustLoad(t)
	s, err := yamlFile(writeYAML(t, printed, config.View{})).load(t)
	if got := problems(s, err); len(got) != 2 || !strings.Contains(got[0], "only a mask") || !strings.Contains(got[1], "only a mask") {
		t.Errorf("masked settings fed back: %q, want two mistakes", got)
	}
	yamlFile(writeYAML(t, printed, config.View{Secrets: true})).mustLoad(t)
	args("--eureka.instance.metadata-map.zone=******", "--eureka.server.my-url=http://a/******").mustLoad(t)
}
