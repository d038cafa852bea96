package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka/internal/config"
)

func writeYAML(t testing.TB, s *config.Settings, v config.View) string {
	t.Helper()
	var b strings.Builder
	if err := s.WriteYAML(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sameSettings compares all but the origins.
func sameSettings(a, b *config.Settings) string {
	return cmp.Diff(a.All(), b.All(), cmpopts.IgnoreFields(config.Setting{}, "Origin"),
		cmp.Comparer(func(x, y *config.Key) bool { return x == y }))
}

// Everything set at once, with values that YAML or placeholders could mangle, survives being printed and read again.
func TestYAMLRoundTrip(t *testing.T) {
	var all []string
	for _, k := range config.Keys() {
		name := k.Name
		if needsOthers(name) {
			continue
		}
		if k.Map {
			name += ".a-Map.Key"
		}
		all = append(all, "--"+name+"="+sample(k))
	}
	odd := args(
		"--spring.application.name=yes",
		"--eureka.environment= # not a comment: really\n\"x\"\t'y' ",
		"--eureka.datacenter=123",
		`--eureka.dashboard.path=\${literal}`,
		"--eureka.instance.metadata-map[a..b]=dots",
		"--eureka.instance.metadata-map.null=~",
		"--eureka.instance.metadata-map.empty=",
		"--eureka.instance.metadata-map.ünï=c\u00f6d\u20acd \U0001f600",
		"--eureka.instance.metadata-map.[x: {y]=|",
		"--eureka.instance.metadata-map.p=${random.uuid}",
		"--eureka.client.service-url.defaultZone=http://u:p$(@a:1/eureka/,http://b/",
		"--eureka.server.remote-region-trust-store-password=geheim",
		"--heureka.limits.record-bytes=3 MiB",
		"--eureka.server.enable-self-preservation=no",
		"--eureka.server.eviction-interval-timer-in-ms=60_000",
	)
	for name, src := range map[string]source{"nothing": {}, "everything": args(all...), "odd values": odd} {
		s := src.mustLoad(t)
		text := writeYAML(t, s, config.View{Secrets: true, Inert: true})
		again, err := yamlFile(text).load(t)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if diff := sameSettings(s, again); diff != "" {
			t.Errorf("%s (-printed +read)\n%s\n%s", name, diff, text)
		}
		if diff := diffConfig(s.ServerConfig(1), again.ServerConfig(1)); diff != "" {
			t.Errorf("%s: other server configuration\n%s", name, diff)
		}
		if third := writeYAML(t, again, config.View{Secrets: true, Inert: true}); stripComments(third) != stripComments(text) {
			t.Errorf("%s: printed differently the second time", name)
		}
	}
}

func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, " # from")
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

// The defaults in comments are the same text as settings would have: without the # they change nothing.
// Parents that two settings share are written once, others on lines of their own.
func TestYAMLNests(t *testing.T) {
	text := writeYAML(t, args("--server.port=1234", "--server.address=::1", "--eureka.server.my-url=http://a/",
		"--eureka.instance.metadata-map.zone=z").mustLoad(t), config.View{})
	want := `eureka:
  instance:
    metadata-map:
      zone: z # from argument
  server:
    my-url: http://a/ # from argument
server:
  address: "::1" # from argument
  port: 1234 # from argument
`
	if got, _, _ := strings.Cut(text, "\n# Defaults"); got != want {
		t.Errorf("%s\nwant:\n%s", got, want)
	}
}

func TestYAMLDefaultsCanBeUncommented(t *testing.T) {
	s := source{}.mustLoad(t)
	text := strings.ReplaceAll(writeYAML(t, s, config.View{}), "\n# eureka", "\neureka")
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil || len(parsed) < 40 {
		t.Fatalf("%d keys, %v\n%s", len(parsed), err, text)
	}
	again := yamlFile(text).mustLoad(t)
	ignored := func(x config.Setting) string { return x.Name + "=" + x.Value.Text }
	for i, x := range s.All() {
		if got := again.All()[i]; ignored(got) != ignored(x) {
			t.Errorf("%s became %s", ignored(x), ignored(got))
		}
	}
}

func TestYAMLMasksSecrets(t *testing.T) {
	s := args("--eureka.client.service-url.defaultZone=http://u:geheim@a/", "--eureka.instance.metadata-map.password=geheim").mustLoad(t)
	want := `eureka:
  client:
    service-url:
      defaultZone: http://******@a/ # from argument, masked
  instance:
    metadata-map:
      password: "******" # from argument, masked

# Defaults:
`
	if got, _, _ := strings.Cut(writeYAML(t, s, config.View{}), "# eureka"); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestWriteTable(t *testing.T) {
	s := yamlFile("eureka.server:\n  eviction-interval-timer-in-ms: 5000\n  batch-replication: true\n").mustLoad(t)
	var b, all strings.Builder
	if err := s.WriteTable(&b, config.View{}); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteTable(&all, config.View{Inert: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"KEY VALUE FROM",
		"eureka.server.eviction-interval-timer-in-ms 5000 ms application.yml:2, default 60000 ms",
		"eureka.server.batch-replication true application.yml:3, default false, no effect",
		"eureka.instance.hostname box default",
		"server.address - default",
		"heureka.self-preservation-max-duration unlimited default",
	} {
		if !hasRow(b.String(), want) {
			t.Errorf("no row %q in\n%s", want, b.String())
		}
	}
	if row := "eureka.server.rate-limiter-burst-size 10 default, no effect"; hasRow(b.String(), row) || !hasRow(all.String(), row) {
		t.Errorf("row %q belongs to the long table only", row)
	}
}

func hasRow(table, want string) bool {
	for line := range strings.Lines(table) {
		if strings.Join(strings.Fields(line), " ") == want {
			return true
		}
	}
	return false
}

func TestWriteJSON(t *testing.T) {
	s := args("--eureka.client.service-url.z=http://u:p@a/,http://b/", "--eureka.client.availability-zones.r=x,y", "--server.port=1").mustLoad(t)
	var b strings.Builder
	if err := s.WriteJSON(&b, config.View{}); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	byKey := map[string]map[string]any{}
	for _, x := range got {
		byKey[x["key"].(string)] = x
		if x["doc"] == "" {
			t.Errorf("%s has no doc", x["key"])
		}
	}
	for key, want := range map[string]map[string]any{
		"server.port":                                 {"value": 1.0, "default": 8761.0, "origin": "argument"},
		"eureka.client.service-url.z":                 {"value": "http://******@a/,http://b/"},
		"eureka.client.availability-zones.r":          {"value": []any{"x", "y"}},
		"eureka.server.renewal-percent-threshold":     {"value": 0.85, "origin": "default"},
		"eureka.server.enable-self-preservation":      {"value": true},
		"eureka.server.eviction-interval-timer-in-ms": {"value": 60000.0, "unit": "ms", "default": 60000.0},
		"eureka.server.my-url":                        {"value": "", "default": ""},
		"heureka.limits.record-bytes":                 {"value": "10MB", "unit": "bytes"},
	} {
		for field, value := range want {
			if diff := cmp.Diff(value, byKey[key][field]); diff != "" {
				t.Errorf("%s %s: %s", key, field, diff)
			}
		}
	}
}

func TestWriteKey(t *testing.T) {
	s := args("--heureka.compatibility=netflix", "--eureka.client.service-url.a=http://a/", "--eureka.server.batch-replication=true").mustLoad(t)
	for key, want := range map[string]string{
		"eureka.server.eviction-interval-timer-in-ms": `
eureka.server.eviction-interval-timer-in-ms = 60000 ms (default)

  How often expired leases are evicted.
  Default: 60000 ms
  Environment variable: EUREKA_SERVER_EVICTIONINTERVALTIMERINMS
`,
		"heureka.lease-expiry": `
heureka.lease-expiry = doubled (default)

  When a renewed lease ends: after its duration, or after twice as long as on the reference server.
  Values: exact, doubled
  Default: doubled
  Environment variable: HEUREKA_LEASEEXPIRY
`,
		"eureka.client.service-url": `
eureka.client.service-url.a = http://a/ (argument)

  URLs of the servers of a zone, or of all zones without an entry by defaultZone: the peers. None: a single node. dns+http://name:8761/eureka/ stands for all addresses of the name, dnssrv+http://name/eureka/ for its SRV records.
  Default: -
  Environment variable: EUREKA_CLIENT_SERVICEURL_<KEY>
`,
		"eureka.client.availability-zones": `
eureka.client.availability-zones.<key> has no entries

  Zones of a region, the node's own first.
  Default: -
  Environment variable: EUREKA_CLIENT_AVAILABILITYZONES_<KEY>
`,
		"eureka.server.batch-replication": `
eureka.server.batch-replication = true (argument)

  Replicate in batches; always done.
  It has no effect, here as on the reference server.
  Default: false
  Environment variable: EUREKA_SERVER_BATCHREPLICATION
`,
	} {
		k, _ := config.FindKey(key)
		var b strings.Builder
		if err := s.WriteKey(&b, k, config.View{}); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + b.String(); got != want {
			t.Errorf("%s:%s\nwant:%s", key, got, want)
		}
	}
}
