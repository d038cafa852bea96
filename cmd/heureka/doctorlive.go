package main

import (
	"context"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/lint"
)

// node looks at a node that runs, or at a Java server as far as that tells.
func (d *doctor) node(ctx context.Context, server string) {
	p, err := d.probe(server)
	if err != nil {
		d.add(fatal, server, hintOf(err), "%v", err)
		return
	}
	d.looked(p.shown)
	login := http.Header{}
	if err := p.login.show(login); err != nil {
		d.add(fatal, p.shown, hintOf(err), "%v", err)
		return
	}
	a := d.look(ctx, p.client, p.base, login)
	if a.err != nil || !a.eureka {
		d.absent(p, &a)
		return
	}
	if a.ahead.Abs() > clockTolerance {
		d.add(harmful, p.shown, "timedatectl set-ntp true, there or here", "its clock is %s this machine's", distance(a.ahead))
	}
	if doc, err := p.health(ctx); err == nil {
		d.condition(p, doc)
	}
	if peers, err := p.peers(ctx); err == nil {
		for i := range peers {
			d.link(p, &peers[i])
		}
	}
	d.registrations(ctx, p)
	if text, err := p.fetch(ctx, "fetch metrics", p.beside("actuator/prometheus"), "text/plain"); err == nil {
		d.numbers(p, string(text))
	}
}

func (d *doctor) absent(p *probe, a *peerAnswer) {
	switch {
	case a.err != nil:
		d.add(fatal, p.shown, d.hintFor(a.err), "%v", a.err)
	case a.code == http.StatusUnauthorized || a.code == http.StatusForbidden:
		d.add(harmful, p.shown, d.hintFor(&heureka.StatusError{Code: a.code}), "it answered %d", a.code)
	case a.code == http.StatusProxyAuthRequired:
		d.add(fatal, p.shown, proxyHint, "a proxy on the way answered 407")
	case a.wantsTLS:
		d.add(fatal, p.shown, speaksTLSHint, "it was asked without TLS")
	default:
		d.add(fatal, p.shown, noServiceHint, "whoever answers there (%d) is no Eureka server", a.code)
	}
}

// condition reads the health document.
func (d *doctor) condition(p *probe, doc *healthDocument) {
	if doc.Status != "UP" && doc.Status != "" {
		d.add(harmful, p.shown, "heureka health -o wide --server "+p.shown, "it says that it is %s", doc.Status)
	}
	if phase := doc.Components["registry"].text("phase"); phase != "" && phase != "open" {
		d.add(harmful, p.shown, "wait, or heureka health -o wide --server "+p.shown, "it refuses reads, because it is %s: %s", phase, doc.Components["registry"].text("why"))
	}
	if doc.Components["selfPreservation"].text("active") == "true" {
		d.add(harmful, p.shown, "heureka health --explain --server "+p.shown, "self-preservation is active: instances that are gone stay listed")
	}
	if doc.Components["selfPreservation"].text("enabled") == "false" {
		d.add(note, p.shown, "eureka.server.enable-self-preservation=true", "self-preservation is off: a fault of the network may empty the registry")
	}
	if clock := doc.Components["clock"]; clock.Status == "UNKNOWN" {
		d.add(harmful, p.shown, "timedatectl set-ntp true, or start chronyd, on that machine", "%s", clock.text("hint"))
	}
}

// link judges what a node says of one of its peers.
func (d *doctor) link(p *probe, s *peerState) {
	switch state := s.detail("state"); {
	case s.detail("permanent") == "true":
		d.add(harmful, p.shown, "compare the settings of both, and the credentials in the service URL (docs/secure.md)", "peer %s refuses replication: %s", s.Peer, s.detail("error"))
	case state == "failing":
		d.add(harmful, p.shown, "check name, port and network: heureka peers -o wide --server "+p.shown, "replication to peer %s fails: %s", s.Peer, s.detail("error"))
	case state == "" && s.State == "unavailable":
		d.add(note, p.shown, "heureka peers --server "+p.shown, "it takes peer %s for unavailable; a Java server knows no better than its own list", s.Peer)
	}
	if skew, err := time.ParseDuration(s.detail("clockSkew")); err == nil && skew.Abs() > clockTolerance {
		d.add(harmful, p.shown, "timedatectl set-ntp true, or start chronyd, on the machine that is wrong", "the clock of peer %s is %s its own", s.Peer, distance(skew))
	}
}

// registrations counts those that will give trouble.
func (d *doctor) registrations(ctx context.Context, p *probe) {
	var doc struct{ Findings []lint.Finding }
	if err := p.ask(ctx, http.MethodGet, "look for faults", "heureka/v1/lint", &doc); err == nil && len(doc.Findings) > 0 {
		d.add(note, p.shown, "heureka lint --server "+p.shown, "%s that will give trouble", count(len(doc.Findings), "registration", "registrations"))
	}
}

// numbers judges metrics.
func (d *doctor) numbers(p *probe, text string) {
	if used, most := number(text, "process_open_fds"), number(text, "process_max_fds"); used > 0.8*most {
		d.add(harmful, p.shown, "LimitNOFILE=65536 in the systemd unit, ulimits: {nofile: 65536} in a compose file", "it has %.0f of %.0f files open, and soon takes no connection", used, most)
	}
	if end := number(text, "heureka_tls_certificate_expiry_timestamp_seconds"); end > 0 {
		if left := time.Unix(int64(end), 0).Sub(d.now()); left < soon {
			d.add(harmful, p.shown, mendOf("expired at"), "its certificate expires in %d days", int(left.Hours()/24))
		}
	}
	if number(text, "heureka_audit_failing") > 0 {
		d.add(harmful, p.shown, "free the disk, or correct heureka.audit.to", "the audit log cannot be written")
	}
}

var sample = regexp.MustCompile(`(?m)^(\w+)(?:\{[^\n]*\})? ([^ \n]+)$`)

// number returns the least value of a metric; NaN, which no comparison is true for, if there is none.
func number(text, name string) float64 {
	least := math.NaN()
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		if v, err := strconv.ParseFloat(m[2], 64); err == nil && m[1] == name && !(v >= least) {
			least = v
		}
	}
	return least
}
