package client

import (
	"os"

	"heureka.internal/heureka/internal/spring"
)

// A machine is what instances are called by unless their program says otherwise.
type machine struct{ host, ip string }

// thisMachine looks, because both may change while a program runs.
func thisMachine() machine { return machine{ownHost(), spring.LocalIP()} }

// isOffline reports whether no address was found, which says nothing about where the machine is.
func (m machine) isOffline() bool { return m.ip == spring.LoopbackIP }

// ownHost returns the machine's name, "" if it has none.
func ownHost() string {
	name, _ := os.Hostname()
	return name
}
