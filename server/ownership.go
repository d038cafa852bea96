package server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
)

// What belongs to whom: an application, and a VIP address like one, to whom the settings give it; an instance to who has registered
// it. The last is not about who may speak for an application, but keeps those who all may out of each other's way.

// owners reports whether anybody has applications.
func (a *Auth) owners() bool {
	return len(a.Applications) > 0 || slices.ContainsFunc(a.Certificates, func(r CertificateRule) bool {
		return len(r.Applications) > 0 || strings.Contains(r.URI+r.DNS+r.Subject, "{app}")
	})
}

// asks reports whether a question about what belongs to others still matters to a call: it is off, or the call is refused anyway.
func (d *decision) asks(mode string) bool {
	return mode != authOff && (d.why == allowed || d.mode != authEnforce)
}

// deny notes whose what the call wants is.
func (d *decision) deny(mode string, why int, detail string) {
	d.mode, d.why, d.detail = mode, why, detail
}

// operates reports whether operators may do this to any instance.
func operates(c *httpapi.Call) bool {
	return c.Principal.Roles.Has(auth.Operate) && c.Route.Resource != httpapi.AppResource && (c.Route.Resource == httpapi.MetadataResource || c.Request.Method == http.MethodDelete)
}

// judgeApplication denies what needs the application of another.
func (g *guard) judgeApplication(c *httpapi.Call, m *modes, d *decision) {
	if mode := m[ofApplications]; d.asks(mode) && !operates(c) && !g.owns(&c.Principal, c.Route.App) {
		d.deny(mode, notOwner, "")
	}
}

// owns reports whether an application is a principal's, or nobody's.
func (g *guard) owns(p *auth.Principal, app string) bool {
	switch {
	case p.Roles.Has(auth.Admin):
		return true
	case p.Applications != nil:
		return p.Owns(app)
	}
	return !g.claimed(app)
}

// claimed reports whether the settings give an application to somebody.
func (g *guard) claimed(app string) bool {
	return g.Claimed(app) || g.rules.Load().certificates.Claimed(app)
}

// judgeInstance denies what changes an instance that another has registered. Once its lease has run out anybody may take it.
func (g *guard) judgeInstance(c *httpapi.Call, key heureka.Key, m *modes, d *decision) {
	mode, p := m[ofInstances], &c.Principal
	if key.ID == "" || !d.asks(mode) || p.Roles.Has(auth.Operate) || p.Roles.Has(auth.Peer) {
		return
	}
	if rec, ok := g.registry.Get(key, time.Now()); ok && rec.Owner() != "" && rec.Owner() != p.Name {
		d.deny(mode, notRegistrant, "registered by "+httpapi.Printable(rec.Owner(), maxNamed))
	}
}

// decideRecord decides about a registration that has been read. Whether its sender may register the application at all has been
// decided.
func (g *guard) decideRecord(c *httpapi.Call, in *heureka.Instance) decision {
	d, m := decision{role: auth.Register, mode: authOff, id: in.ResolvedID()}, g.modes()
	if c.Needs(false) != auth.Register { // a peer tells what others registered
		return d
	}
	g.judgeInstance(c, in.Key(), m, &d)
	g.judgeVIPs(c, in, m, &d)
	d.refuse(c)
	return d
}

// judgeVIPs denies VIP addresses that are not the sender's: who asks for them would be sent to this instance.
func (g *guard) judgeVIPs(c *httpapi.Call, in *heureka.Instance, m *modes, d *decision) {
	mode := m[ofVIPs]
	if !d.asks(mode) {
		return
	}
	for _, list := range []string{in.VIPAddress, in.SecureVIPAddress} {
		for vip := range strings.SplitSeq(list, ",") {
			if name := heureka.AppName(strings.TrimSpace(vip)); name != "" && !g.owns(&c.Principal, name) && (!ownAddress(in, name) || g.claimed(name)) {
				d.deny(mode, foreignVIP, "VIP address "+httpapi.Printable(vip, maxNamed))
				return
			}
		}
	}
}

// ownAddress reports whether a VIP address is the host and port of the instance, as clients of Netflix have it by default.
func ownAddress(in *heureka.Instance, vip string) bool {
	for _, port := range []int{in.Port.Number, in.SecurePort.Number} {
		if vip == heureka.AppName(in.HostName)+":"+strconv.Itoa(port) {
			return true
		}
	}
	return false
}
