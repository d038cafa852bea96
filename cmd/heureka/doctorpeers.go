package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"heureka.internal/heureka/internal/discover"
	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/tlsconf"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// A resolver looks names up.
type resolver = discover.Resolver

func systemResolver() resolver { return discover.System() }

const peersKey = "eureka.client.service-url.defaultZone"

// clockTolerance is what Prometheus' rules of this repository tolerate, too.
const clockTolerance = 5 * time.Second

// peers asks every service URL of the settings but that of the node itself.
func (d *doctor) peers(ctx context.Context, cfg *server.Config) {
	all := urls(cfg.ServiceURLs)
	if len(all) == 0 {
		return
	}
	d.looked("peers")
	var others []*url.URL
	own := false
	for _, text := range all {
		for _, u := range d.found(ctx, text) {
			if isOwn(cfg, u) {
				own = true
				continue
			}
			others = append(others, u)
		}
	}
	d.ownName(ctx, cfg, others, own)
	client := d.peerClient(cfg)
	answers := make([]peerAnswer, len(others))
	var asked sync.WaitGroup
	for i, u := range others {
		asked.Go(func() { answers[i] = d.look(ctx, client, u, asPeer) })
	}
	asked.Wait()
	for _, a := range answers {
		d.peer(&a)
	}
	d.clocks(answers)
}

// found returns the URLs that one of the settings stands for, which are several where DNS tells.
func (d *doctor) found(ctx context.Context, text string) (all []*url.URL) {
	ctx, stop := d.within(ctx)
	defer stop()
	kind, plain := "", text
	for _, prefix := range []string{"dns+", "dnssrv+"} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			kind, plain = prefix, rest
		}
	}
	u, err := outbound.ParseURL(plain)
	if err != nil {
		return nil // a mistake of the settings, which says so
	}
	lookUp := discover.Addresses
	if kind == "dnssrv+" {
		lookUp = discover.SRV
	}
	servers, err := lookUp(ctx, d.resolver, u.Hostname())
	if err != nil {
		d.add(harmful, "peers", "correct the name in "+peersKey+", or make DNS know it; in Kubernetes a headless service with publishNotReadyAddresses: true",
			"%s: the name %s cannot be looked up: %v", outbound.Hide(text), u.Hostname(), err)
		return nil
	}
	if kind == "" {
		return []*url.URL{u}
	}
	for _, s := range servers {
		one := *u
		one.Host = net.JoinHostPort(s.Host, portOf(u))
		if s.Port != 0 {
			one.Host = net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
		}
		all = append(all, &one)
	}
	return all
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// isOwn reports whether a URL is the node's own, as far as settings tell.
func isOwn(cfg *server.Config, u *url.URL) bool {
	if portOf(u) != strconv.Itoa(cfg.Port) {
		return false
	}
	host := u.Hostname()
	return strings.EqualFold(host, cfg.HostName) || cfg.Instance != nil && host == cfg.Instance.IPAddr || loopback(host)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.IsLoopback()
}

// ownName looks at the name by which other nodes and clients are to reach this one.
func (d *doctor) ownName(ctx context.Context, cfg *server.Config, others []*url.URL, own bool) {
	elsewhere := slices.ContainsFunc(others, func(u *url.URL) bool { return !loopback(u.Hostname()) })
	ctx, stop := d.within(ctx)
	defer stop()
	_, err := d.resolver.LookupHost(ctx, cfg.HostName)
	switch {
	case elsewhere && loopback(cfg.HostName):
		d.add(harmful, "peers", "set eureka.instance.hostname to a name of this machine that the other nodes know",
			"this node is called %s, which is another machine for each of its peers", cfg.HostName)
	case elsewhere && err != nil:
		d.add(harmful, "peers", "set eureka.instance.hostname to a name that DNS knows", "this node's name %s cannot be looked up: %v", cfg.HostName, err)
	case !own && len(others) > 0:
		d.add(note, "peers", "give all nodes the same list in "+peersKey+", or set eureka.instance.hostname to the name in the list",
			"no service URL is that of this node, %s: nodes with the same list do not replicate to it", net.JoinHostPort(cfg.HostName, strconv.Itoa(cfg.Port)))
	}
}

// peerClient reaches peers as a node with these settings would.
func (d *doctor) peerClient(cfg *server.Config) *http.Client {
	dialer := &net.Dialer{Timeout: d.timeout}
	t := outbound.Transport(dialer)
	t.DisableKeepAlives, t.TLSClientConfig = true, d.tls
	if cfg.PeerTLS.Enabled {
		if src, err := tlsconf.Open(tlsconf.Files(cfg.PeerTLS.TLSFiles), nil, d.now()); err == nil {
			t.DialTLSContext = src.Dial(dialer.DialContext, d.timeout)
		}
	}
	return &http.Client{Transport: t, Timeout: d.timeout}
}

// A peerAnswer is what came of asking a peer for its status page, which every Eureka server has.
type peerAnswer struct {
	url      *url.URL
	err      error
	code     int
	eureka   bool
	wantsTLS bool          // it was asked without
	ahead    time.Duration // its clock, to a second; 0 if unknown
}

// asPeer makes a request one of a node, so that a peer asks for the role peer, which its credentials in the settings have.
var asPeer = http.Header{wire.HeaderReplication: {"true"}}

func (d *doctor) look(ctx context.Context, client *http.Client, u *url.URL, header http.Header) peerAnswer {
	a := peerAnswer{url: u}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(u.String(), "/")+"/status", nil)
	if err != nil {
		a.err = err
		return a
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Accept", "application/xml") // a Java server fails to write it as JSON (S-STATPAGE-3)
	start := d.now()
	resp, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		a.err = err
		return a
	}
	defer resp.Body.Close()
	a.code, a.ahead = resp.StatusCode, ahead(resp, start, d.now())
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	a.eureka = bytes.Contains(body, []byte("applicationStats"))
	a.wantsTLS = wantsTLS(a.code, u.String(), string(body))
	return a
}

// ahead is how far the clock behind an answer is ahead of this one, which read start before and end after it.
func ahead(resp *http.Response, start, end time.Time) time.Duration {
	date, err := http.ParseTime(resp.Header.Get("Date"))
	switch {
	case err != nil:
		return 0
	case date.After(end):
		return date.Sub(end)
	case date.Add(time.Second).Before(start): // Date leaves out the part of a second
		return date.Add(time.Second).Sub(start)
	}
	return 0
}

// peer judges one answer.
func (d *doctor) peer(a *peerAnswer) {
	shown := outbound.Hide(a.url.String())
	_, noTLS := errors.AsType[tls.RecordHeaderError](a.err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](a.err)
	switch {
	case errors.Is(a.err, syscall.ECONNREFUSED):
		d.add(harmful, "peers", "start it, or correct the port in "+peersKey, "%s: nothing listens there", shown)
	case noTLS || errors.Is(a.err, http.ErrSchemeMismatch):
		d.add(harmful, "peers", "write http:// in "+peersKey+", or give the peer server.ssl.*", "%s: the peer speaks no TLS", shown)
	case untrusted:
		d.add(harmful, "peers", "eureka.client.tls.enabled=true with eureka.client.tls.trust-store, a file with the authority of the peer's certificate", "%s: %v", shown, a.err)
	case a.err != nil:
		d.add(harmful, "peers", "check name, port and firewall: heureka health --server "+shown, "%s: %v", shown, a.err)
	case a.code == http.StatusUnauthorized || a.code == http.StatusForbidden:
		d.add(harmful, "peers", "write the credentials of a user with the role peer into the URL (docs/secure.md); heureka auth denied, asked of the peer, tells what it lacks", "%s: the peer refuses this node with %d", shown, a.code)
	case a.wantsTLS:
		d.add(harmful, "peers", "write https:// in "+peersKey, "%s: the peer speaks TLS", shown)
	case a.code == http.StatusServiceUnavailable:
		d.add(note, "peers", "wait: heureka health --server "+shown, "%s: the peer is still starting, or short of memory", shown)
	case a.code != http.StatusOK || !a.eureka:
		d.add(harmful, "peers", "a service URL ends in /eureka/ at heureka and Spring, in /eureka/v2/ at Netflix", "%s: whoever answers there (%d) is no Eureka server", shown, a.code)
	}
}

// clocks compares those of the peers with that of this machine. Where all differ, it is this one that is wrong.
func (d *doctor) clocks(answers []peerAnswer) {
	const mend = "timedatectl set-ntp true, or start chronyd, on that machine"
	var off, known int
	for i := range answers {
		a := &answers[i]
		if a.err != nil {
			continue
		}
		known++
		if a.ahead.Abs() > clockTolerance {
			off++
			d.add(harmful, "peers", mend, "%s: its clock is %s this one: the newer of two records is decided by clocks", outbound.Hide(a.url.String()), distance(a.ahead))
		}
	}
	if known > 1 && off == known {
		d.add(harmful, "peers", "timedatectl set-ntp true, or start chronyd, on this machine", "the clocks of all peers differ from this one, which is probably wrong itself")
	}
}

func distance(ahead time.Duration) string {
	side := " ahead of"
	if ahead < 0 {
		side = " behind"
	}
	return ahead.Abs().Round(time.Second).String() + side
}
