package client

import (
	"context"
	"math/rand/v2"
	"net"

	"heureka.internal/heureka"
)

// PublishForTest gives c a registry without a server.
func PublishForTest(c *Client, doc *heureka.Applications) {
	c.publish(c.Snapshot().fromFull(doc, FromServer, rand.New(rand.NewPCG(1, 1))))
}

// MoveForTest makes c believe what f says about the machine. It must not run yet.
func MoveForTest(c *Client, f func() (host, ip string)) {
	c.machine = func(Network) machine {
		host, ip := f()
		return machine{host, ip}
	}
}

// RefreshForTest refreshes c, which does not run.
func RefreshForTest(ctx context.Context, c *Client) error {
	_, err := c.refresher.once(ctx)
	return err
}

// DialForTest makes the transport that c has made of its Config dial otherwise. c must not run yet.
func DialForTest(c *Client, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	if c.ownHTTP != nil {
		c.ownHTTP.DialContext = dial
	}
}
