package auth

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// A CertificateRule says who a certificate is of. What it names must all be there. A star stands for any text without the
// separator: one element of a path, one label of a name. {app} does so too, and is an application's name.
type CertificateRule struct {
	URI, DNS string // a subject alternative name
	Subject  string // attributes of the subject, such as OU=payments,O=Corp, without the common name

	Roles        Roles
	Applications []string // nil: {app}, if it occurs
}

// A certificateRule is one that has been read.
type certificateRule struct {
	name         string
	uri, dns     *regexp.Regexp // nil: any
	subject      []attribute
	roles        Roles
	applications []string
}

type attribute struct {
	oid   asn1.ObjectIdentifier
	value *regexp.Regexp
}

// attributes are the types of RFC 4514 without CN, which anybody's certificate can have.
var attributes = map[string]asn1.ObjectIdentifier{
	"C": {2, 5, 4, 6}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "L": {2, 5, 4, 7}, "ST": {2, 5, 4, 8}, "SERIALNUMBER": {2, 5, 4, 5},
	"DC": {0, 9, 2342, 19200300, 100, 1, 25}, "UID": {0, 9, 2342, 19200300, 100, 1, 1},
}

const appVariable = "{app}"

// pattern reads a pattern. A star that a certificate itself holds matches nothing.
func pattern(text, separator string) (*regexp.Regexp, error) {
	if strings.Count(text, appVariable) > 1 {
		return nil, errors.New(appVariable + " may occur once")
	}
	class := "[^*" + regexp.QuoteMeta(separator) + "]"
	expr := strings.NewReplacer(`\*`, class+"+", regexp.QuoteMeta(appVariable), "("+class+"+)").Replace(regexp.QuoteMeta(text))
	return regexp.Compile("^" + expr + "$")
}

func (r *CertificateRule) read(name string) (rule certificateRule, err error) {
	rule = certificateRule{name: name, roles: r.Roles, applications: r.Applications}
	if r.URI == "" && r.DNS == "" && r.Subject == "" {
		return rule, errors.New("want uri, dns or subject")
	}
	if r.URI != "" {
		rule.uri, err = pattern(r.URI, "/")
	}
	if r.DNS != "" && err == nil {
		rule.dns, err = pattern(strings.ToLower(r.DNS), ".")
	}
	if r.Subject != "" && err == nil {
		rule.subject, err = readSubject(r.Subject)
	}
	names := strings.Contains(r.URI+r.DNS+r.Subject, appVariable)
	if !names && strings.Contains(strings.Join(r.Applications, ","), appVariable) {
		err = errors.Join(err, errors.New("nothing says what "+appVariable+" is"))
	}
	if names && r.Applications == nil {
		rule.applications = []string{appVariable}
	}
	return rule, err
}

func readSubject(text string) (all []attribute, err error) {
	for part := range strings.SplitSeq(text, ",") {
		kind, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		oid, known := attributes[strings.ToUpper(kind)]
		if !known || value == "" {
			return nil, fmt.Errorf("subject: %q is none of C, O, OU, L, ST, SERIALNUMBER, DC and UID; the common name proves nothing", part)
		}
		want, err := pattern(value, "")
		if err != nil {
			return nil, err
		}
		all = append(all, attribute{oid, want})
	}
	return all, nil
}

// match returns what of the certificate a rule knows, and the application in it.
func (r *certificateRule) match(leaf *x509.Certificate) (name, app string, ok bool) {
	var found string
	if r.uri != nil {
		if name, app, ok = first(r.uri, uris(leaf)); !ok {
			return "", "", false
		}
	}
	if r.dns != nil {
		if found, app, ok = firstOr(r.dns, dnsNames(leaf), app); !ok {
			return "", "", false
		}
		name = cmp.Or(name, found)
	}
	for _, a := range r.subject {
		if _, app, ok = firstOr(a.value, values(leaf.Subject.Names, a.oid), app); !ok {
			return "", "", false
		}
	}
	return cmp.Or(name, leaf.Subject.String()), app, true
}

// first returns the first text that matches, and what stands in it for {app}.
func first(want *regexp.Regexp, texts []string) (text, app string, ok bool) {
	for _, text := range texts {
		if m := want.FindStringSubmatch(text); m != nil {
			if len(m) > 1 {
				app = m[1]
			}
			return text, app, true
		}
	}
	return "", "", false
}

// firstOr is first, with an application that is known already.
func firstOr(want *regexp.Regexp, texts []string, known string) (text, app string, ok bool) {
	text, app, ok = first(want, texts)
	return text, cmp.Or(known, app), ok
}

// uris returns those that mean what they say: a path with a dot for an element is another one to who resolves it.
func uris(leaf *x509.Certificate) (all []string) {
	for _, u := range leaf.URIs {
		if text := u.String(); plain(text) && !slices.ContainsFunc(strings.Split(u.Path, "/"), func(e string) bool { return e == "." || e == ".." }) {
			all = append(all, text)
		}
	}
	return all
}

func dnsNames(leaf *x509.Certificate) (all []string) {
	for _, name := range leaf.DNSNames {
		if plain(name) {
			all = append(all, strings.ToLower(name))
		}
	}
	return all
}

// plain reports whether a name has only visible letters: an authority may have read another one no further than a zero byte.
func plain(name string) bool {
	return !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

func values(names []pkix.AttributeTypeAndValue, oid asn1.ObjectIdentifier) (all []string) {
	for _, n := range names {
		if text, ok := n.Value.(string); ok && n.Type.Equal(oid) && !strings.ContainsFunc(text, unicode.IsControl) {
			all = append(all, text)
		}
	}
	return all
}

// A Certificates knows whose certificates are. It does not look at who signed them: that has been done.
type Certificates struct {
	rules  []certificateRule
	claims []string // patterns of applications that rules name
}

// NewCertificates reads rules. Its error names the wrong one.
func NewCertificates(rules []CertificateRule) (*Certificates, error) {
	c := new(Certificates)
	for i := range rules {
		name := fmt.Sprintf("heureka.auth.certificates[%d]", i)
		rule, err := rules[i].read(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c.rules = append(c.rules, rule)
		for _, a := range rule.applications {
			if !strings.Contains(a, appVariable) {
				c.claims = append(c.claims, patternsOf([]string{a})...)
			}
		}
	}
	return c, nil
}

// RulePeers is the rule for certificates of peers.
const RulePeers = "heureka.auth.peer-certificates"

// Identify tells whose a certificate is. All rules that match add up. Peers are the hosts of this node's service URLs, in
// lower case. Where there are rules, a certificate that none of them knows is wrong; else it proves that its owner belongs to the
// fleet, and no more.
func (c *Certificates) Identify(leaf *x509.Certificate, peers []string) Principal {
	var p Principal
	for i := range c.rules {
		r := &c.rules[i]
		if name, app, ok := r.match(leaf); ok {
			q := Principal{Name: name, Roles: r.roles, Proof: ByCertificate, Rule: r.name}
			for _, a := range r.applications {
				q.Applications = append(q.Applications, patternsOf([]string{strings.ReplaceAll(a, appVariable, app)})...)
			}
			p = p.And(q)
		}
	}
	if host := peerOf(leaf, peers); host != "" {
		p = p.And(Principal{Name: host, Roles: 1<<Peer | 1<<Read, Proof: ByCertificate, Rule: RulePeers})
	}
	if p.Name == "" && len(c.rules) > 0 {
		return Principal{Wrong: true, Proof: ByCertificate, Fault: "no rule for a certificate of " + describe(leaf)}
	}
	return p
}

// peerOf returns the peer whose certificate this is. Names are compared as they are, so that a wildcard is nobody's.
func peerOf(leaf *x509.Certificate, peers []string) string {
	for _, host := range peers {
		if slices.Contains(dnsNames(leaf), host) {
			return host
		}
		for _, ip := range leaf.IPAddresses {
			if ip.String() == host {
				return host
			}
		}
	}
	return ""
}

// describe says which names a certificate has, for people.
func describe(leaf *x509.Certificate) string {
	names := append(uris(leaf), dnsNames(leaf)...)
	if len(names) == 0 {
		return fmt.Sprintf("%q, without alternative names", leaf.Subject.String())
	}
	return fmt.Sprintf("%q", names)
}
