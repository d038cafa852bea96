// Package discover finds the servers that DNS knows: addresses, SRV records with their priorities, and Netflix's TXT records,
// whose strings it keeps apart. Clients and peers both find servers by it. What a server's URL looks like, when to look
// again, and what to do when nobody answers is left to its callers.
package discover

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// A Resolver looks names up. *net.Resolver is one, but joins the strings of a TXT record without a separator; System
// returns every string on its own.
type Resolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
	LookupHost(ctx context.Context, host string) ([]string, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// System asks the name servers that the system is configured with.
func System() Resolver { return new(systemResolver) }

// A Server is what DNS tells of one.
type Server struct {
	Host     string // name or address
	Port     int    // 0 unless an SRV record says it
	Priority uint16 // of an SRV record: the lowest goes first
	Zone     string // of a TXT record
}

// Addresses takes every address of a host for a server. They are sorted, each is there once.
func Addresses(ctx context.Context, r Resolver, host string) ([]Server, error) {
	found, err := r.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	for i, text := range found {
		if ip, err := netip.ParseAddr(text); err == nil {
			found[i] = ip.Unmap().String()
		}
	}
	slices.Sort(found)
	var all []Server
	for _, address := range slices.Compact(found) {
		all = append(all, Server{Host: address})
	}
	return all, nil
}

// SRV returns the servers in the SRV records of a name, those of the best priority first. Weights count for nothing:
// callers spread load anyway.
func SRV(ctx context.Context, r Resolver, name string) ([]Server, error) {
	_, records, err := r.LookupSRV(ctx, "", "", name)
	if err != nil {
		return nil, err
	}
	var all []Server
	for _, rec := range records {
		all = append(all, Server{Host: strings.TrimSuffix(rec.Target, "."), Port: int(rec.Port), Priority: rec.Priority})
	}
	slices.SortFunc(all, func(a, b Server) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Port, b.Port))
	})
	return all, nil
}

const txtPrefix = "txt."

// TXT is Netflix's scheme in two steps: the records of txt.{region}.{name} name the region's zones, those of each zone its
// servers (C-DN-1, C-DN-2). A failing lookup fails everything (C-DN-5): half a list would make servers forget each other.
func TXT(ctx context.Context, r Resolver, region, name string) ([]Server, error) {
	zones, err := names(ctx, r, txtPrefix+region+"."+name)
	if err != nil {
		return nil, err
	}
	var all []Server
	for _, domain := range zones {
		domain = strings.TrimPrefix(domain, txtPrefix)
		hosts, err := names(ctx, r, txtPrefix+domain)
		if err != nil {
			return nil, err
		}
		zone, _, _ := strings.Cut(domain, ".")
		for _, h := range hosts {
			all = append(all, Server{Host: h, Zone: zone})
		}
	}
	return all, nil
}

// names returns the blank-separated names in the TXT records of a domain, sorted, each once (C-DN-3, C-DN-4).
func names(ctx context.Context, r Resolver, domain string) ([]string, error) {
	records, err := r.LookupTXT(ctx, domain)
	if err != nil {
		return nil, fmt.Errorf("look up TXT records of %s: %w", domain, err)
	}
	var all []string
	for _, rec := range records {
		for name := range strings.FieldsSeq(strings.ReplaceAll(rec, `"`, " ")) {
			all = append(all, strings.TrimSuffix(name, "."))
		}
	}
	if len(all) == 0 {
		return nil, &net.DNSError{Err: "no TXT record names anything", Name: domain, IsNotFound: true}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
