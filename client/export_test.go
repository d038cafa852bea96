package client

import (
	"context"
	"math/rand/v2"

	"heureka"
)

// PublishForTest gives c a registry without a server.
func PublishForTest(c *Client, doc *heureka.Applications) {
	c.publish(c.Snapshot().fromFull(doc, FromServer, rand.New(rand.NewPCG(1, 1))))
}

// RefreshForTest refreshes c, which does not run.
func RefreshForTest(ctx context.Context, c *Client) error {
	_, err := c.refresher.once(ctx)
	return err
}
