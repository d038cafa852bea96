package client

import (
	"sync"
	"time"
)

// Stats are numbers for metrics and health pages.
type Stats struct {
	Instances  int // in the snapshot, of any status
	Generation uint64
	Source     Source

	Watching bool // the server tells of changes as they happen

	LastFetch     time.Time // last refresh that succeeded; zero: none yet
	LastHeartbeat time.Time // last heartbeat of any instance that succeeded; zero: none yet

	Fetches, FetchFailures           uint64
	FullFetches                      uint64
	Mismatches                       uint64 // deltas that did not lead to the server's registry
	Heartbeats, HeartbeatFailures    uint64
	Reregistrations                  uint64 // heartbeats that a server answered with 404
	Servers                          []string
	WriteServer, QueryServer         string // in use; "" before the first success and after a failure
	WriteQuarantine, QueryQuarantine int
}

// Stats returns the numbers as they are now.
func (c *Client) Stats() Stats {
	snapshot := c.Snapshot() // first: a refresh is counted before it shows
	s := c.counters.stats()
	s.Instances, s.Generation, s.Source = snapshot.Len(), snapshot.Generation(), snapshot.Source()
	s.Servers, s.Watching = c.serverURLs(), c.refresher.following.live.Load()
	s.WriteServer, s.WriteQuarantine = c.api.write.server()
	s.QueryServer, s.QueryQuarantine = c.api.query.server()
	return s
}

// counters are the part of Stats that is counted.
type counters struct {
	mu sync.Mutex
	n  Stats
}

func (c *counters) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *counters) refreshed(info *RefreshInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Fetches++
	if info.Err != nil {
		c.n.FetchFailures++
	} else {
		c.n.LastFetch = time.Now()
	}
	if info.Full {
		c.n.FullFetches++
	}
	if info.Mismatch {
		c.n.Mismatches++
	}
}

func (c *counters) beat(info *HeartbeatInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n.Heartbeats++
	if info.Err != nil {
		c.n.HeartbeatFailures++
	} else {
		c.n.LastHeartbeat = time.Now()
	}
	if info.Reregistered {
		c.n.Reregistrations++
	}
}
