package spring

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A Network chooses among the machine's addresses, as spring.cloud.inetutils.* does. The zero value takes what is there.
type Network struct {
	// Preferred are networks (10.0.0.0/8), beginnings of addresses (192.168.) and patterns of whole ones (10\.0\..*).
	Preferred []string
	// Ignored are patterns of whole names of interfaces (docker0, veth.*).
	Ignored []string
	// SiteLocal wants an address that is private: 10/8, 172.16/12, 192.168/16, fc00::/7. As in Spring it overrules Preferred.
	SiteLocal bool
}

// An iface is what counts of a network interface.
type iface struct {
	name  string
	addrs []net.Addr
}

// IsZero reports whether n chooses nothing.
func (n Network) IsZero() bool { return len(n.Preferred) == 0 && len(n.Ignored) == 0 && !n.SiteLocal }

// Check returns what is wrong with the patterns.
func (n Network) Check() error {
	for _, p := range slices.Concat(n.Preferred, n.Ignored) {
		if _, err := whole(p); err != nil && !isPrefix(p) {
			return fmt.Errorf("neither a network nor a pattern: %q", p)
		}
	}
	return nil
}

// IP returns the first address that fits of the interface with the lowest index, IPv4 before IPv6, "" if there is none.
// As in Spring, an IPv4 address of the local link counts.
func (n Network) IP() string { return n.choose(interfaces()) }

func (n Network) choose(list []iface) string {
	var second string
	for _, i := range list {
		if matches(n.Ignored, i.name) {
			continue
		}
		for _, a := range i.addrs {
			ip, ok := usable(a)
			switch {
			case !ok || !n.prefers(ip):
			case ip.Is4():
				return ip.String()
			default:
				second = cmp.Or(second, ip.String())
			}
		}
	}
	return second
}

// usable returns an address that others may call. One of IPv6's local link is good on the own link only, with a zone.
func usable(a net.Addr) (netip.Addr, bool) {
	n, ok := a.(*net.IPNet)
	if !ok {
		return netip.Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(n.IP)
	ip = ip.Unmap()
	return ip, ok && !ip.IsLoopback() && (ip.Is4() || ip.IsGlobalUnicast())
}

func (n Network) prefers(ip netip.Addr) bool {
	if n.SiteLocal {
		return ip.IsPrivate()
	}
	text := ip.String()
	return len(n.Preferred) == 0 || matches(n.Preferred, text) || slices.ContainsFunc(n.Preferred, func(p string) bool {
		prefix, err := netip.ParsePrefix(p)
		return strings.HasPrefix(text, p) || err == nil && prefix.Contains(ip)
	})
}

// matches reports whether one of the patterns is that of the whole text.
func matches(patterns []string, text string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		re, err := whole(p)
		return err == nil && re.MatchString(text)
	})
}

func whole(pattern string) (*regexp.Regexp, error) { return regexp.Compile("^(?:" + pattern + ")$") }

func isPrefix(p string) bool {
	_, err := netip.ParsePrefix(p)
	return err == nil
}

// interfaces returns those that are up and not the loopback, by index.
func interfaces() []iface {
	all, _ := net.Interfaces() // a machine that does not tell has none
	slices.SortFunc(all, func(a, b net.Interface) int { return a.Index - b.Index })
	var list []iface
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		list = append(list, iface{i.Name, addrs})
	}
	return list
}
