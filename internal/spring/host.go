package spring

import (
	"cmp"
	"context"
	"net"
	"os"
	"time"
)

// A Host is how the machine calls itself, for settings that leave it open.
type Host struct{ Name, IP string }

// LoopbackIP is the address of a machine that has no other.
const LoopbackIP = "127.0.0.1"

// LocalHost asks the operating system. The name is that of the machine if it can be resolved within a second, and else the
// address: what nobody can resolve is no use to others.
func LocalHost() Host { return LocalHostIn(Network{}) }

// LocalHostIn is LocalHost with an address that fits, if there is one.
func LocalHostIn(n Network) Host {
	name, _ := os.Hostname()
	return hostOf(name, cmp.Or(n.IP(), LocalIP()), net.DefaultResolver.LookupHost)
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

// LocalIP returns the first address of the machine (see Network.IP), or LoopbackIP.
func LocalIP() string { return cmp.Or(Network{}.IP(), LoopbackIP) }
