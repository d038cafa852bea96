package replication_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/replication"
)

// fakeDNS answers from memory; names that are missing fail.
type fakeDNS struct {
	addrs map[string]string // blank-separated
	srv   map[string][]*net.SRV
	texts map[string][]string
}

var errNoName = errors.New("no such name")

func (d *fakeDNS) LookupHost(_ context.Context, host string) ([]string, error) {
	if d.addrs[host] == "" {
		return nil, errNoName
	}
	return strings.Fields(d.addrs[host]), nil
}

func (d *fakeDNS) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	if service+proto != "" || d.srv[name] == nil {
		return "", nil, errNoName
	}
	return name, d.srv[name], nil
}

func (d *fakeDNS) LookupTXT(_ context.Context, name string) ([]string, error) {
	if t, ok := d.texts[name]; ok {
		return t, nil
	}
	return nil, errNoName
}

// show returns targets as "zone url".
func show(ts []replication.Target) []string {
	out := []string{}
	for _, t := range ts {
		out = append(out, t.Zone+" "+t.URL)
	}
	return out
}

// S-PEER-1, C-ZN-1, C-ZN-3, C-ZN-4, C-ZN-7, C-DN-1 to C-DN-4.
func TestPeer1Zones(t *testing.T) {
	dns := &fakeDNS{
		addrs: map[string]string{"headless": "10.0.0.2 10.0.0.1 fd00::1 ::ffff:10.0.0.3", "portless": "10.0.0.1 fd00::1"},
		srv: map[string][]*net.SRV{"_eureka._tcp.example.com": {
			{Target: "b.example.com.", Port: 8762, Priority: 1}, {Target: "c.example.com.", Port: 8761}, {Target: "a.example.com.", Port: 8761, Priority: 2},
		}},
		texts: map[string][]string{
			"txt.us-east-1.example.com":  {"us-east-1d.example.com txt.us-east-1c.example.com"},
			"txt.us-east-1c.example.com": {"c2.example.com", "c1.example.com"},
			"txt.us-east-1d.example.com": {`"d1.example.com" "c1.example.com."`},
		},
	}
	tests := []struct {
		name string
		cfg  replication.ZonesConfig
		want []string
	}{
		{"nothing configured", replication.ZonesConfig{}, []string{}},
		{
			"default zone", replication.ZonesConfig{ServiceURLs: map[string][]string{"defaultZone": {"http://a/eureka/", " http://b/eureka "}}},
			[]string{"defaultZone http://a/eureka/", "defaultZone http://b/eureka/"},
		},
		{
			"own zone first, missing ones from the default, duplicates once",
			replication.ZonesConfig{
				Region: "eu", AvailabilityZones: map[string][]string{"eu": {"z2", "z1", "z3", "z4"}, "us": {"z9"}},
				ServiceURLs: map[string][]string{
					"z1": {"http://one/eureka/"}, "z2": {"http://two/eureka/"}, "z9": {"http://nine/eureka/"},
					"defaultZone": {"http://two/eureka/", "http://other/eureka/"},
				},
			},
			[]string{"z2 http://two/eureka/", "z1 http://one/eureka/", "z3 http://other/eureka/"},
		},
		{
			"addresses", replication.ZonesConfig{ServiceURLs: map[string][]string{"defaultZone": {"dns+http://u:p@headless:8761/eureka"}}},
			[]string{
				"defaultZone http://u:p@10.0.0.1:8761/eureka/", "defaultZone http://u:p@10.0.0.2:8761/eureka/",
				"defaultZone http://u:p@10.0.0.3:8761/eureka/", "defaultZone http://u:p@[fd00::1]:8761/eureka/",
			},
		},
		{
			"addresses without a port", replication.ZonesConfig{ServiceURLs: map[string][]string{"defaultZone": {"dns+https://portless/"}}},
			[]string{"defaultZone https://10.0.0.1/", "defaultZone https://[fd00::1]/"},
		},
		{
			"SRV, the best priority first", replication.ZonesConfig{ServiceURLs: map[string][]string{"defaultZone": {"dnssrv+https://_eureka._tcp.example.com/eureka/"}}},
			[]string{
				"defaultZone https://c.example.com:8761/eureka/", "defaultZone https://b.example.com:8762/eureka/",
				"defaultZone https://a.example.com:8761/eureka/",
			},
		},
		{
			"TXT", replication.ZonesConfig{TXTName: "example.com", TXTPort: 7001, TXTContext: "/eureka/v2"},
			[]string{
				"us-east-1c http://c1.example.com:7001/eureka/v2/", "us-east-1c http://c2.example.com:7001/eureka/v2/",
				"us-east-1d http://d1.example.com:7001/eureka/v2/",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.DNS = dns
			if tt.cfg.Region == "" {
				tt.cfg.Region = "us-east-1"
			}
			z, err := replication.NewZones(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := z.Resolve(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveErrors(t *testing.T) {
	dns := &fakeDNS{texts: map[string][]string{
		"txt.us-east-1.half": {"z1.half z2.half"}, "txt.z1.half": {"a.half"},
		"txt.us-east-1.empty": {" "},
	}}
	tests := []struct {
		name, says string
		cfg        replication.ZonesConfig
		want       []string
	}{
		{
			"what is found is returned with the error", "look up peers at nowhere",
			replication.ZonesConfig{ServiceURLs: map[string][]string{"defaultZone": {"dns+http://nowhere/", "http://a/", "dnssrv+http://neither/"}}},
			[]string{"defaultZone http://a/"},
		},
		{"C-DN-5 one zone fails", "txt.z2.half", replication.ZonesConfig{TXTName: "half", TXTPort: 1}, []string{}},
		{"C-DN-5 root fails", "txt.us-east-1.none", replication.ZonesConfig{TXTName: "none", TXTPort: 1}, []string{}},
		{"C-DN-5 root is empty", "no TXT record names anything", replication.ZonesConfig{TXTName: "empty", TXTPort: 1}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.DNS = dns
			if tt.cfg.Region == "" {
				tt.cfg.Region = "us-east-1"
			}
			z, err := replication.NewZones(tt.cfg)
			if err != nil {
				t.Fatal(err)
			}
			got, err := z.Resolve(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want it to say %q", err, tt.says)
			}
			if diff := cmp.Diff(tt.want, show(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// All mistakes are reported at once, and none of them shows a password.
func TestZonesMistakes(t *testing.T) {
	_, err := replication.NewZones(replication.ZonesConfig{
		Region:            "us-east-1",
		AvailabilityZones: map[string][]string{"us-east-1": {"z"}},
		ServiceURLs: map[string][]string{"z": {
			"ftp://u:secret@a/", "http://u:sec%ret@b/", "http:///eureka/", "dns+https://", "http://fine/", "not a URL",
		}},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	if n := strings.Count(err.Error(), "zone z: "); n != 5 {
		t.Errorf("%d mistakes, want 5: %v", n, err)
	}
	if strings.Contains(err.Error(), "sec") {
		t.Errorf("the error shows a password: %v", err)
	}
	if _, err := replication.NewZones(replication.ZonesConfig{Region: "us-east-1", TXTName: "example.com"}); err == nil {
		t.Error("TXT records without a port are accepted")
	}
	if _, err := replication.NewZones(replication.ZonesConfig{}); err == nil {
		t.Error("no region is accepted")
	}
}
