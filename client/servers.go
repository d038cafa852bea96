package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
)

// An address is the URL of a server, possibly with credentials, and the zone it is in.
type address struct{ url, zone string }

// A serverList knows the servers and in which order to try them. Writes and queries share it, so that both talk to the
// same server after start (C-SL-4) and a program reads what it wrote.
type serverList struct {
	cfg       *Config
	transport http.RoundTripper
	clientID  string

	credentials *credentials // nil: those of the URLs

	mu       sync.Mutex
	rand     *rand.Rand
	conns    map[string]*remote.Conn // by URL: the same server keeps its identity through refreshes
	known    []address               // as configuration or DNS has them
	list     []*remote.Conn          // in order of preference
	shuffled time.Time

	again chan struct{} // asks for another look at DNS; holds one
}

// errNoURL is a mistake rather than a state: no server will ever be known (C-ST-8).
var errNoURL = errors.New("no server URL: Servers is empty, and ServiceURLs has no URL for the configured zones, \"defaultZone\" or \"default\"")

// static returns the configured servers, zone by zone.
func (cfg *Config) static() []address {
	var all []address
	for _, zone := range cfg.zones() {
		for _, u := range cfg.urlsOf(zone) {
			if u = strings.TrimSpace(u); u != "" {
				all = append(all, address{u, zone})
			}
		}
	}
	return all
}

// setStatic takes the configured servers.
func (l *serverList) setStatic(now time.Time) error {
	known := l.cfg.static()
	if len(known) == 0 {
		return errNoURL
	}
	return l.set(now, known)
}

// set replaces the servers. It returns what is wrong with single URLs, which are left out (C-ZN-8).
func (l *serverList) set(now time.Time, known []address) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	conns := make(map[string]*remote.Conn, len(known))
	l.known = l.known[:0:0]
	for _, a := range known {
		if conns[a.url] != nil { // of another zone already (C-ZN-7)
			continue
		}
		conn, err := l.conn(a.url)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		conns[a.url] = conn
		l.known = append(l.known, a)
	}
	l.conns = conns
	l.shuffle(now)
	return errors.Join(errs...)
}

// conn returns the connection to a server, the same one as before if it was known.
func (l *serverList) conn(url string) (*remote.Conn, error) {
	if conn, ok := l.conns[url]; ok {
		return conn, nil
	}
	cfg := remote.Config{
		URL: url, Transport: l.transport, Header: l.cfg.HTTP.Header.Clone(),
		ClientName: clientName, ClientVersion: clientVer, ClientID: l.clientID,
		DisableGzip: l.cfg.HTTP.DisableGzip, ReadTimeout: l.cfg.HTTP.ReadTimeout,
		MaxRegistryBytes: l.cfg.HTTP.MaxRegistryBytes,
	}
	if l.cfg.Compact {
		cfg.Detail = wire.Compact
	}
	if l.cfg.HTTP.AllowRedirects {
		if cfg.Header == nil {
			cfg.Header = make(http.Header, 1)
		}
		cfg.Header.Set(remote.HeaderAllowRedirect, "true") // C-RD-2
	}
	if l.credentials != nil {
		cfg.Transport = l.credentials.to(url, l.transport)
	}
	return remote.New(cfg)
}

// shuffle puts the servers of the own zone first and spreads clients over each part (C-ZN-6).
func (l *serverList) shuffle(now time.Time) {
	l.shuffled = now
	order := slices.Clone(l.known)
	l.rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	if !l.cfg.IgnoreZone {
		slices.SortStableFunc(order, func(a, b address) int { return l.distance(a) - l.distance(b) })
	}
	l.list = make([]*remote.Conn, 0, len(order))
	for _, a := range order {
		l.list = append(l.list, l.conns[a.url])
	}
}

// distance sorts by zone.
func (l *serverList) distance(a address) int {
	if a.zone == l.cfg.Zone {
		return 0
	}
	return 1
}

// ordered returns the servers in order of preference. The slice is never changed.
func (l *serverList) ordered() []*remote.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list
}

// reshuffle is called when a session begins, and does what refreshing the list every ServerPollInterval does in Java
// (C-SL-2), without a timer.
func (l *serverList) reshuffle(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.shuffled) >= l.cfg.ServerPollInterval {
		l.shuffle(now)
	}
}

// resolve asks DNS for the servers. On any error the list stays as it is (C-SL-3).
func (l *serverList) resolve(ctx context.Context) error {
	known, err := l.cfg.lookup(ctx)
	if err != nil {
		return fmt.Errorf("find servers of %s: %w", l.cfg.DNS.Name, err)
	}
	if len(known) == 0 {
		return fmt.Errorf("find servers of %s: no records", l.cfg.DNS.Name)
	}
	return l.set(time.Now(), known)
}

// ensure asks DNS if nobody has yet: a call may come before Run, or without it.
func (l *serverList) ensure(ctx context.Context) error {
	if l.cfg.DNS.Records == DNSOff || len(l.ordered()) > 0 {
		return nil
	}
	return l.resolve(ctx)
}

// askAgain tells the finder that no server has done what was asked: perhaps they have moved.
func (l *serverList) askAgain() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}
