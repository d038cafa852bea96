package memnet

import (
	"net"
	"strings"
	"sync"
	"time"
)

// A Network connects hosts. Its zero value works; it must not be copied after first use. All methods are safe for
// concurrent use.
type Network struct {
	// Seed of the links' randomness (Jitter, ResetChance). Set it before first use.
	Seed uint64
	// Default is what links are like that nobody has set, except those of a host to itself. Set it before first use.
	Default Link

	mu    sync.Mutex
	hosts map[string]*Host
	alias map[string]string
	links map[route]*link
	dials sync.Cond // waits of DialContext for a link that drops
}

// Host returns the host of that name, and makes it known to the others. Names are compared in lower case.
func (n *Network) Host(name string) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.host(name)
}

func (n *Network) host(name string) *Host {
	name = strings.ToLower(name)
	if n.hosts == nil {
		n.hosts = make(map[string]*Host)
		n.alias = make(map[string]string)
		n.links = make(map[route]*link)
		n.dials.L = &n.mu
	}
	h := n.hosts[name]
	if h == nil {
		h = &Host{net: n, name: name, listeners: make(map[int]*listener), conns: make(map[*conn]struct{})}
		n.hosts[name] = h
	}
	return h
}

// Alias makes another name, or an address, lead to a host.
func (n *Network) Alias(alias, host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alias[strings.ToLower(alias)] = n.host(host).name
}

// SetLink changes the way from one host to another. Connections that exist follow: held packets leave when the link
// stops dropping, and packets under way are lost and sent again when it starts to.
func (n *Network) SetLink(from, to string, l Link) {
	n.change(from, to, func(old *Link) { *old = l })
}

// Link returns what the way from one host to another is like.
func (n *Network) Link(from, to string) Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.link(n.host(from), n.host(to)).Link
}

// Traffic returns what went from one host to another so far.
func (n *Network) Traffic(from, to string) Traffic {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.link(n.host(from), n.host(to)).traffic
}

// Partition makes the links between every host of a and every host of b drop packets, both ways, until Heal.
func (n *Network) Partition(a, b []string) {
	n.PartitionOneWay(a, b)
	n.PartitionOneWay(b, a)
}

// PartitionOneWay makes packets from the hosts in from to the hosts in to vanish, until Heal. Packets the other way
// pass, but no new connection can be opened in either direction.
func (n *Network) PartitionOneWay(from, to []string) {
	for _, f := range from {
		for _, t := range to {
			n.change(f, t, func(l *Link) { l.Drop = true })
		}
	}
}

// Heal ends every Drop, DropConnects and Unreachable.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		l.Drop, l.DropConnects, l.Unreachable = false, false, false
		l.reschedule(time.Now())
	}
	n.wakeDials()
}

// Reset breaks all connections between two hosts, in whatever state the links are.
func (n *Network) Reset(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ha, hb := n.host(a), n.host(b)
	for c := range ha.conns {
		if c.remote.host == hb.name {
			c.pair.reset(time.Now())
		}
	}
}

func (n *Network) change(from, to string, f func(*Link)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.link(n.host(from), n.host(to))
	f(&l.Link)
	l.reschedule(time.Now())
	n.wakeDials()
}

// wakeDials lets waiting dialers look at their links again.
func (n *Network) wakeDials() {
	if n.dials.L != nil {
		n.dials.Broadcast()
	}
}

func (n *Network) link(from, to *Host) *link {
	r := route{from.name, to.name}
	l := n.links[r]
	if l == nil {
		var settings Link
		if from != to {
			settings = n.Default
		}
		l = newLink(r, n.Seed, settings)
		n.links[r] = l
	}
	return l
}

// lookup finds the host behind a name as seen from another host. Only hosts that somebody has asked for exist.
func (n *Network) lookup(from *Host, name string) (*Host, error) {
	name = strings.ToLower(name)
	switch name {
	case "", "localhost", "127.0.0.1", "::1":
		return from, nil
	}
	if a, ok := n.alias[name]; ok {
		name = a
	}
	h := n.hosts[name]
	if h == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return h, nil
}
