package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/tlsconf"
	"heureka.internal/heureka/internal/wire"
)

// authenticate tells who sent a call: whose certificate the connection has, and whose credential the request. What of both is
// right adds up, under the name in the certificate; what is wrong spoils all.
func (g *guard) authenticate(c *httpapi.Call, src *tlsconf.Source) {
	p, foreign := g.ofCertificate(c.Request, src)
	switch header := c.Request.Header["Authorization"]; {
	case len(header) == 0 || foreign:
	case len(header) > 1:
		p = auth.Principal{Wrong: true, Fault: "more than one credential"}
	default:
		p = p.And(g.Identify(header[0], c.Origin.Address, time.Now()))
	}
	if len(p.Name) > wire.MaxOwner { // nodes could not tell each other whose a record is
		p = auth.Principal{Wrong: true, Proof: p.Proof, Fault: "name is too long"}
	}
	if !p.Wrong {
		p.Roles |= g.Anonymous().Roles // nobody loses by showing who they are
	}
	c.Principal = p
}

// A connection remembers whose certificate it has: that is found out once, and again when what decides about it has changed.
type connection struct{ shown atomic.Pointer[shown] }

type shown struct {
	auth.Principal
	foreign bool // signed by nobody whom this node trusts: no other credential mends that
	peers   *[]string
	rules   *auth.Certificates
	reloads uint64
	until   time.Time
}

type connectionKey struct{}

// remembering adds to the context of connections what remembers whose certificate they have.
func (g *guard) remembering(next func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	if g == nil {
		return next
	}
	return func(ctx context.Context, raw net.Conn) context.Context {
		return context.WithValue(next(ctx, raw), connectionKey{}, new(connection))
	}
}

// ofCertificate returns whose certificate the connection of a request has; the zero Principal without one.
func (g *guard) ofCertificate(r *http.Request, src *tlsconf.Source) (p auth.Principal, foreign bool) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return p, false
	}
	conn, _ := r.Context().Value(connectionKey{}).(*connection)
	if conn == nil { // somebody else's server
		conn = new(connection)
	}
	now, peers, rules := time.Now(), g.peers.Load(), g.rules.Load().certificates
	if s := conn.shown.Load(); s != nil && s.peers == peers && s.rules == rules && s.reloads == reloads(src) && now.Before(s.until) {
		return s.Principal, s.foreign
	}
	s := &shown{peers: peers, rules: rules, reloads: reloads(src), until: r.TLS.PeerCertificates[0].NotAfter}
	if err := verify(r.TLS, src, now); err != nil {
		s.foreign, s.Principal = true, auth.Principal{Wrong: true, Proof: auth.ByCertificate, Fault: "certificate: " + err.Error()}
	} else {
		s.Principal = rules.Identify(r.TLS.PeerCertificates[0], *peers)
	}
	conn.shown.Store(s)
	return s.Principal, s.foreign
}

// verify believes somebody else's server that it has verified a chain.
func verify(state *tls.ConnectionState, src *tlsconf.Source, now time.Time) error {
	switch {
	case src != nil:
		return src.Verify(state.PeerCertificates, now)
	case len(state.VerifiedChains) == 0:
		return errors.New("nobody has verified it")
	}
	return nil
}

func reloads(src *tlsconf.Source) uint64 {
	if src == nil {
		return 0
	}
	return src.Stats().Reloads
}

func (a *Auth) certificates() (*auth.Certificates, error) {
	rules := make([]auth.CertificateRule, len(a.Certificates))
	for i, r := range a.Certificates {
		roles, err := auth.ParseRoles(r.Roles)
		if err != nil {
			return nil, fmt.Errorf("heureka.auth.certificates[%d].roles: %w", i, err)
		}
		rules[i] = auth.CertificateRule{URI: r.URI, DNS: r.DNS, Subject: r.Subject, Roles: roles, Applications: r.Applications}
	}
	return auth.NewCertificates(rules)
}

// setPeers takes over whose certificates make a peer.
func (g *guard) setPeers(c *Config) {
	if g == nil {
		return
	}
	hosts := []string{}
	if !g.rules.Load().of.NoPeerCertificates {
		hosts = peerHosts(c.ServiceURLs)
	}
	if old := g.peers.Load(); old == nil || !slices.Equal(*old, hosts) {
		g.peers.Store(&hosts)
	}
}

// peerHosts returns the hosts that each stand for one node: not loopback, not the names behind which there are several, and
// none that only DNS knows.
func peerHosts(zones map[string][]string) []string {
	ports := map[string]string{}
	for _, urls := range zones {
		for _, text := range urls {
			u, err := url.Parse(strings.TrimSpace(text))
			if err != nil {
				continue
			}
			host, port := strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), cmp.Or(u.Port(), u.Scheme)
			if other, known := ports[host]; known && port != other || strings.HasPrefix(u.Scheme, "dns") {
				port = several
			}
			ports[host] = port
		}
	}
	var hosts []string
	for host, port := range ports {
		if port != several && !loopback(host) && !strings.Contains(host, "*") {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

const several = "*" // nodes

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}
