package grpcresolver_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/serviceconfig"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
	"heureka.internal/heureka/heurekatest"
)

// fetchInterval is that of the clients of a world.
const fetchInterval = 30 * time.Second

// A world is a registry and a client of it in virtual time. Use it inside a bubble.
type world struct {
	t         *testing.T
	cluster   *heurekatest.Cluster
	client    *client.Client
	refreshes atomic.Int32
	running   sync.WaitGroup
	end       context.CancelFunc
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, cluster: heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 1})}
	transport := w.cluster.Transport("client")
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(client.Config{
		Servers: w.cluster.URLs(), Transport: transport, FetchInterval: fetchInterval, Jitter: -1, Rand: rand.NewPCG(1, 2),
		Hooks:        client.Hooks{Refresh: func(client.RefreshInfo) { w.refreshes.Add(1) }},
		DisableWatch: true, // else the registry is fetched whenever it has changed
		Logger:       slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client = c
	w.await(func() bool { _, err := c.API().Applications(t.Context()); return err == nil }) // the node is open
	return w
}

// run starts the client and waits for its first registry.
func (w *world) run() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.end = func() { cancel(); w.running.Wait() }
	w.t.Cleanup(w.end)
	w.running.Go(func() { _ = w.client.Run(ctx) })
	if err := w.client.Ready(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// await polls in virtual time, for an hour at most.
func (w *world) await(done func() bool) {
	w.t.Helper()
	for range 3600 {
		synctest.Wait()
		if done() {
			return
		}
		time.Sleep(time.Second)
	}
	w.t.Fatal("nothing happened for an hour")
}

// register puts instances straight into the registry, for a lease longer than any test.
func (w *world) register(list ...*heureka.Instance) {
	w.t.Helper()
	for _, in := range list {
		if err := w.client.API().Register(w.t.Context(), in); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) cancel(list ...*heureka.Instance) {
	w.t.Helper()
	for _, in := range list {
		if err := w.client.API().Cancel(w.t.Context(), in.Key()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// fetch has the client fetch, and everybody look at the outcome.
func (w *world) fetch() {
	w.t.Helper()
	if err := w.client.Refresh(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// orders is an instance of ORDERS on the host of that name and address, changed as the test needs it.
func orders(host, ip string, change ...func(*heureka.Instance)) *heureka.Instance {
	in := &heureka.Instance{
		App: "ORDERS", ID: host, HostName: host, IPAddr: ip, Status: heureka.StatusUp, CountryID: heureka.DefaultCountryID,
		OverriddenStatus: heureka.StatusUnknown, Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 8443},
		VIPAddress: "orders.internal", SecureVIPAddress: "orders.secure", DataCenter: heureka.OwnDataCenter,
		Lease:       heureka.LeaseInfo{RenewalIntervalSecs: 30, DurationSecs: 1 << 20},
		LastDirtyMS: time.Now().UnixMilli(),
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func with(pairs ...string) func(*heureka.Instance) {
	return func(in *heureka.Instance) {
		for i := 0; i < len(pairs); i += 2 {
			in.Metadata = in.Metadata.With(heureka.MetadataEntry{Key: pairs[i], Value: pairs[i+1]})
		}
	}
}

func secure(in *heureka.Instance) { in.SecurePort.Enabled = true }

// A channel is a resolver.ClientConn that remembers what it was told.
type channel struct {
	mu     sync.Mutex
	states []resolver.State
	errs   []error
}

func (c *channel) UpdateState(s resolver.State) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states = append(c.states, s)
	if len(s.Addresses) == 0 {
		return errors.New("bad resolver state") // as grpc-go says
	}
	return nil
}

func (c *channel) ReportError(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs = append(c.errs, err)
}

func (c *channel) NewAddress([]resolver.Address) { panic("deprecated") }

func (c *channel) ParseServiceConfig(text string) *serviceconfig.ParseResult {
	return &serviceconfig.ParseResult{Config: config{text: text}}
}

type config struct {
	serviceconfig.Config
	text string
}

// updates returns the addresses of every state so far.
func (c *channel) updates() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all [][]string
	for _, s := range c.states {
		all = append(all, addrs(s))
	}
	return all
}

func (c *channel) errors() []error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.errs
}

// last returns the newest state.
func (c *channel) last(t *testing.T) resolver.State {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.states) == 0 {
		t.Fatalf("no state yet; errors: %v", c.errs)
	}
	return c.states[len(c.states)-1]
}

func addrs(s resolver.State) []string {
	list := []string{}
	for _, a := range s.Addresses {
		list = append(list, a.Addr)
	}
	return list
}

// build resolves target for a new channel until the test ends.
func build(t *testing.T, b *grpcresolver.Builder, target string) (resolver.Resolver, *channel) {
	t.Helper()
	ch := &channel{}
	r, err := b.Build(parsed(t, target), ch, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	synctest.Wait()
	return r, ch
}

func parsed(t *testing.T, target string) resolver.Target {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return resolver.Target{URL: *u}
}

// canceled returns a context that has ended.
func canceled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
