package client

import (
	"context"
	"math/rand/v2"

	"heureka.internal/heureka"
)

// PublishForTest gives c a registry without a server.
func PublishForTest(c *Client, doc *heureka.Applications) {
	c.publish(c.Snapshot().fromFull(doc, FromServer, rand.New(rand.NewPCG(1, 1))))
}

// MoveForTest makes c believe what f says about the machine. It must not run yet.
func MoveForTest(c *Client, f func() (host, ip string)) {
	c.machine = func() machine {
		host, ip := f()
		return machine{host, ip}
	}
}

// RefreshForTest refreshes c, which does not run.
func RefreshForTest(ctx context.Context, c *Client) error {
	_, err := c.refresher.once(ctx)
	return err
}
