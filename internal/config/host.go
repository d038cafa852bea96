package config

import (
	"cmp"
	"context"
	"net"
	"os"
	"slices"
	"time"
)

// A Host is how the machine calls itself, for settings that leave it open.
type Host struct{ Name, IP string }

// LocalHost asks the operating system: the address is the first IPv4 address of the first interface that is up and not the
// loopback, the name that of the machine if it can be resolved within a second, and else the address (S-CFG 9.9).
func LocalHost() Host {
	h := Host{Name: "localhost", IP: localIP()}
	name, err := os.Hostname()
	if err != nil || name == "" {
		return h
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(ctx, name); err == nil {
		h.Name = name
	} else if h.IP != loopback {
		h.Name = h.IP
	}
	return h
}

const loopback = "127.0.0.1"

func localIP() string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return loopback
	}
	slices.SortFunc(interfaces, func(a, b net.Interface) int { return cmp.Compare(a.Index, b.Index) })
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				return n.IP.String()
			}
		}
	}
	return loopback
}
