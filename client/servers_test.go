package client_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/client"
)

// TestZones is C-ZN-5 to C-ZN-7: servers of the own zone first, each part by lot; a URL counts once.
func TestZones(t *testing.T) {
	cfg := client.Config{
		Region:            "eu",
		AvailabilityZones: map[string][]string{"eu": {"mine", "other", "third", "fourth"}, "us": {"far"}},
		ServiceURLs: map[string][]string{
			"mine": {"http://m1/", "http://m2/"}, "other": {"http://o1/", "http://m1/"},
			"defaultZone": {"http://d1/"}, "far": {"http://far/"},
		},
	}
	zoneOf := func(u string) string { return strings.TrimPrefix(u, "http://")[:1] }
	firsts := map[string]bool{}
	for i := range 50 {
		cfg.Rand = rand.NewPCG(uint64(i), 0)
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var zones []string
		for _, u := range c.Stats().Servers {
			zones = append(zones, zoneOf(u))
		}
		if !slices.Equal(zones[:2], []string{"m", "m"}) || !slices.Equal(slices.Sorted(slices.Values(zones[2:])), []string{"d", "o"}) {
			t.Fatalf("order %v", c.Stats().Servers)
		}
		firsts[c.Stats().Servers[0]] = true
	}
	if len(firsts) != 2 {
		t.Errorf("always first: %v", firsts)
	}
	cfg.IgnoreZone = true
	clear(firsts)
	for i := range 100 {
		cfg.Rand = rand.NewPCG(uint64(i), 0)
		c, err := client.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		firsts[c.Stats().Servers[0]] = true
	}
	if len(firsts) != 4 {
		t.Errorf("IgnoreZone: first are only %v", firsts)
	}
	cfg.IgnoreZone, cfg.Zone = false, "third"
	c, err := client.New(cfg)
	if err != nil || c.Stats().Servers[0] != "http://d1/" {
		t.Errorf("own zone third: %v, %v", c.Stats().Servers, err)
	}
}

func TestDefaultServers(t *testing.T) { // C-ZN-3
	for name, tt := range map[string]struct {
		cfg  client.Config
		want string
	}{
		"none":    {client.Config{}, "http://localhost:8761/eureka/"},
		"Spring":  {client.Config{ServiceURLs: map[string][]string{"defaultZone": {" http://a/eureka "}}}, "http://a/eureka/"},
		"Netflix": {client.Config{ServiceURLs: map[string][]string{"default": {"http://a/eureka/v2/"}}}, "http://a/eureka/v2/"},
		"Servers": {client.Config{Servers: []string{"http://b/"}, ServiceURLs: map[string][]string{"defaultZone": {"http://a/"}}}, "http://b/"},
	} {
		c, err := client.New(tt.cfg)
		if err != nil || !slices.Equal(c.Stats().Servers, []string{tt.want}) {
			t.Errorf("%s: %v, %v", name, c.Stats().Servers, err)
		}
	}
}

// TestNoServerURL is C-ST-8: a list that was meant to say something and is empty is a mistake, not localhost.
func TestNoServerURL(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"blank":             {Servers: []string{"", " "}}, // an empty variable, split
		"empty zone":        {ServiceURLs: map[string][]string{"defaultZone": {}}},
		"misspelt zone":     {ServiceURLs: map[string][]string{"default-zone": {"http://a/"}}},
		"zone of no region": {ServiceURLs: map[string][]string{"eu-1a": {"http://a/"}}},
	} {
		if _, err := client.New(cfg); err == nil || !strings.Contains(err.Error(), "no server URL") {
			t.Errorf("%s: New = %v", name, err)
		}
	}
	known := client.Config{Region: "eu", AvailabilityZones: map[string][]string{"eu": {"eu-1a"}}, ServiceURLs: map[string][]string{"eu-1a": {"http://a/"}}}
	if _, err := client.New(known); err != nil {
		t.Error(err)
	}
}

func TestConfigMistakes(t *testing.T) {
	_, err := client.New(client.Config{
		FetchInterval: -1, Attempts: -1, DNS: client.DNSConfig{Records: client.DNSTXT}, QuarantineThreshold: -1,
	})
	for _, want := range []string{"FetchInterval", "Attempts", "DNS.Name", "DNS.Port", "QuarantineThreshold"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	for _, servers := range [][]string{{"localhost:8761"}, {"http://ok/", "http://user:secret@ho st/"}} {
		if _, err := client.New(client.Config{Servers: servers}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("New(%v) = %v", servers, err)
		}
	}
	for name, cfg := range map[string]client.Config{
		"certificate": {HTTP: client.HTTPConfig{TLSCertFile: "no/such/file"}}, "roots": {HTTP: client.HTTPConfig{TLSCAFile: "no/such/file"}}, "no roots": {HTTP: client.HTTPConfig{TLSCAFile: "failover_test.go"}},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if diff := cmp.Diff(client.DNSOff, client.Config{}.DNS.Records); diff != "" {
		t.Error(diff)
	}
}
