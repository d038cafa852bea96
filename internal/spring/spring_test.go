package spring

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What both ends of heureka make of these things is tested in internal/config, TestOneDialect.

func TestPropertiesLinesAndDocuments(t *testing.T) {
	got, err := ParseProperties("a=1\r\n#---\n\nb\\u003d=2\\\n  #---\n!--- \t\n # ---\nc : 3")
	want := []Property{{"a", "1", 1, 0}, {"b=", "2#---", 4, 1}, {"c", "3", 8, 2}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	// An odd number of backslashes continues the line, an even one ends it.
	got, err = ParseProperties("a=x\\\\\\\n  y\nb=x\\\\\\\\\nc=z")
	if diff := cmp.Diff([]Property{{"a", `x\y`, 1, 0}, {"b", `x\\`, 3, 0}, {"c", "z", 4, 0}}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"a=1\nb=\\\n  \\u12": "line 2: want four hexadecimal digits after \\u", `\u1=2`: "line 1: want four hexadecimal digits after \\u",
		`a=\uxyzw`: "line 1: want four hexadecimal digits after \\u",
	} {
		if _, err := ParseProperties(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestRefers(t *testing.T) {
	for _, tt := range []struct {
		wanted, raw string
		want        bool
	}{
		{"a.b-c", "a.bC", true}, {"a.b-c", "a.b_c", true}, {"a.bc", "a.b.c", false}, {"aB", "aB", true}, {"aB", "a-b", false},
		{"a", "a[0]", true}, {"a.b", "a[b]", true}, {"", "", true}, {"", "[]", false}, {"A_B", "a_b", false},
	} {
		if got := Refers(tt.wanted, tt.raw); got != tt.want {
			t.Errorf("Refers(%q, %q) = %v", tt.wanted, tt.raw, got)
		}
	}
}

func TestRandom(t *testing.T) {
	for name, pattern := range map[string]string{
		"random.uuid":  `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"random.value": `^[0-9a-f]{32}$`, "random.int": `^-?\d+$`, "random.long": `^-?\d+$`, "random.long[-9223372036854775808,1]": "^$",
		"random.int(2147483648)": "^$", "random.long(2147483648)": `^\d+$`, "random.int[2]": "^[01]$",
		"random.int()": "^$", "random.other": "^$", "value": "^$",
	} {
		got, ok := random(name)
		if !regexp.MustCompile(pattern).MatchString(got) || ok != (got != "") {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
}

func TestHostOf(t *testing.T) {
	found := func(context.Context, string) ([]string, error) { return nil, nil }
	lost := func(context.Context, string) ([]string, error) { return nil, errors.New("no such host") }
	for _, tt := range []struct {
		name, ip string
		lookup   func(context.Context, string) ([]string, error)
		want     string
	}{
		{"box", "192.0.2.7", found, "box"}, {"box", "192.0.2.7", lost, "192.0.2.7"}, {"", "192.0.2.7", found, "192.0.2.7"},
		{"box", LoopbackIP, lost, "localhost"}, {"", LoopbackIP, found, "localhost"},
	} {
		if got := hostOf(tt.name, tt.ip, tt.lookup); got != (Host{tt.want, tt.ip}) {
			t.Errorf("hostOf(%q, %q) = %+v, want %s", tt.name, tt.ip, got, tt.want)
		}
	}
}

// Which address is chosen, as spring.cloud.inetutils.* says it, and with networks besides.
func TestNetwork(t *testing.T) {
	card := func(name string, addrs ...string) iface {
		i := iface{name: name}
		for _, a := range addrs {
			i.addrs = append(i.addrs, &net.IPNet{IP: net.ParseIP(a)})
		}
		return i
	}
	machine := []iface{card("docker0", "172.17.0.1"), card("eth0", "fe80::1", "2001:db8::1", "198.51.100.7"), card("eth1", "10.1.2.3", "fd00::1")}
	for _, tt := range []struct {
		name string
		n    Network
		list []iface
		want string
	}{
		{"the first", Network{}, machine, "172.17.0.1"},
		{"one is ignored", Network{Ignored: []string{"docker.*"}}, machine, "198.51.100.7"},
		{"a pattern is that of the whole name", Network{Ignored: []string{"docker", "ocker0"}}, machine, "172.17.0.1"},
		{"a network", Network{Preferred: []string{"10.0.0.0/8"}}, machine, "10.1.2.3"},
		{"the beginning of an address", Network{Preferred: []string{"10.1."}}, machine, "10.1.2.3"},
		{"a pattern of an address", Network{Preferred: []string{`10\..*\.3`}}, machine, "10.1.2.3"},
		{"a network of IPv6", Network{Preferred: []string{"2001:db8::/32"}}, machine, "2001:db8::1"},
		{"private ones only", Network{SiteLocal: true, Ignored: []string{"docker0"}}, machine, "10.1.2.3"},
		{"private ones overrule networks", Network{SiteLocal: true, Preferred: []string{"198.51.100.0/24"}}, machine, "172.17.0.1"},
		{"nothing fits", Network{Preferred: []string{"192.168.0.0/16"}}, machine, ""},
		{"IPv4 before IPv6", Network{}, machine[1:], "198.51.100.7"},
		{"IPv6 alone", Network{}, []iface{card("eth0", "fe80::1", "2001:db8::1")}, "2001:db8::1"},
		{"the local link of IPv4", Network{}, []iface{card("eth0", "169.254.0.1", "192.0.2.1")}, "169.254.0.1"},
		{"that of IPv6", Network{}, []iface{card("eth0", "fe80::1")}, ""},
	} {
		if got := tt.n.choose(tt.list); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if err := (Network{Ignored: []string{"docker("}}).Check(); err == nil {
		t.Error("a pattern that is none is no error")
	}
	if err := (Network{Preferred: []string{"2001:db8::/32", "10.", "eth.*"}}).Check(); err != nil {
		t.Error(err)
	}
	if ip := LocalIP(); net.ParseIP(ip) == nil {
		t.Errorf("LocalIP() = %q", ip)
	}
}

// FuzzExpand: it returns, whatever refers to whatever.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${a}", "${a:${b:c}}", "${", "}", "${${a}}", "\\${a}", "${a:\\${b}}", "${random.int[1,2]}", "${random.int(}"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, s, value string) {
		got, err := Expand(s, func(name string) (string, bool) { return value, name != "b" })
		if err == nil && !strings.Contains(s, "${") && got != s {
			t.Errorf("%q became %q", s, got)
		}
	})
}
