package config_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/spring"
)

// TestOneDialect: the client and the server read the same .properties text and the same environment alike. What they make
// of it is the line in want, or an error that contains what follows "error: ".
func TestOneDialect(t *testing.T) {
	const x = "eureka.instance.metadata-map.x="
	host := spring.LocalHost()
	for _, tt := range []struct{ text, want string }{
		// Lines.
		{x + "v", "x=v"},
		{"  eureka.instance.metadata-map.x : v ", "x=v "},
		{"eureka.instance.metadata-map.x v", "x=v"},
		{"eureka.instance.metadata-map.x", ""},
		{x + "a\\\n   b", "x=ab"},
		{x + "a\\\n# b\n! c", "x=a# b"},
		{x + "a\\\\\n#c", `x=a\`},
		{x + "a\\\\\\\n  b", `x=a\b`},
		{x + "a\\\n\neureka.instance.non-secure-port=7", "x=a port=7"},
		{x + "a\\", "x=a"},
		{"# c\n  ! d\n\n" + x + "v", "x=v"},
		{x + "a\r\n#c\r" + "eureka.instance.non-secure-port=7", "x=a port=7"},
		{`eureka.instance.metadata-map.a\:b\ c=d\=e`, "a:b c=d=e"},
		{x + `\u00e4\ud83d\ude00\t\q`, "x=ä😀\tq"},
		{x + `\u12`, "error: four hexadecimal digits"},
		{x + "1\n" + x + "2", "x=2"},
		{x + "1\n#---\n" + x + "2", "x=2"},
		{x + "1\n#---\nspring.config.activate.on-profile=prod\n" + x + "2\n!---\n" + "eureka.instance.non-secure-port=7", "x=1 port=7"},
		{x + "1\n#---\nspring.profiles=prod\n" + x + "2", "x=1"},
		// Names.
		{"EUREKA.instance.metadataMap.x=v", "x=v"},
		{"eureka.instance.metadata_map[x]=v", "x=v"},
		{"eureka.instance.metadata-map[x.y/z]=v", "x.y/z=v"},
		{"eureka.instance.metadata-map.xY=v", "xY=v"},
		{"eureka.client.service-url.default-zone=http://a/", "defaultZone=http://a/"},
		{"eureka.client.service-url.z[1]=http://b/\neureka.client.service-url.z[0]=http://a/", "z=http://a/,http://b/"},
		{"env EUREKA_INSTANCE_NONSECUREPORT=7", "port=7"},
		{"env EUREKA_INSTANCE_NON_SECURE_PORT=7", "port=7"},
		{"env EUREKA_CLIENT_SERVICEURL_DEFAULTZONE=http://a/", "defaultZone=http://a/"},
		{"env EUREKA_INSTANCE_METADATAMAP_X=v", "x=v"},
		{"env EUREKA_INSTANCE_PORT=tcp://192.0.2.1:8761", ""},
		// Placeholders.
		{x + "${a}\na=1", "x=1"},
		{x + "${a.b-c}\na.bC=1", "x=1"},
		{x + "${aB:none}\na-b=1", "x=none"},
		{x + "${A_B}\nenv A_B=1", "x=1"},
		{x + "${a.b}\nenv A_B=1", "x=1"},
		{x + "${eureka.instance.nonSecurePort}\neureka.instance.non-secure-port=7", "x=7 port=7"},
		{x + "${SERVER_PORT:none}", "x=none"},
		{x + `\\${a}` + "\na=1", "x=${a}"},
		{x + "${a:}", ""},
		{x + "${a:b:c}", "x=b:c"},
		{x + "${a:${b:{c}}}", "x={c}"},
		{x + "${${a}.c}\na=b\nb.c=1", "x=1"},
		{x + "${a", "x=${a"},
		{x + "${nope}", "error: want a value for ${nope}"},
		{x + "${a}\na=${b}\nb=${a}", "error: without a cycle: a needs b needs a"},
		{x + "${random.int[7,8]}", "x=7"},
		{x + "${random.long[10000000000,10000000001]}", "x=10000000000"},
		{x + "${random.int(1)}", "x=0"},
		{x + "${random.int[a,9]:bad}${random.int[9,7]:bad}", "x=badbad"},
		{x + "${spring.cloud.client.hostname}/${spring.cloud.client.ip-address}", "x=" + host.Name + "/" + host.IP},
		{x + "${eureka.instance.hostname}", "x=" + host.Name},
		{"a=${nope}", ""},
		// Values.
		{"eureka.instance.lease-duration-in-seconds=", ""},
		{lease + "20", "lease=20s"},
		{lease + "1_000", "lease=16m40s"},
		{lease + "20s", "lease=20s"},
		{lease + "PT30S", "lease=30s"},
		{lease + "1m", "lease=1m0s"},
		{lease + "1d", "lease=24h0m0s"},
		{lease + "soon", "error: want"},
		{lease + "-1", "error: want"},
		{lease, ""},
		{"eureka.instance.non-secure-port=seven", "error: want a whole number"},
		{"eureka.instance.prefer-ip-address=Yes", "prefer-ip"},
		{"eureka.instance.prefer-ip-address=maybe", "error: want true or false"},
		{"eureka.client.service-url.z= http://a/ ,, http://b/", "z=http://a/,http://b/"},
	} {
		for end, read := range map[string]func(*testing.T, string, []string) (reading, error){"server": readServer, "client": readClient} {
			text, env, _ := strings.Cut(tt.text, "env ")
			got, err := read(t, text, strings.Split(env, "\n"))
			if problem, ok := strings.CutPrefix(tt.want, "error: "); ok {
				if err == nil || !strings.Contains(err.Error(), problem) {
					t.Errorf("%s: %q: error %v, want %s", end, tt.text, err, problem)
				}
			} else if diff := cmp.Diff(tt.want, got.String()); err != nil || diff != "" {
				t.Errorf("%s: %q: %v\n%s", end, tt.text, err, diff)
			}
		}
	}
}

const lease = "eureka.instance.lease-renewal-interval-in-seconds="

// A reading is what both ends have in common.
type reading struct {
	metadata map[string]string
	urls     map[string][]string
	port     int
	lease    time.Duration
	preferIP bool
}

// String leaves out what is not set.
func (r reading) String() string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(r.metadata)) {
		if r.metadata[k] != "" { // is not registered (C-MD-11)
			parts = append(parts, k+"="+r.metadata[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.urls)) {
		parts = append(parts, k+"="+strings.Join(r.urls[k], ","))
	}
	if r.port != 0 {
		parts = append(parts, fmt.Sprint("port=", r.port))
	}
	if r.lease != 0 {
		parts = append(parts, fmt.Sprint("lease=", r.lease))
	}
	if r.preferIP {
		parts = append(parts, "prefer-ip")
	}
	return strings.Join(parts, " ")
}

func readServer(t *testing.T, text string, env []string) (reading, error) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "application.properties"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := config.Load(config.Options{Dir: dir, Env: env})
	if err != nil {
		return reading{}, err
	}
	r := reading{metadata: map[string]string{}, urls: map[string][]string{}, preferIP: s.Bool("eureka.instance.prefer-ip-address")}
	for _, x := range s.Changed() {
		switch x.Key.Name {
		case "eureka.instance.metadata-map":
			r.metadata[x.Value.Sub] = x.Value.Text
		case "eureka.instance.non-secure-port":
			r.port = int(x.Value.Int)
		case "eureka.client.service-url":
			r.urls[x.Value.Sub] = x.Value.List
		case strings.TrimSuffix(lease, "="):
			r.lease = x.Value.Duration
		}
	}
	return r, nil
}

func readClient(_ *testing.T, text string, env []string) (reading, error) {
	source, err := client.Properties(strings.NewReader(text))
	if err != nil {
		return reading{}, err
	}
	s, err := client.ParseConfig(source, client.Environ(env))
	port := s.Instance.Port
	if port == 8080 {
		port = 0
	}
	return reading{s.Instance.Metadata, s.Client.ServiceURLs, port, s.Instance.RenewalInterval, s.Instance.PreferIP}, err
}
