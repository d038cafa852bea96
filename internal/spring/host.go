package spring

import (
	"context"
	"net"
	"os"
	"slices"
	"time"
)

// A Host is how the machine calls itself, for settings that leave it open.
type Host struct{ Name, IP string }

// LoopbackIP is the address of a machine that has no other.
const LoopbackIP = "127.0.0.1"

// LocalHost asks the operating system. The name is that of the machine if it can be resolved within a second, and else the
// address: what nobody can resolve is no use to others.
func LocalHost() Host {
	name, _ := os.Hostname()
	return hostOf(name, LocalIP(), net.DefaultResolver.LookupHost)
}

func hostOf(name, ip string, lookup func(context.Context, string) ([]string, error)) Host {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if name != "" {
		if _, err := lookup(ctx, name); err == nil {
			return Host{name, ip}
		}
	}
	if ip == LoopbackIP {
		return Host{"localhost", ip}
	}
	return Host{ip, ip}
}

// LocalIP returns the first IPv4 address of the interface with the lowest index that is up and not the loopback, or
// LoopbackIP. As in Spring, an address of the local link counts.
func LocalIP() string {
	interfaces, _ := net.Interfaces() // a machine that does not tell has none
	slices.SortFunc(interfaces, func(a, b net.Interface) int { return a.Index - b.Index })
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		if ip := firstIPv4(addrs); ip != "" {
			return ip
		}
	}
	return LoopbackIP
}

func firstIPv4(addrs []net.Addr) string {
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	return ""
}
