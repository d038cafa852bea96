package heurekatest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest/memnet"
	"heureka.internal/heureka/server"
)

// clusterPort is where every node of a cluster listens, each on a host of its own.
const clusterPort = 8761

// ClusterConfig describes a cluster of nodes that all know each other.
type ClusterConfig struct {
	Nodes     []string // host names; "a", "b", "c" if empty
	Seed      uint64   // of the network's latencies and the nodes' randomness
	Configure func(node string, cfg *server.Config)
}

// A Cluster is several nodes on a network in memory. Use it inside a synctest bubble: its hours then take milliseconds. A
// name that the cluster does not know ends the test, so that a misspelt partition does not pass for one that is survived.
type Cluster struct {
	// Net is the network itself, for what Cluster has no method for. It makes a host of every name.
	Net *memnet.Network

	nodes map[string]*Node
	order []string
	cfg   ClusterConfig
	t     testing.TB

	mu    sync.Mutex
	hosts []string // nodes, "client", and what the test asked for
}

// A Node is one server of a cluster, which can be killed and started again.
type Node struct {
	Name    string
	URL     string // service URL within the cluster's network
	Cluster *Cluster

	seed   uint64
	starts uint64 // each life draws a node id of its own, as a new process does

	mu     sync.Mutex
	server *server.Server
	stop   context.CancelFunc
	done   *sync.WaitGroup
}

// NewCluster starts the nodes and stops them in the test's cleanup.
func NewCluster(t testing.TB, cfg ClusterConfig) *Cluster {
	t.Helper()
	if len(cfg.Nodes) == 0 {
		cfg.Nodes = []string{"a", "b", "c"}
	}
	c := &Cluster{Net: &memnet.Network{Seed: cfg.Seed}, nodes: map[string]*Node{}, order: cfg.Nodes, cfg: cfg, t: t}
	for i, name := range cfg.Nodes {
		c.nodes[name] = &Node{
			Name: name, Cluster: c, seed: cfg.Seed + uint64(i) + 1,
			URL: fmt.Sprintf("http://%s:%d/eureka/", name, clusterPort),
		}
	}
	c.shapeLinks()
	t.Cleanup(c.stop)
	for _, name := range cfg.Nodes {
		c.nodes[name].Start()
	}
	return c
}

// shapeLinks gives every directed link a latency of its own, so that no two messages share an instant.
func (c *Cluster) shapeLinks() {
	rng := rand.New(rand.NewPCG(c.cfg.Seed, 1))
	c.hosts = append(slices.Clone(c.order), "client")
	for _, from := range c.hosts {
		for _, to := range c.hosts {
			if from != to {
				c.Net.SetLink(from, to, latency(rng))
			}
		}
	}
}

func latency(rng *rand.Rand) memnet.Link {
	return memnet.Link{Latency: time.Duration(200+rng.IntN(800)) * time.Microsecond}
}

// Host returns a host of the network: that of a node, "client", or one of the test's own, which the first call adds. It
// can listen, dial, and crash.
func (c *Cluster) Host(name string) *memnet.Host {
	name = strings.ToLower(name)
	c.mu.Lock()
	known, isNew := c.hosts, !slices.Contains(c.hosts, name)
	if isNew {
		c.hosts = append(slices.Clone(known), name)
	}
	c.mu.Unlock()
	if isNew {
		hash := fnv.New64a()
		hash.Write([]byte(name))
		rng := rand.New(rand.NewPCG(c.cfg.Seed, hash.Sum64()))
		for _, other := range known {
			c.Net.SetLink(name, other, latency(rng))
			c.Net.SetLink(other, name, latency(rng))
		}
	}
	return c.Net.Host(name)
}

// known ends the test if there is no host of one of the names.
func (c *Cluster) known(names ...string) {
	c.t.Helper()
	c.mu.Lock()
	hosts := c.hosts
	c.mu.Unlock()
	for _, name := range names {
		if !slices.Contains(hosts, strings.ToLower(name)) {
			c.t.Fatalf("the cluster has no host %q; it has %q, and Host adds others", name, hosts)
		}
	}
}

func (c *Cluster) stop() {
	c.Net.Heal()
	for _, n := range c.nodes {
		n.Kill()
	}
}

// Node returns the node of that name.
func (c *Cluster) Node(name string) *Node {
	c.t.Helper()
	n := c.nodes[name]
	if n == nil {
		c.t.Fatalf("the cluster has no node %q; it has %q", name, c.order)
	}
	return n
}

// WaitOpen waits until all nodes that run answer reads. A cluster that begins empty takes half a minute, or five if it
// gets no registrations: in a bubble, nothing.
func (c *Cluster) WaitOpen() {
	c.t.Helper()
	for _, name := range c.order {
		if c.nodes[name].Server() != nil {
			c.nodes[name].WaitOpen()
		}
	}
}

// URLs returns the service URLs of all nodes in the order of the configuration.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.order))
	for i, name := range c.order {
		urls[i] = c.nodes[name].URL
	}
	return urls
}

// Partition cuts all links between a host of a and a host of b, in both directions.
func (c *Cluster) Partition(a, b []string) {
	c.t.Helper()
	c.known(slices.Concat(a, b)...)
	c.Net.Partition(a, b)
}

// PartitionOneWay cuts all links from a host of from to a host of to. Packets the other way pass, but a connection cannot
// be opened.
func (c *Cluster) PartitionOneWay(from, to []string) {
	c.t.Helper()
	c.known(slices.Concat(from, to)...)
	c.Net.PartitionOneWay(from, to)
}

// SetLink changes the way from one host to another: its latency, how often it breaks connections, what it swallows.
func (c *Cluster) SetLink(from, to string, l memnet.Link) {
	c.t.Helper()
	c.known(from, to)
	c.Net.SetLink(from, to, l)
}

// Heal restores all links that were cut. Latencies stay.
func (c *Cluster) Heal() { c.Net.Heal() }

// Transport returns an HTTP transport that dials from the named host, see Host.
func (c *Cluster) Transport(host string) *http.Transport {
	return &http.Transport{DialContext: c.Host(host).DialContext, IdleConnTimeout: 30 * time.Second}
}

// Start starts the node with an empty registry, as a new process would.
func (n *Node) Start() {
	n.Cluster.t.Helper()
	host := n.Cluster.Net.Host(n.Name)
	n.starts++
	transport := n.Cluster.Transport(n.Name)
	cfg := server.Config{
		HostName:    n.Name,
		Port:        clusterPort,
		ServiceURLs: map[string][]string{"defaultZone": n.Cluster.URLs()},
		Transport:   transport,
		Logger:      Logger(n.Cluster.t).With("node", n.Name),
		Rand:        rand.NewPCG(n.seed, 1+n.starts),
	}
	if n.Cluster.cfg.Configure != nil {
		n.Cluster.cfg.Configure(n.Name, &cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		n.Cluster.t.Fatal(err)
	}
	ln, err := host.Listen(fmt.Sprintf(":%d", clusterPort))
	if err != nil {
		n.Cluster.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := new(sync.WaitGroup)
	done.Go(func() {
		defer transport.CloseIdleConnections()
		_ = srv.Serve(ctx, ln) // a killed host's listener fails: that is what Kill is for
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.server, n.stop, n.done = srv, cancel, done
}

// Kill ends the node as a crash does: nobody hears of it.
func (n *Node) Kill() {
	n.Cluster.Net.Host(n.Name).Kill()
	n.end()
	n.Cluster.Net.Host(n.Name).Restart()
}

// Stop ends the node as SIGTERM does: it takes leave of its peers.
func (n *Node) Stop() { n.end() }

func (n *Node) end() {
	n.mu.Lock()
	stop, done := n.stop, n.done
	n.stop, n.done, n.server = nil, nil, nil
	n.mu.Unlock()
	if stop != nil {
		stop()
		done.Wait()
	}
}

// Server returns the running server, nil while the node is down.
func (n *Node) Server() *server.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.server
}

// WaitOpen waits until the node answers reads.
func (n *Node) WaitOpen() {
	n.Cluster.t.Helper()
	srv := n.Server()
	if srv == nil {
		n.Cluster.t.Fatalf("node %s is down", n.Name)
	}
	waitOpen(n.Cluster.t, n.Name, srv)
}

// Has reports whether the node is up and lists the instance.
func (n *Node) Has(app, id string) bool {
	srv := n.Server()
	return srv != nil && has(srv, app, id)
}

// Register registers instances with the node from the host "client", once: nobody sends heartbeats for them.
func (n *Node) Register(instances ...*heureka.Instance) {
	n.Cluster.t.Helper()
	register(n.Cluster.t, n.Conn("client"), instances)
}

// Expire makes the node evict an instance at once, as if its lease had run out. Other nodes are not told.
func (n *Node) Expire(app, id string) {
	n.Cluster.t.Helper()
	srv := n.Server()
	if srv == nil {
		n.Cluster.t.Fatalf("node %s is down", n.Name)
	}
	expire(n.Cluster.t, n.Name, srv, app, id)
}

// Conn returns direct access to the node from the named host of the cluster's network, see Cluster.Host. The test's
// cleanup closes its connections.
func (n *Node) Conn(from string) *client.API {
	n.Cluster.t.Helper()
	transport := n.Cluster.Transport(from)
	n.Cluster.t.Cleanup(transport.CloseIdleConnections)
	return connect(n.Cluster.t, client.Config{Servers: []string{n.URL}, Transport: transport})
}
