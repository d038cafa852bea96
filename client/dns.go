package client

import (
	"context"
	"net"
	"strconv"
	"strings"

	"heureka.internal/heureka/internal/discover"
)

// A Resolver looks names up. *net.Resolver is one, but joins the strings of a TXT record without a separator, which
// spoils the usual form of Netflix's records (C-DN-4): a better one returns every string on its own.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// lookup returns the servers that DNS knows. Any failing lookup fails the whole (C-DN-5). A server is in the own zone if
// nothing else is known of it.
func (cfg *Config) lookup(ctx context.Context) ([]address, error) {
	switch cfg.DNS.Records {
	case DNSTXT:
		found, err := discover.TXT(ctx, cfg.DNS.Resolver, cfg.Region, cfg.DNS.Name)
		return cfg.addresses(found, func(s discover.Server) string { return s.Zone }), err
	case DNSSRV:
		found, err := discover.SRV(ctx, cfg.DNS.Resolver, cfg.DNS.Name)
		return cfg.addresses(found, func(s discover.Server) string {
			if s.Priority > found[0].Priority {
				return "" // behind those of the best priority, as another zone would be
			}
			return cfg.Zone
		}), err
	default:
		found, err := discover.Addresses(ctx, cfg.DNS.Resolver, cfg.DNS.Name)
		return cfg.addresses(found, func(discover.Server) string { return cfg.Zone }), err
	}
}

func (cfg *Config) addresses(found []discover.Server, zone func(discover.Server) string) []address {
	var all []address
	for _, s := range found {
		port := s.Port
		if cfg.DNS.Records != DNSSRV {
			port = cfg.DNS.Port
		}
		all = append(all, address{cfg.urlAt(s.Host, port), zone(s)})
	}
	return all
}

// urlAt returns the base URL of a server found by DNS (C-DN-3).
func (cfg *Config) urlAt(host string, port int) string {
	scheme := "http"
	if cfg.DNS.Secure {
		scheme = "https"
	}
	u := scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)) + "/"
	if path := strings.Trim(cfg.DNS.Path, "/"); path != "" {
		u += path + "/"
	}
	return u
}
