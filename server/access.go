package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
)

// An AccessRequest asks what would become of a request.
type AccessRequest struct {
	Method        string `json:"method"`
	Path          string `json:"path"`                    // below the context path, as /eureka/apps/ORDERS
	Authorization string `json:"authorization,omitempty"` // the header
	Certificate   string `json:"certificate,omitempty"`   // of the connection, PEM, with its chain
	Replication   bool   `json:"replication,omitempty"`   // with the header by which peers speak for others
	ID            string `json:"id,omitempty"`            // of a registration: that of the instance
	VIPAddress    string `json:"vipAddress,omitempty"`    // likewise
}

// An Access is who a request would be from, and what would become of it.
type Access struct {
	Principal    string   `json:"principal,omitempty"`
	Proof        string   `json:"proof"`          // by what kind of credential they are known; none
	Rule         string   `json:"rule,omitempty"` // the setting that knows them
	Fault        string   `json:"fault,omitempty"`
	Roles        []string `json:"roles"`
	Applications []string `json:"applications,omitempty"`
	Needs        string   `json:"needs"`
	Mode         string   `json:"mode"` // of that role
	Passes       bool     `json:"passes"`
	Detail       string   `json:"detail,omitempty"` // of why: whose the instance is, or which VIP address is another's
	Why          string   `json:"why,omitempty"`    // it is denied; with mode observe it would be, but passes
	Status       int      `json:"status,omitempty"` // of the answer, if it does not pass
	Text         string   `json:"text"`             // all of it for people
}

// Access tells what would become of a request, as far as identity and roles decide. Nothing is counted or changed.
func (s *Server) Access(q AccessRequest) (Access, error) {
	r, err := q.request()
	if err != nil {
		return Access{}, err
	}
	c := s.handler.CallOf(r)
	if s.guard == nil {
		return Access{Proof: auth.NoProof.String(), Roles: auth.RoleNames(), Needs: c.Needs(false).String(), Mode: authOff, Passes: true,
			Text: "passes: nobody is asked for a credential (heureka.auth.mode is off)"}, nil
	}
	s.identify(c)
	d := s.guard.decide(c, false)
	if (d.why == allowed || d.refusal.Status == 0) && c.Route.Resource == httpapi.AppResource && r.Method == http.MethodPost {
		in := &heureka.Instance{App: c.Route.App, ID: q.ID, VIPAddress: q.VIPAddress}
		if record := s.guard.decideRecord(c, in); record.why != allowed {
			d = record
		}
	}
	return explain(c, d), nil
}

// request is what the node would have received.
func (q *AccessRequest) request() (*http.Request, error) {
	r, err := http.NewRequest(q.Method, "http://localhost"+q.Path, nil)
	if err != nil || !strings.HasPrefix(q.Path, "/") {
		return nil, errors.New("want a method and a path, such as PUT /eureka/apps/ORDERS/o1")
	}
	if q.Authorization != "" {
		r.Header.Set("Authorization", q.Authorization)
	}
	if q.Replication {
		r.Header["X-Netflix-Discovery-Replication"] = []string{"true"}
	}
	if q.Certificate == "" {
		return r, nil
	}
	r.TLS = new(tls.ConnectionState)
	for block, rest := pem.Decode([]byte(q.Certificate)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("the certificate cannot be read")
		}
		r.TLS.PeerCertificates = append(r.TLS.PeerCertificates, cert)
	}
	if len(r.TLS.PeerCertificates) == 0 {
		return nil, errors.New("no certificate in PEM")
	}
	return r, nil
}

// explain tells of a call whose sender is known.
func explain(c *httpapi.Call, d decision) Access {
	p := &c.Principal
	a := Access{Principal: p.Name, Proof: p.Proof.String(), Rule: p.Rule, Fault: p.Fault, Applications: p.Applications, Roles: []string{},
		Needs: d.role.String(), Mode: d.mode, Passes: d.refusal.Status == 0, Status: d.refusal.Status}
	if d.mode != authOff {
		a.Why, a.Detail = denialNames[d.why], httpapi.Printable(d.detail, maxNamed)
	}
	for i, name := range auth.RoleNames() {
		if p.Roles.Has(auth.Role(i)) {
			a.Roles = append(a.Roles, name)
		}
	}
	if a.Rule == "" && p.Name == "" && !p.Wrong {
		a.Rule = "heureka.auth.anonymous"
	}
	a.Text = a.text()
	return a
}

func (a *Access) text() string {
	who := a.Principal
	switch {
	case a.Fault != "":
		who = "the credential is wrong (" + a.Fault + ")"
	case who == "":
		who = "who shows no credential"
	}
	has := " has no role"
	switch {
	case a.Fault != "":
		has = ""
	case slices.Contains(a.Roles, a.Needs):
		has = " has the role " + a.Needs
	case len(a.Roles) > 0:
		has = " has only " + strings.Join(a.Roles, ", ")
	}
	if has != "" && a.Rule != "" {
		has += " by " + a.Rule
	}
	switch a.Why {
	case denialNames[notOwner]:
		has += ", but the application is not theirs (heureka.auth.ownership)"
	case denialNames[notRegistrant]:
		has += ", but the instance was " + a.Detail + " (heureka.auth.instance-ownership)"
	case denialNames[foreignVIP]:
		has += ", but the " + a.Detail + " is not theirs (heureka.auth.vip-ownership)"
	}
	switch {
	case a.Mode == authOff:
		return "passes: heureka.auth.modes is off for the role " + a.Needs + "; " + who + has
	case a.Why == "":
		return "passes: " + who + has
	case a.Passes:
		return fmt.Sprintf("passes while the mode is observe, and is counted: it needs the role %s; %s%s", a.Needs, who, has)
	}
	return fmt.Sprintf("denied with %d: it needs the role %s; %s%s", a.Status, a.Needs, who, has)
}

// Paths of what only administrators ask.
const (
	deniedPath = httpapi.AdminPath + "auth/denied"
	accessPath = httpapi.AdminPath + "auth/check"
)

const maxAccessRequest = 64 << 10

// serveAccess answers POST check.
func (s *Server) serveAccess(w http.ResponseWriter, r *http.Request) {
	if !allows(w, r, http.MethodPost) {
		return
	}
	var q AccessRequest
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAccessRequest))
	if err == nil && json.Unmarshal(body, &q) != nil {
		err = errors.New("want JSON with method and path") // what is wrong is not told: it may be a secret
	}
	var a Access
	if err == nil {
		a, err = s.Access(q)
	}
	if err != nil {
		writeJSON(w, r, http.StatusBadRequest, failure{Error: err.Error()})
		return
	}
	writeJSON(w, r, http.StatusOK, a)
}

// deniedDoc tells who was denied what, or would have been.
type deniedDoc struct {
	Since  time.Time         `json:"since"` // the start of the node
	Modes  map[string]string `json:"modes"` // by role
	Denied []deniedLine      `json:"denied"`
}

// A deniedLine is what requests have in common. Without an address and an application it stands for those beyond the bound.
type deniedLine struct {
	Role      string    `json:"role"`
	Why       string    `json:"why"`
	Fault     string    `json:"fault,omitempty"`
	Passed    bool      `json:"passed"` // because the mode was observe
	Principal string    `json:"principal,omitempty"`
	Address   string    `json:"address,omitempty"`
	Agent     string    `json:"userAgent,omitempty"`
	Action    string    `json:"action"`
	App       string    `json:"app,omitempty"`
	ID        string    `json:"id,omitempty"` // the last one
	Count     uint64    `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

func (s *Server) deniedDoc() deniedDoc {
	doc := deniedDoc{Since: s.node.started.UTC(), Modes: map[string]string{}, Denied: []deniedLine{}}
	for i, name := range auth.RoleNames() {
		doc.Modes[name] = authOff
		if s.guard != nil {
			doc.Modes[name] = s.guard.modes()[i]
		}
	}
	if s.guard != nil {
		doc.Denied = append(doc.Denied, s.guard.recent.lines()...)
	}
	return doc
}
