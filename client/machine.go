package client

import (
	"cmp"
	"context"
	"net"
	"net/url"
	"os"
	"time"

	"heureka.internal/heureka/internal/spring"
)

// A Network chooses among the machine's addresses when an instance does not say its own, as spring.cloud.inetutils.* does
// for Java. The zero value takes the address from which the registry is reached.
type Network struct {
	// Preferred are networks ("10.0.0.0/8"), beginnings of addresses ("192.168.") and regular expressions of whole ones.
	Preferred []string
	// Ignored are regular expressions of whole names of interfaces ("docker0", "veth.*").
	Ignored []string
	// SiteLocal wants a private address (10/8, 172.16/12, 192.168/16, fc00::/7). As in Spring it overrules Preferred.
	SiteLocal bool
}

// A machine is what instances are called by unless their program says otherwise.
type machine struct{ host, ip string }

// machineFor returns what a description leaves open, without a look if it does not.
func (c *Client) machineFor(ic *InstanceConfig) machine {
	if ic.HostName != "" && ic.IPAddr != "" {
		return machine{}
	}
	return c.machine(ic.Network)
}

// thisMachine looks, because name and addresses may change while a program runs. The address is one that n chooses; else that
// of the route to the registry, because what reaches it is reached from its other clients; else the machine's first.
func (c *Client) thisMachine(n Network) machine {
	var chosen string
	if choice := spring.Network(n); !choice.IsZero() {
		chosen = choice.IP()
	}
	if chosen == "" {
		chosen = c.routeIP()
	}
	return machine{ownHost(), cmp.Or(chosen, spring.LocalIP())}
}

// routeIP returns the own address on the way to the first server, "" if that is this machine or not known. Ways of a
// Transport that the program brings are not known. While a way cannot be told, for instance without name servers, it is
// the last one: a look that fails is no reason to register another address.
func (c *Client) routeIP() string {
	urls := c.serverURLs()
	if c.ownHTTP == nil || len(urls) == 0 {
		return ""
	}
	u, err := url.Parse(urls[0])
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	ip, err := routeIP(ctx, u.Hostname())
	if err == nil {
		c.route.Store(&ip)
	} else if last := c.route.Load(); last != nil {
		ip = *last
	}
	return ip
}

// routeIP asks the system by connecting a UDP socket, for which no packet is sent. A name is looked up.
func routeIP(ctx context.Context, host string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(host, "9"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	own, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok || own.IP.IsLoopback() || own.IP.IsUnspecified() || own.Zone != "" {
		return "", nil
	}
	return own.IP.String(), nil
}

// isOffline reports whether no address was found, which says nothing about where the machine is.
func (m machine) isOffline() bool { return m.ip == spring.LoopbackIP }

// ownHost returns the machine's name, "" if it has none.
func ownHost() string {
	name, _ := os.Hostname()
	return name
}
