package auth_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/auth"
)

// leaf is a certificate with these alternative names; CN= begins a common name, OU= a unit.
func leaf(t *testing.T, names ...string) *x509.Certificate {
	t.Helper()
	c := new(x509.Certificate)
	for _, name := range names {
		cn, isCN := strings.CutPrefix(name, "CN=")
		ou, isOU := strings.CutPrefix(name, "OU=")
		switch u, _ := url.Parse(name); {
		case isCN:
			c.Subject.CommonName = cn
		case isOU:
			c.Subject.OrganizationalUnit = append(c.Subject.OrganizationalUnit, ou)
		case strings.Contains(name, "://"):
			c.URIs = append(c.URIs, u)
		case net.ParseIP(name) != nil:
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(name))
		default:
			c.DNSNames = append(c.DNSNames, name)
		}
	}
	var parsed pkix.Name
	rdns := c.Subject.ToRDNSequence()
	parsed.FillFromRDNSequence(&rdns) // as parsing a certificate does
	c.Subject = parsed
	return c
}

func TestCertificateRules(t *testing.T) {
	const read, register = auth.Roles(1 << auth.Read), auth.Roles(1 << auth.Register)
	c, err := auth.NewCertificates([]auth.CertificateRule{
		{URI: "spiffe://corp/ns/pay/sa/{app}", Roles: register},
		{URI: "spiffe://corp/ns/*/sa/*", Roles: read},
		{DNS: "*.GW.corp", Roles: read, Applications: []string{"GW-*"}},
		{URI: "spiffe://corp/{app}", DNS: "b.corp", Roles: register, Applications: []string{"{app}-*", "X"}},
		{Subject: "OU=ops, O=Corp", Roles: read},
		{Subject: "OU=team-{app}", Roles: register},
	})
	if err != nil {
		t.Fatal(err)
	}
	peers := []string{"192.0.2.7", "node.corp", "*.corp"}
	rule := func(n string) string { return "heureka.auth.certificates[" + n + "]" }
	for shown, want := range map[string]auth.Principal{
		"spiffe://corp/ns/pay/sa/orders": {Name: "spiffe://corp/ns/pay/sa/orders", Roles: read | register, Applications: []string{"ORDERS"}, Rule: rule("0") + ", " + rule("1")},
		"spiffe://corp/ns/web/sa/shop":   {Name: "spiffe://corp/ns/web/sa/shop", Roles: read, Rule: rule("1")},
		"A.gw.Corp":                      {Name: "a.gw.corp", Roles: read, Applications: []string{"GW-*"}, Rule: rule("2")},
		"spiffe://corp/shop b.corp":      {Name: "spiffe://corp/shop", Roles: register, Applications: []string{"SHOP-*", "X"}, Rule: rule("3")},
		"OU=team-shop":                   {Name: "OU=team-shop", Roles: register, Applications: []string{"SHOP"}, Rule: rule("5")},
		"node.corp":                      {Name: "node.corp", Roles: read | 1<<auth.Peer, Rule: auth.RulePeers},
		"192.0.2.7":                      {Name: "192.0.2.7", Roles: read | 1<<auth.Peer, Rule: auth.RulePeers},
	} {
		want.Proof = auth.ByCertificate
		if diff := cmp.Diff(want, c.Identify(leaf(t, strings.Fields(shown)...), peers)); diff != "" {
			t.Errorf("%s: %s", shown, diff)
		}
	}
	for _, shown := range []string{
		"spiffe://corp/ns/pay/sa/", "spiffe://corp/ns/pay/sa/a/b", "spiffe://corp/ns/pay/sa/*", "spiffe://evil/ns/pay/sa/orders", "spiffe://corp/ns/pay/sa/orders/",
		"spiffe://corp/shop c.corp", "spiffe://corp/shop", "x.a.gw.corp", "gw.corp", "*.gw.corp", "a.gw.corp.evil", "CN=node.corp", "CN=a.gw.corp", "OU=ops", "OU=team-*",
		"*.corp", "other.corp", "192.0.2.8", "node.corp.evil", "CN=spiffe://corp/ns/pay/sa/orders", "",
	} {
		p := c.Identify(leaf(t, strings.Fields(shown)...), peers[:2])
		if !p.Wrong || p.Roles != 0 || p.Name != "" || p.Fault == "" {
			t.Errorf("%q is %+v", shown, p)
		}
	}
	none, _ := auth.NewCertificates(nil)
	if p := none.Identify(leaf(t, "a.corp"), peers); p.Wrong || p.Name != "" {
		t.Errorf("nobody asked, but it is %+v", p)
	}
}

func TestBadCertificateRules(t *testing.T) {
	for name, r := range map[string]auth.CertificateRule{
		"nothing":       {Roles: auth.All},
		"a common name": {Subject: "CN=orders"},
		"no value":      {Subject: "OU"},
		"two names":     {URI: "spiffe://{app}/{app}"},
		"no name":       {DNS: "a.corp", Applications: []string{"{app}"}},
	} {
		if _, err := auth.NewCertificates([]auth.CertificateRule{{DNS: "a"}, r}); err == nil || !strings.HasPrefix(err.Error(), "heureka.auth.certificates[1]: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
