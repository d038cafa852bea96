package scenario

import (
	"fmt"
	"net"
	"os"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// How nodes find each other.
type finding int

const (
	fixed    finding = iota // names that always lead to the same addresses
	renamed                 // each node has a name, which leads to a new address when it comes back
	headless                // one name leads to the addresses of all nodes
)

// found is how long after a node can be found under its new address the others know it for sure: under its name they ask
// every two seconds. Else they look its address up because it talks to them, when nothing happens with a probe.
func (f finding) found() time.Duration {
	switch f {
	case renamed:
		return 2*time.Second + slack
	case headless:
		return replication.ProbeInterval*5/4 + 5*time.Second + slack
	}
	return 0
}

// move gives a node that starts again an address, perhaps one that another node has had.
func (n *node) move() {
	if n.s.story.finding == fixed {
		return
	}
	s := n.s
	if i := len(s.free); i > 0 && s.extra.Float64() < 0.3 {
		n.addr, s.free = s.free[i-1], s.free[:i-1]
	} else {
		s.addresses++
		n.addr = fmt.Sprintf("10.0.0.%d", s.addresses)
	}
	life := n.life
	s.after(s.soon(5*time.Second), func() {
		if n.life == life && n.up {
			n.publish(n.addr)
		}
	})
}

// publish has names lead to an address, or to none.
func (n *node) publish(addr string) {
	n.s.note("is found at "+addr, n.name, "", 0)
	n.published, n.knownFrom = addr, n.s.now+n.s.story.finding.found()
	n.s.net.update()
	n.s.after(n.s.story.finding.found(), n.s.net.update)
}

// leave gives the address of a node that has ended back, and lets names forget it a little later.
func (n *node) leave() {
	if n.s.story.finding == fixed {
		return
	}
	old := n.addr
	n.addr = ""
	n.s.after(n.s.soon(5*time.Second), func() {
		if n.published == old {
			n.publish("")
		}
	})
	n.s.after(10*time.Second, func() { n.s.free = append(n.s.free, old) })
}

// known reports whether all others know where the node is.
func (n *node) known() bool { return n.published == n.addr && n.s.now >= n.knownFrom }

// targets are the URLs that looking for peers finds.
func (s *sim) targets() (all []replication.Target) {
	for _, n := range s.nodes {
		host := n.name
		if s.story.finding == headless {
			host = n.published
		}
		if host != "" {
			all = append(all, replication.Target{URL: "http://" + host + ":8761/eureka/"})
		}
	}
	return all
}

func noSuchName(host string) error {
	return &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// dial returns the node that a host stands for, or how long it takes to fail, and why.
func (n *network) dial(host string) (to *node, takes time.Duration, err error) {
	for _, to := range n.s.nodes {
		switch {
		case n.s.story.finding == renamed && to.name == host && to.published == "":
			return nil, time.Millisecond, noSuchName(host)
		case to.name == host:
			host = to.published
		}
	}
	for _, to := range n.s.nodes {
		if to.addr == host {
			return to, 0, nil
		}
	}
	return nil, connectTimeout, os.ErrDeadlineExceeded
}
