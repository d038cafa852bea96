package scenario_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
)

// A ring is real servers that talk HTTP over a network in memory, with clients on a host that no partition touches.
type ring struct {
	t       *testing.T
	c       *heurekatest.Cluster
	names   []string
	conns   map[string]*remote.Conn
	http    *http.Client
	clients map[heureka.Key]*ringClient
	skew    time.Duration // of the clocks of clients that begin from now on
}

func newRing(t *testing.T, seed uint64, names ...string) *ring {
	t.Helper()
	return newRingOf(t, heurekatest.ClusterConfig{Nodes: names, Seed: seed})
}

func newRingOf(t *testing.T, cfg heurekatest.ClusterConfig) *ring {
	t.Helper()
	r := &ring{
		t: t, names: cfg.Nodes, conns: map[string]*remote.Conn{}, clients: map[heureka.Key]*ringClient{}, c: heurekatest.NewCluster(t, cfg),
	}
	for _, name := range cfg.Nodes {
		r.conns[name] = connect(t, r.c.Node(name))
	}
	transport := r.c.Transport("client")
	t.Cleanup(transport.CloseIdleConnections)
	r.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		for _, c := range r.clients {
			c.stop()
		}
	})
	return r
}

// A ringClient is an instance that sends heartbeats.
type ringClient struct {
	ring  *ring
	in    *heureka.Instance
	every time.Duration
	stop  context.CancelFunc

	mu    sync.Mutex
	nodes []string // that it tries, in this order; the one that answered last comes first
	heard time.Time
}

// last returns which node has heard the client last, and when.
func (c *ringClient) last() (node string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[0], c.heard
}

// answered notes which node has heard the client.
func (c *ringClient) answered(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes[0], c.nodes[i] = c.nodes[i], c.nodes[0]
	c.heard = time.Now()
}

// run registers an instance on the first of nodes and keeps it alive there, or where it is answered.
func (r *ring) run(key heureka.Key, every time.Duration, nodes ...string) *ringClient {
	ctx, stop := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	c := &ringClient{ring: r, nodes: slices.Clone(nodes), every: every, stop: func() { stop(); <-done }}
	c.in = &heureka.Instance{
		App: key.App, ID: key.ID, HostName: key.ID, IPAddr: "10.0.0.1", Status: heureka.StatusUp, CountryID: 1,
		Port: heureka.Port{Number: 80, Enabled: true}, DataCenter: &heureka.DataCenter{Name: "MyOwn"},
		LastDirtyMS: time.Now().Add(r.skew).UnixMilli(),
		Lease:       heureka.LeaseInfo{RenewalIntervalSecs: int64(every / time.Second), DurationSecs: int64(3 * every / time.Second)},
	}
	r.clients[key] = c
	c.try(ctx, c.register)
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(every):
				c.try(ctx, c.beat)
			}
		}
	}()
	return c
}

func (c *ringClient) register(ctx context.Context, conn *remote.Conn) error {
	return conn.Register(ctx, c.in)
}

func (c *ringClient) beat(ctx context.Context, conn *remote.Conn) error {
	err := conn.Renew(ctx, c.in.Key(), remote.Renewal{Status: c.in.Status, DirtyMS: c.in.LastDirtyMS})
	if errors.Is(err, heureka.ErrNotFound) {
		return c.register(ctx, conn)
	}
	return err
}

// try asks one node after the other.
func (c *ringClient) try(ctx context.Context, do func(context.Context, *remote.Conn) error) {
	for i, name := range c.nodes {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		err := do(ctx, c.ring.conns[name])
		cancel()
		if err == nil {
			c.answered(i)
			return
		}
	}
}

// cancel takes an instance out on a node.
func (r *ring) cancel(node string, key heureka.Key) error {
	if c := r.clients[key]; c != nil {
		c.stop()
		delete(r.clients, key)
	}
	return r.conns[node].Cancel(r.t.Context(), key)
}

// health is what a node's probes see.
type health struct {
	Components struct {
		Peers struct {
			Details map[string]struct {
				Pending int
				State   string
			}
		}
		SelfPreservation struct {
			Details struct{ Active bool }
		}
	}
}

func (r *ring) health(node string) (h health) {
	r.t.Helper()
	resp, err := r.http.Get("http://" + node + ":8761/actuator/health")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&h); err != nil {
		r.t.Fatal(err)
	}
	return h
}

// connect returns the node as clients see it. Unlike Node.Conn it is one exchange a call.
func connect(t *testing.T, n *heurekatest.Node) *remote.Conn {
	t.Helper()
	transport := n.Cluster.Transport("client")
	t.Cleanup(transport.CloseIdleConnections)
	conn, err := remote.New(remote.Config{URL: n.URL, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
