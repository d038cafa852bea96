package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/outbound"
)

// mostNodes bounds a ring: servers say who belongs to it.
const mostNodes = 100

func addRing(cmd *cobra.Command, ring *bool) {
	cmd.Flags().BoolVar(ring, "ring", false, "also the servers' peers, and their peers; credentials are not sent to these")
}

// wholeRing adds the peers of the servers, and their peers. Who cannot be asked is left to what the command does then.
func (r *remote) wholeRing(ctx context.Context) {
	for i := 0; i < len(r.servers); i++ {
		peers, _ := r.peersOf(ctx, r.servers[i])
		for _, p := range peers {
			if len(r.servers) < mostNodes && !r.serves(p.Peer) {
				r.servers = append(r.servers, p.Peer)
			}
		}
	}
}

// serves reports whether a URL is among the servers.
func (r *remote) serves(url string) bool {
	return slices.ContainsFunc(r.servers, func(s string) bool { return sameURL(s, url) })
}

func sameURL(a, b string) bool {
	x, errX := outbound.ParseURL(a)
	y, errY := outbound.ParseURL(b)
	if errX != nil || errY != nil {
		return a == b
	}
	return x.Host == y.Host && strings.TrimRight(x.Path, "/") == strings.TrimRight(y.Path, "/")
}

// sameServer is sameURL for what gets credentials: never under http what is for https.
func sameServer(a, b string) bool {
	schemeA, _, _ := strings.Cut(a, "://")
	schemeB, _, _ := strings.Cut(b, "://")
	return strings.EqualFold(schemeA, schemeB) && sameURL(a, b)
}
