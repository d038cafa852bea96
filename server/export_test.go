package server

import (
	"net"

	"heureka.internal/heureka/internal/discover"
	"heureka.internal/heureka/internal/replication"
)

// TakeLocks waits for the locks that no request takes.
func (s *Server) TakeLocks() {
	_ = s.own.dirty()
	for _, r := range s.node.regions {
		_ = r.status()
	}
}

// UseDNS lets the server ask dns for its peers; to be called before it runs.
func UseDNS(s *Server, dns discover.Resolver) error {
	cfg := s.cfg.zones()
	cfg.DNS = dns
	zones, err := replication.NewZones(cfg)
	s.resolver.zones.Store(zones)
	return err
}

// PeerDialer returns what the server's own transport dials peers with.
func PeerDialer(s *Server) *net.Dialer { return s.cfg.peerDialer() }
