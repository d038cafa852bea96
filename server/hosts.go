package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/replication"
)

// hosts are the names under which browsers may ask this node. A page of a stranger can have its own name lead to this node's
// address (DNS rebinding): its requests are of the same origin then, and nothing but the name in Host gives them away. Clients
// of Eureka are no browsers, and may use any name.
type hosts struct {
	names map[string]bool
	any   bool
	peers *replication.Peers // those that DNS or a new configuration tells of; nil: none
}

// hosts returns the names of this node and of those it knows.
func (s *Server) hosts() *hosts {
	h := &hosts{names: map[string]bool{"localhost": true}, peers: s.peers}
	h.add(s.cfg.HostName, s.cfg.Instance.HostName)
	h.addURL(s.cfg.MyURL)
	for _, zone := range s.cfg.ServiceURLs {
		for _, u := range zone {
			h.addURL(u)
		}
	}
	for _, name := range s.cfg.AllowedHosts {
		h.any = h.any || name == "*"
		h.add(name)
	}
	return h
}

func (h *hosts) add(names ...string) {
	for _, name := range names {
		h.names[hostOf(name)] = true
	}
}

func (h *hosts) addURL(text string) {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		h.add(u.Host)
	}
}

// admit refuses a browser that asks under a name that is none of this node's.
func (h *hosts) admit(c *httpapi.Call) httpapi.Refusal {
	if !showsBrowser(c.Request.Header) || h.allowed(c.Request.Host) {
		return httpapi.Refusal{}
	}
	return httpapi.Refusal{Status: http.StatusForbidden, Reason: httpapi.UnknownHost}
}

// showsBrowser reports whether a header has what every browser sends with every request that a page can have it make.
func showsBrowser(header http.Header) bool {
	if header["Origin"] != nil || header["Sec-Fetch-Site"] != nil || header["Sec-Fetch-Mode"] != nil {
		return true
	}
	agent := header["User-Agent"]
	return len(agent) > 0 && strings.Contains(agent[0], "Mozilla")
}

func (h *hosts) allowed(host string) bool {
	name := hostOf(host)
	if h.any || h.names[name] || strings.HasSuffix(name, ".localhost") || h.peers != nil && h.peers.Has(name) {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// hostOf returns a host in lower case without port and final dot.
func hostOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
