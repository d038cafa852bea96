package client

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
)

// A Resolver looks names up. *net.Resolver is one, but joins the strings of a TXT record without a separator, which
// spoils the usual form of Netflix's records (C-DN-4): a better one returns every string on its own.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// lookup returns the servers that DNS knows. Any failing lookup fails the whole (C-DN-5).
func (cfg *Config) lookup(ctx context.Context) ([]address, error) {
	switch cfg.DNS {
	case DNSTXT:
		return cfg.lookupTXT(ctx)
	case DNSSRV:
		return cfg.lookupSRV(ctx)
	default:
		return cfg.lookupHost(ctx)
	}
}

const txtPrefix = "txt."

// lookupTXT is Netflix's scheme in two steps: the region's zones, then each zone's servers (C-DN-1, C-DN-2).
func (cfg *Config) lookupTXT(ctx context.Context) ([]address, error) {
	zones, err := cfg.names(ctx, txtPrefix+cfg.Region+"."+cfg.DNSName)
	if err != nil {
		return nil, err
	}
	var all []address
	for _, z := range zones {
		z = strings.TrimPrefix(z, txtPrefix)
		hosts, err := cfg.names(ctx, txtPrefix+z)
		if err != nil {
			return nil, err
		}
		zone, _, _ := strings.Cut(z, ".")
		for _, h := range hosts {
			all = append(all, address{cfg.urlAt(h, cfg.DNSPort), zone})
		}
	}
	return all, nil
}

// names returns the blank-separated names in the TXT records of a domain, sorted, each once.
func (cfg *Config) names(ctx context.Context, domain string) ([]string, error) {
	records, err := cfg.Resolver.LookupTXT(ctx, domain)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, r := range records {
		for name := range strings.FieldsSeq(strings.ReplaceAll(r, `"`, " ")) {
			names = append(names, strings.TrimSuffix(name, "."))
		}
	}
	if len(names) == 0 {
		return nil, &net.DNSError{Err: "no TXT record names anything", Name: domain, IsNotFound: true}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// lookupSRV takes priorities for zones: the best one goes first, weights count for nothing because load spreads anyway.
func (cfg *Config) lookupSRV(ctx context.Context) ([]address, error) {
	_, records, err := cfg.Resolver.LookupSRV(ctx, "", "", cfg.DNSName)
	if err != nil {
		return nil, err
	}
	best := uint16(0)
	if len(records) > 0 {
		best = slices.MinFunc(records, func(a, b *net.SRV) int { return int(a.Priority) - int(b.Priority) }).Priority
	}
	var all []address
	for _, r := range records {
		zone := "" // behind those of the best priority, as another zone would be
		if r.Priority == best {
			zone = cfg.Zone
		}
		all = append(all, address{cfg.urlAt(strings.TrimSuffix(r.Target, "."), int(r.Port)), zone})
	}
	return all, nil
}

// lookupHost takes every address for a server, in the own zone since nothing else is known.
func (cfg *Config) lookupHost(ctx context.Context) ([]address, error) {
	hosts, err := cfg.Resolver.LookupHost(ctx, cfg.DNSName)
	if err != nil {
		return nil, err
	}
	var all []address
	for _, h := range slices.Compact(slices.Sorted(slices.Values(hosts))) {
		all = append(all, address{cfg.urlAt(h, cfg.DNSPort), cfg.Zone})
	}
	return all, nil
}

// urlAt returns the base URL of a server found by DNS (C-DN-3).
func (cfg *Config) urlAt(host string, port int) string {
	scheme := "http"
	if cfg.DNSSecure {
		scheme = "https"
	}
	u := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/"
	if path := strings.Trim(cfg.DNSPath, "/"); path != "" {
		u += path + "/"
	}
	return u
}
