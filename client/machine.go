package client

import (
	"net"
	"os"
)

// A machine is what instances are called by unless their program says otherwise.
type machine struct{ host, ip string }

// thisMachine looks, because both may change while a program runs.
func thisMachine() machine { return machine{ownHost(), ownIP()} }

// isOffline reports whether no address was found, which says nothing about where the machine is.
func (m machine) isOffline() bool { return m.ip == loopBack }

// ownHost returns the machine's name, "" if it has none.
func ownHost() string {
	name, _ := os.Hostname()
	return name
}

const loopBack = "127.0.0.1"

// ownIP returns the first IPv4 address of the interface with the lowest index that is up and no loop-back (C-MD-13), or
// the loop-back address if there is none.
func ownIP() string {
	interfaces, _ := net.Interfaces() // in the order of their indexes
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
				return n.IP.String()
			}
		}
	}
	return loopBack
}
