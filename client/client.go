package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/spring"
)

// A Client holds a copy of the registry and keeps instances registered while Run runs. All methods are safe for
// concurrent use.
type Client struct {
	cfg       Config
	servers   *serverList
	api       *API
	refresher *refresher
	balancer  Balancer
	counters  counters
	machine   func(Network) machine
	route     atomic.Pointer[string] // the own address on the way to the registry, as it was told last
	ownHTTP   *http.Transport        // to be closed at the end; nil if the program gave one

	state atomic.Pointer[published]
	asked chan struct{} // tells the refresher of a Refresh; holds one
	ended chan struct{} // closed when Run has ended

	mu            sync.Mutex
	phase         phase
	ctx           context.Context // of the goroutines, while running
	group         sync.WaitGroup  // all of them; grows only while running
	registrations []*Registration
	refreshes     *pendingRefresh // not begun yet
	hinted        time.Time       // last refresh out of turn
}

// published is the current snapshot, and a channel that is closed when there is a newer one.
type published struct {
	snapshot *Snapshot
	replaced chan struct{}
}

type phase uint8

const (
	idle     phase = iota
	starting       // servers and registry first, then the instances
	running
	stopped
)

// New returns a client that is ready for lookups, which find nothing yet, and for registrations. It starts nothing and
// asks no server; it reads the TLS files. The error lists every problem in cfg.
func New(cfg Config) (*Client, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("client configuration: %w", err)
	}
	c := &Client{
		cfg: cfg, balancer: cfg.Balancer, asked: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	c.machine = c.thisMachine
	c.cfg.Hooks = cfg.Hooks.guarded(cfg.Logger)
	if cfg.Backup != nil {
		c.cfg.Backup = &guardedBackup{Backup: cfg.Backup}
	}
	if c.balancer == nil {
		c.balancer = RoundRobin(cfg.Rand)
	}
	if c.cfg.Transport == nil {
		if c.ownHTTP, err = newTransport(&c.cfg); err != nil {
			return nil, fmt.Errorf("client configuration: %w", err)
		}
		c.cfg.Transport = c.ownHTTP
	}
	c.servers = &serverList{cfg: &c.cfg, transport: c.cfg.Transport, clientID: spring.LocalIP(), rand: c.generator(), again: make(chan struct{}, 1)}
	if cfg.HTTP.Credential != nil {
		c.servers.credentials = &credentials{ask: cfg.HTTP.Credential, turn: make(chan struct{}, 1)}
	}
	if cfg.DNS.Records == DNSOff {
		if err := c.servers.setStatic(time.Now()); err != nil {
			return nil, fmt.Errorf("client configuration: %w", err)
		}
	}
	c.api = &API{write: c.session("writes"), query: c.session("queries")}
	c.refresher = &refresher{
		client: c, cfg: &c.cfg, query: c.api.query, rand: c.generator(), start: backoff{longest: cfg.FetchInterval},
		trail:     remote.Trail{Retention: cfg.DeltaRetention},
		following: following{news: make(chan struct{}, 1)}, oneConn: usesOneConn(c.cfg.Transport),
	}
	r := &rules{allStatuses: cfg.IncludeAllStatuses, regions: newRegions(&c.cfg)}
	c.state.Store(&published{&Snapshot{rules: r}, make(chan struct{})})
	return c, nil
}

// generator returns a generator of random numbers for one use by one goroutine at a time.
func (c *Client) generator() *rand.Rand {
	return rand.New(rand.NewPCG(c.cfg.Rand.Uint64(), c.cfg.Rand.Uint64()))
}

// session returns a choice of server of its own. Writes and queries have one each, as in Java, so that a server which
// refuses the one does not lose the other.
func (c *Client) session(purpose string) *session {
	return &session{cfg: &c.cfg, servers: c.servers, purpose: purpose, rand: c.generator()}
}

// newTransport is what Config says about connections. It has no time-out for whole requests: remote limits silence instead,
// because a large registry takes its time (C-HT-4).
func newTransport(cfg *Config) (*http.Transport, error) {
	tlsConfig, files, err := tlsConfig(cfg)
	if err != nil {
		return nil, err
	}
	proxy := cfg.HTTP.Proxy
	if proxy == nil {
		proxy = http.ProxyFromEnvironment
	}
	t := outbound.Transport(&net.Dialer{Timeout: cfg.HTTP.ConnectTimeout})
	if files.ca != "" {
		t.DialTLSContext = files.dial(t)
	}
	t.Proxy, t.TLSClientConfig, t.ForceAttemptHTTP2 = proxy, tlsConfig, true
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.MaxConnsPerHost = cfg.HTTP.MaxConns, cfg.HTTP.MaxConnsPerHost, cfg.HTTP.MaxConnsPerHost
	t.IdleConnTimeout = cfg.HTTP.IdleTimeout
	return t, nil
}

// Snapshot returns the registry as it was fetched last. It is never nil, never blocks, and is empty before the first
// fetch. A registry that cannot be fetched any more is kept, however old it gets (C-RF-10); see Stats for its age.
func (c *Client) Snapshot() *Snapshot { return c.state.Load().snapshot }

// Instances returns the instances of a service in the current snapshot, nil if there is none. They are shared and must
// not be changed.
func (c *Client) Instances(sv Service) []*heureka.Instance { return c.Snapshot().Instances(sv) }

// API returns direct access to the servers.
func (c *Client) API() *API { return c.api }

// Run keeps the registry copy fresh and the instances registered until ctx ends; then it cancels the instances, waits for
// all its goroutines, and returns. In order: it fetches the registry, registers the instances, and then does everything
// by timers (C-ST-1). It returns nil, unless an instance could not be cancelled or a Config.Enforce… setting was
// not met at start-up. It can be called once.
func (c *Client) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.begin(ctx); err != nil {
		return err
	}
	err := c.start(ctx)
	if err == nil {
		<-ctx.Done()
	}
	cancel()
	return errors.Join(err, c.end())
}

// begin makes sure Run is called only once: its goroutines, and the channel that tells of its end, are not made twice.
func (c *Client) begin(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.phase {
	case starting, running:
		return errors.New("client is already running")
	case stopped:
		return ErrStopped
	}
	c.phase, c.ctx = starting, ctx
	return nil
}

// start is the order of C-ST-1.
func (c *Client) start(ctx context.Context) error {
	if err := c.findServers(ctx); err != nil {
		return err
	}
	if !c.cfg.DisableFetch {
		if err := c.firstFetch(ctx); err != nil {
			return err
		}
		c.spawn(func() { c.refresher.run(ctx) })
	}
	return c.startRegistrations(ctx)
}

// firstFetch fills the registry copy before anything is registered, from the backup if need be.
func (c *Client) firstFetch(ctx context.Context) error {
	_, err := c.refresher.once(ctx)
	if err == nil || ctx.Err() != nil {
		return nil
	}
	if c.cfg.Backup != nil {
		backupErr := c.refresher.fromBackup(ctx)
		if backupErr == nil {
			return nil
		}
		err = fmt.Errorf("%w, and from the backup: %w", err, backupErr)
	}
	if c.cfg.EnforceFetch {
		return fmt.Errorf("first fetch: %w", err)
	}
	return nil
}

// startRegistrations starts a registrar for every instance, and waits for the first outcome of each if that is enforced.
func (c *Client) startRegistrations(ctx context.Context) error {
	c.mu.Lock()
	c.phase = running
	list := slices.Clone(c.registrations)
	outcomes := make(chan error, len(list))
	for _, r := range list {
		c.launch(r, func(err error) { outcomes <- err })
	}
	c.mu.Unlock()
	if !c.cfg.EnforceRegistration || c.cfg.DisableRegistration {
		return nil
	}
	var errs []error
	for range list {
		errs = append(errs, <-outcomes)
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.Join(errs...)
}

// launch starts a registrar. The client's mutex is held.
func (c *Client) launch(r *Registration, first func(error)) {
	if c.cfg.DisableRegistration {
		return
	}
	ctx, leave := context.WithCancelCause(c.ctx)
	r.leave = leave
	g := newRegistrar(r, c.generator())
	c.group.Go(func() {
		defer close(r.ended)
		defer leave(nil)
		g.run(ctx, first)
	})
}

// spawn starts a goroutine that Run waits for.
func (c *Client) spawn(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.group.Go(f)
}

// lifetime returns the context of the client's goroutines.
func (c *Client) lifetime() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ctx
}

// add accepts a registration. Those that come while Run is still fetching the registry start with the others.
func (c *Client) add(r *Registration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == stopped {
		return ErrStopped
	}
	for _, other := range c.registrations {
		if other.key == r.key {
			return errors.New("already registered")
		}
	}
	c.registrations = append(c.registrations, r)
	if c.phase == running {
		c.launch(r, func(error) {})
	}
	return nil
}

// drop forgets a registration and returns how to end its registrar, nil if there is none.
func (c *Client) drop(r *Registration) context.CancelCauseFunc {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.registrations = slices.DeleteFunc(c.registrations, func(other *Registration) bool { return other == r })
	return r.leave
}

// end waits for everything that ctx, which has ended, has told to stop.
func (c *Client) end() error {
	c.mu.Lock()
	c.phase = stopped
	list := slices.Clone(c.registrations)
	c.mu.Unlock()
	c.group.Wait()
	var errs []error
	for _, r := range list {
		if r.leave == nil { // Run failed before it began; whoever waits must know
			r.finish(nil)
		}
		errs = append(errs, r.outcome())
	}
	c.takeRefreshes().finish(ErrStopped)
	close(c.ended)
	if c.ownHTTP != nil {
		c.ownHTTP.CloseIdleConnections()
	}
	return errors.Join(errs...)
}

// findServers asks DNS, if that is how servers are found, and goes on asking.
func (c *Client) findServers(ctx context.Context) error {
	if c.cfg.DNS.Records == DNSOff {
		return nil
	}
	l := &serverFinder{client: c, start: backoff{longest: min(c.cfg.ServerPollInterval, finderBackoff)}}
	_, err := l.once(ctx)
	if err != nil && (c.cfg.EnforceFetch || c.cfg.EnforceRegistration) {
		return err
	}
	c.spawn(func() { l.run(ctx) })
	return nil
}

// publish replaces the snapshot and wakes whoever waits for a newer one. Only one goroutine publishes at a time.
func (c *Client) publish(s *Snapshot) {
	old := c.state.Load()
	if old.snapshot == s {
		return
	}
	c.state.Store(&published{s, make(chan struct{})})
	close(old.replaced)
}

// ErrFetchDisabled says that Config.DisableFetch lets the client know nothing of the registry.
var ErrFetchDisabled = errors.New("fetching is disabled")

// Ready waits for the first snapshot. It fails only with the context's error, ErrStopped or ErrFetchDisabled.
func (c *Client) Ready(ctx context.Context) error {
	if c.cfg.DisableFetch {
		return ErrFetchDisabled
	}
	for {
		p := c.state.Load()
		if p.snapshot.generation > 0 {
			return nil
		}
		select {
		case <-p.replaced:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ended:
			return ErrStopped
		}
	}
}

// pendingRefresh is a refresh that several callers may wait for.
type pendingRefresh struct {
	done chan struct{}
	err  error
}

// Refresh fetches the registry now rather than at its time, and returns when that is done. Callers who come before it has
// begun share one fetch. Before Run it waits for Run.
func (c *Client) Refresh(ctx context.Context) error {
	if c.cfg.DisableFetch {
		return fmt.Errorf("refresh: %w", ErrFetchDisabled)
	}
	p, err := c.askRefresh()
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// askRefresh joins the refresh that has not begun. One that is under way may have been answered before the caller's
// reason to ask arose.
func (c *Client) askRefresh() (*pendingRefresh, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == stopped {
		return nil, ErrStopped
	}
	if c.refreshes == nil {
		c.refreshes = &pendingRefresh{done: make(chan struct{})}
	}
	select {
	case c.asked <- struct{}{}:
	default:
	}
	return c.refreshes, nil
}

// hintPause is the least time between two refreshes out of turn.
const hintPause = 5 * time.Second

// hint refreshes out of turn, because calls show that the copy is old.
func (c *Client) hint() {
	if c.cfg.DisableFetch {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); c.phase == running && now.Sub(c.hinted) >= hintPause {
		c.hinted = now
		select {
		case c.asked <- struct{}{}:
		default:
		}
	}
}

// takeRefreshes returns what is to be told when the refresh that begins now is over; nil if nobody asked.
func (c *Client) takeRefreshes() *pendingRefresh {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.refreshes
	c.refreshes = nil
	return p
}

// finish tells everybody who waits.
func (p *pendingRefresh) finish(err error) {
	if p != nil {
		p.err = err
		close(p.done)
	}
}

// remoteStatuses tells registrations how the registry shows them (C-EV-2), by a server whose clock shows serverTime.
func (c *Client) remoteStatuses(serverTime time.Time) {
	c.mu.Lock()
	list := slices.Clone(c.registrations)
	c.mu.Unlock()
	s := c.Snapshot()
	for _, r := range list {
		status := heureka.StatusUnknown
		if in, ok := s.Instance(r.key.App, r.key.ID); ok {
			status = in.Status
			r.compare(in, serverTime)
		}
		if old, changed := r.recordShown(status); changed {
			call(c.cfg.Hooks.Status, StatusInfo{Key: r.key, Old: old, New: status, Remote: true})
		}
	}
}
