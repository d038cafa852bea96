package replication

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka/internal/discover"
	"heureka.internal/heureka/internal/outbound"
)

// defaultZone is the key of the URLs for zones without an entry of their own, and the zone of a region without zones.
const defaultZone = "defaultZone"

// Prefixes of the scheme of a service URL that stands for many: its host is looked up, and each address, or each target of
// the SRV record, is a peer. The first fits a headless service; over TLS use the second, which yields names.
const (
	addressPrefix = "dns+"
	srvPrefix     = "dnssrv+"
)

// A Target is a URL under which a peer may be found. URL may hold credentials: never show it.
type Target struct {
	URL  string
	Zone string
}

// A PeerFinder finds the URLs of all nodes, this one included if it is configured like the others. With an error it returns
// what it found all the same.
type PeerFinder interface {
	Resolve(ctx context.Context) ([]Target, error)
}

// ZonesConfig sets up a Zones resolver with the properties of the reference (S-PEER-1).
type ZonesConfig struct {
	Region            string
	AvailabilityZones map[string][]string // region to zones, own zone first; none stands for defaultZone
	ServiceURLs       map[string][]string // zone to URLs; those of "defaultZone" for zones without an entry

	// TXTName makes peers come from TXT records instead of ServiceURLs: those of txt.{region}.{TXTName} name zones, those
	// of each zone hosts (C-DN-1, C-DN-2).
	TXTName    string
	TXTPort    int    // of those hosts; required with TXTName
	TXTContext string // path of their API, such as "eureka"

	DNS discover.Resolver // nil: discover.System
}

// Zones resolves the nodes of all zones of one region, own zone first. Its methods are safe for concurrent use.
type Zones struct {
	cfg   ZonesConfig
	zones []string
}

// NewZones returns a resolver, or all mistakes in cfg. It looks nothing up.
func NewZones(cfg ZonesConfig) (*Zones, error) {
	if cfg.DNS == nil {
		cfg.DNS = discover.System()
	}
	z := &Zones{cfg: cfg, zones: cfg.AvailabilityZones[cfg.Region]}
	if len(z.zones) == 0 {
		z.zones = []string{defaultZone}
	}
	var bad []error
	if cfg.Region == "" {
		bad = append(bad, errors.New("peers need a region"))
	}
	if cfg.TXTName != "" && (cfg.TXTPort <= 0 || cfg.TXTPort > 65535) {
		bad = append(bad, fmt.Errorf("peers from TXT records of %s need a port, not %d", cfg.TXTName, cfg.TXTPort))
	}
	for _, t := range z.static() {
		if _, err := parsePeerURL(t.URL); err != nil {
			bad = append(bad, fmt.Errorf("zone %s: %w", t.Zone, err))
		}
	}
	return z, errors.Join(bad...)
}

// Resolve looks up what has to be looked up. URLs that occur twice are returned once.
func (z *Zones) Resolve(ctx context.Context) ([]Target, error) {
	if z.cfg.TXTName != "" {
		found, err := z.fromTexts(ctx)
		return unique(found), err
	}
	var found []Target
	var failed []error
	for _, t := range z.static() {
		expanded, err := z.expand(ctx, t)
		found = append(found, expanded...)
		failed = append(failed, err)
	}
	return unique(found), errors.Join(failed...)
}

// static returns the configured URLs zone by zone (C-ZN-3).
func (z *Zones) static() (all []Target) {
	if z.cfg.TXTName != "" {
		return nil
	}
	for _, zone := range z.zones {
		urls := z.cfg.ServiceURLs[zone]
		if len(urls) == 0 {
			urls = z.cfg.ServiceURLs[defaultZone]
		}
		for _, u := range urls {
			all = append(all, Target{URL: withSlash(strings.TrimSpace(u)), Zone: zone})
		}
	}
	return all
}

// expand replaces a URL that stands for many by those.
func (z *Zones) expand(ctx context.Context, t Target) ([]Target, error) {
	plain, isAddress := strings.CutPrefix(t.URL, addressPrefix)
	if !isAddress {
		var isSRV bool
		if plain, isSRV = strings.CutPrefix(t.URL, srvPrefix); !isSRV {
			return []Target{t}, nil
		}
	}
	u, err := parsePeerURL(plain)
	if err != nil {
		return nil, err
	}
	hosts, err := z.hosts(ctx, u, isAddress)
	if err != nil {
		return nil, fmt.Errorf("look up peers at %s: %w", u.Hostname(), err)
	}
	var all []Target
	for _, h := range hosts {
		each := *u
		each.Host = h
		all = append(all, Target{URL: each.String(), Zone: t.Zone})
	}
	return all, nil
}

func (z *Zones) hosts(ctx context.Context, u *url.URL, isAddress bool) (hosts []string, err error) {
	if isAddress {
		found, err := discover.Addresses(ctx, z.cfg.DNS, u.Hostname())
		for _, s := range found {
			hosts = append(hosts, joinPort(s.Host, u.Port()))
		}
		return hosts, err
	}
	found, err := discover.SRV(ctx, z.cfg.DNS, u.Hostname())
	for _, s := range found {
		hosts = append(hosts, joinPort(s.Host, strconv.Itoa(s.Port)))
	}
	return hosts, err
}

func joinPort(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (z *Zones) fromTexts(ctx context.Context) ([]Target, error) {
	found, err := discover.TXT(ctx, z.cfg.DNS, z.cfg.Region, z.cfg.TXTName)
	var all []Target
	for _, s := range found {
		u := url.URL{Scheme: "http", Host: joinPort(s.Host, strconv.Itoa(z.cfg.TXTPort)), Path: "/" + strings.Trim(z.cfg.TXTContext, "/")}
		all = append(all, Target{URL: withSlash(u.String()), Zone: s.Zone})
	}
	return all, err
}

func unique(ts []Target) []Target {
	seen := make(map[string]bool)
	return slices.DeleteFunc(ts, func(t Target) bool {
		known := seen[t.URL]
		seen[t.URL] = true
		return known
	})
}

func withSlash(u string) string {
	if strings.HasSuffix(u, "/") {
		return u
	}
	return u + "/"
}

// parsePeerURL reads a service URL, or one that stands for many.
func parsePeerURL(raw string) (*url.URL, error) {
	for _, prefix := range []string{addressPrefix, srvPrefix} {
		raw = strings.TrimPrefix(raw, prefix)
	}
	u, err := outbound.ParseURL(raw)
	if err != nil {
		return nil, fmt.Errorf("service URL %w", err)
	}
	return u, nil
}

// hostPort returns host and port of a URL for comparison: in lower case, the port always there.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}
