package heurekatest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/memnet"
	"heureka.internal/heureka/internal/remote"
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

// A Cluster is several nodes on a network in memory. Use it inside a synctest bubble: its hours then take milliseconds.
type Cluster struct {
	Net   *memnet.Network
	nodes map[string]*Node
	order []string
	cfg   ClusterConfig
	t     testing.TB
}

// A Node is one server of a cluster, which can be killed and started again.
type Node struct {
	Name string
	URL  string // service URL within the cluster's network

	cluster *Cluster
	seed    uint64
	starts  uint64 // each life draws a node id of its own, as a new process does

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
			Name: name, cluster: c, seed: cfg.Seed + uint64(i) + 1,
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
	hosts := append(slices.Clone(c.order), "client")
	for _, from := range hosts {
		for _, to := range hosts {
			if from != to {
				c.Net.SetLink(from, to, memnet.Link{Latency: time.Duration(200+rng.IntN(800)) * time.Microsecond})
			}
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
func (c *Cluster) Node(name string) *Node { return c.nodes[name] }

// URLs returns the service URLs of all nodes in the order of the configuration.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.order))
	for i, name := range c.order {
		urls[i] = c.nodes[name].URL
	}
	return urls
}

// Partition cuts all links between a node of a and a node of b, in both directions.
func (c *Cluster) Partition(a, b []string) { c.Net.Partition(a, b) }

// Heal restores all links.
func (c *Cluster) Heal() { c.Net.Heal() }

// Transport returns an HTTP transport that dials from the named host.
func (c *Cluster) Transport(host string) *http.Transport {
	return &http.Transport{DialContext: c.Net.Host(host).DialContext, IdleConnTimeout: 30 * time.Second}
}

// Start starts the node with an empty registry, as a new process would.
func (n *Node) Start() {
	n.cluster.t.Helper()
	host := n.cluster.Net.Host(n.Name)
	n.starts++
	transport := n.cluster.Transport(n.Name)
	cfg := server.Config{
		HostName:    n.Name,
		Port:        clusterPort,
		ServiceURLs: map[string][]string{"defaultZone": n.cluster.URLs()},
		Transport:   transport,
		Logger:      Logger(n.cluster.t).With("node", n.Name),
		Rand:        rand.NewPCG(n.seed, 1+n.starts),
	}
	if n.cluster.cfg.Configure != nil {
		n.cluster.cfg.Configure(n.Name, &cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		n.cluster.t.Fatal(err)
	}
	ln, err := host.Listen(fmt.Sprintf(":%d", clusterPort))
	if err != nil {
		n.cluster.t.Fatal(err)
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
	n.cluster.Net.Host(n.Name).Kill()
	n.end()
	n.cluster.Net.Host(n.Name).Restart()
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

// Has reports whether the node is up and lists the instance.
func (n *Node) Has(app, id string) bool {
	srv := n.Server()
	if srv == nil {
		return false
	}
	_, ok := srv.Instance(heureka.Key{App: heureka.AppName(app), ID: id})
	return ok
}

// Conn returns the node as seen from the named host of the cluster's network, "client" for one of its own. The test's
// cleanup closes its connections.
func (n *Node) Conn(from string) *remote.Conn {
	transport := n.cluster.Transport(from)
	n.cluster.t.Cleanup(transport.CloseIdleConnections)
	conn, err := remote.New(remote.Config{URL: n.URL, Transport: transport})
	if err != nil {
		n.cluster.t.Fatal(err)
	}
	return conn
}
