package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/dashboard"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/replication"
)

// Connections to peers: a batch at a time, a probe or an exchange beside it.
const (
	peerIdleConns   = 4
	peerIdleTimeout = 90 * time.Second
)

// newPeers returns the set of peers, or nil for a node that has none configured.
func (s *Server) newPeers() (*replication.Peers, error) {
	if !s.cfg.hasPeers() {
		return nil, nil
	}
	zones, err := replication.NewZones(s.cfg.zones())
	if err != nil {
		return nil, err
	}
	s.resolver.zones.Store(zones)
	return replication.New(replication.Config{
		Store:          s.reg,
		Resolver:       &s.resolver,
		Transport:      s.outgoing(),
		Logger:         logs.Named(s.log, logs.Cluster),
		Rand:           s.cfg.split(),
		MyURL:          s.cfg.MyURL,
		Hosts:          s.cfg.ownHosts(),
		ClientID:       s.cfg.Instance.IPAddr,
		Program:        s.cfg.Version,
		Phase:          func() string { ph, _, _ := s.phase.current(); return string(ph) },
		Now:            time.Now,
		Whole:          s.phase.whole,
		App:            s.cfg.Instance.App,
		Room:           s.node.roomForCopy,
		Admit:          s.node.admits,
		UpdateInterval: s.cfg.PeerUpdateInterval,
		ReadTimeout:    s.cfg.PeerReadTimeout,
		MaxPending:     s.cfg.PeerMaxPending,
		MaxAge:         s.cfg.PeerMaxReplicationAge,
		Linger:         replication.Linger,
		Compress:       s.cfg.CompressReplication,

		ExchangeInterval: replication.ExchangeInterval,
	})
}

// A zoneFinder asks the zones of the present configuration.
type zoneFinder struct {
	zones atomic.Pointer[replication.Zones]
}

// Resolve implements replication.Resolver.
func (r *zoneFinder) Resolve(ctx context.Context) ([]replication.Target, error) {
	return r.zones.Load().Resolve(ctx)
}

// SetServiceURLs replaces Config.ServiceURLs while the node runs, and looks the peers up at once: those that are new are
// replicated to, those that are gone no more. It fails, and changes nothing, if a URL is none, or if the node was
// configured to stand alone and is to get peers. Safe for concurrent use.
func (s *Server) SetServiceURLs(urls map[string][]string) error {
	cfg := s.cfg
	cfg.ServiceURLs = urls
	zones, err := s.zonesOf(&cfg)
	if err != nil || zones == nil {
		return err
	}
	s.resolver.zones.Store(zones)
	s.guard.setPeers(&cfg)
	s.Reload()
	return nil
}

// zonesOf returns where peers of other service URLs are; nil if the node stands alone and is to stay so.
func (s *Server) zonesOf(cfg *Config) (*replication.Zones, error) {
	if s.peers == nil && !cfg.hasPeers() {
		return nil, nil
	}
	if s.peers == nil {
		return nil, errors.New("cannot add peers to a standalone node; restart it with peers configured")
	}
	return replication.NewZones(cfg.zones())
}

func (c *Config) zones() replication.ZonesConfig {
	z := replication.ZonesConfig{Region: c.Region, AvailabilityZones: c.AvailabilityZones, ServiceURLs: c.ServiceURLs}
	if c.DNS.Enabled {
		z.TXTName, z.TXTPort, z.TXTContext = c.DNS.Name, c.DNS.Port, c.DNS.URLContext
	}
	return z
}

// peerTransport is for nodes and other regions. Like the reference it goes past HTTP_PROXY: a proxy that answers for a peer
// that is down looks like a peer that refuses.
func (c *Config) peerTransport() http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	t := outbound.Transport(c.peerDialer())
	t.TLSHandshakeTimeout, t.IdleConnTimeout, t.MaxIdleConnsPerHost = c.PeerReadTimeout, peerIdleTimeout, peerIdleConns
	return t
}

func (c *Config) peerDialer() *net.Dialer { return &net.Dialer{Timeout: c.PeerConnectTimeout} }

// ownHosts is how URLs may name this node, until whoever answers there says otherwise.
func (c *Config) ownHosts() []string {
	var hosts []string
	for _, h := range []string{c.Instance.HostName, c.Instance.IPAddr, c.HostName} {
		if h != "" {
			hosts = append(hosts, net.JoinHostPort(h, strconv.Itoa(c.Port)))
		}
	}
	return hosts
}

// peerStatus returns what is known of each configured URL but those of this node.
func (n *node) peerStatus(now time.Time) []replication.Status {
	if n.peers == nil {
		return nil
	}
	var others []replication.Status
	for _, p := range n.peers.Status(now) {
		if p.State != replication.StateThisNode && p.State != replication.StateDuplicate {
			others = append(others, p)
		}
	}
	return others
}

func available(p *replication.Status) bool { return p.State == replication.StateOK }

// replicas is what the status page says of the peers.
func (st *status) replicas() []dashboard.Replica {
	var out []dashboard.Replica
	for i := range st.Peers {
		p := &st.Peers[i]
		out = append(out, dashboard.Replica{URL: p.URL, Good: available(p), Note: peerNote(p, st.At)})
	}
	return out
}

// peerNote says in a line how a peer is doing.
func peerNote(p *replication.Status, now time.Time) string {
	var note string
	switch p.State {
	case replication.StateOK:
		note = "takes replication"
		if p.Lag > time.Second {
			note = fmt.Sprintf("%s behind", p.Lag.Round(100*time.Millisecond))
		}
	case replication.StateFailing:
		note = fmt.Sprintf("failing for %s: %s", now.Sub(p.Since).Round(time.Second), p.Error)
	default:
		note = "not asked yet"
	}
	if p.ClockSkew != nil && max(*p.ClockSkew, -*p.ClockSkew) > 2*time.Second {
		note += fmt.Sprintf("; its clock is %s off", *p.ClockSkew)
	}
	return note
}

// peersHealth shows each peer. A failing one makes the component UNKNOWN, which does not take this node down: any node left
// is enough.
func (st *status) peersHealth() httpapi.Component {
	worst, details := httpapi.HealthUp, map[string]any{}
	for i := range st.Peers {
		p := &st.Peers[i]
		details[p.URL] = peerDetails(p)
		if p.State == replication.StateFailing {
			worst = httpapi.HealthUnknown
		}
	}
	return httpapi.Component{Status: worst, Details: details}
}

func peerDetails(p *replication.Status) map[string]any {
	d := map[string]any{
		"state": string(p.State), "pending": p.Pending, "lag": p.Lag.Round(time.Millisecond).String(),
		"batches": p.Batches, "failedBatches": p.Failed, "heureka": p.NodeID != "",
	}
	for key, t := range map[string]time.Time{"since": p.Since, "lastSuccess": p.LastSuccess, "equalAt": p.EqualAt} {
		if !t.IsZero() {
			d[key] = t.UTC().Format(time.RFC3339)
		}
	}
	if p.Error != "" {
		d["error"], d["permanent"] = p.Error, p.Permanent
	}
	if p.ClockSkew != nil {
		d["clockSkew"] = p.ClockSkew.String()
	}
	if p.Phase != "" {
		d["phase"] = p.Phase
	}
	if z := cmp.Or(p.Zone, "defaultZone"); z != "defaultZone" {
		d["zone"] = z
	}
	return d
}
