package server

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/tlsconf"
)

// Auth says who may do what. Without User's password and files everybody may do everything.
type Auth struct {
	User, Password string   // one user; the password plain, {noop} and plain, or {bcrypt} and a hash
	Previous       string   // another password of that user, right too while the password is replaced
	Roles          []string // of that user; none: all

	UsersFile  string              // a line each: NAME:HASH, as htpasswd -B writes it
	UserRoles  map[string][]string // of users in that file
	TokensFile string              // a line each: NAME:SHA-256:ROLE,ROLE, and perhaps :APPLICATION,APPLICATION

	JWT         JWT                 // whose signed tokens count, in addition
	Authorities map[string][]string // roles of authorities in them that are not called as roles are

	Certificates       []CertificateRule // whose certificates are, in addition
	NoPeerCertificates bool              // a certificate for a host of ServiceURLs does not make a peer

	Ownership    string              // as Mode, for applications that belong to others; "": as Mode if anybody has some, else off
	Instances    string              // as Mode, for instances that others have registered; "": as Ownership
	VIPs         string              // as Mode, for registrations with VIP addresses that belong to others; "": as Ownership
	Applications map[string][]string // what users, tokens and their like own, by name; a certificate's are in its rule

	Anonymous []string          // roles of who shows no credential
	Mode      string            // off, observe or enforce; "": enforce if there are credentials, else off
	Modes     map[string]string // by role, where it differs
}

// A CertificateRule says who a certificate is of, as auth.CertificateRule does.
type CertificateRule struct {
	URI, DNS, Subject   string // patterns with * and {app}
	Roles, Applications []string
}

// The modes.
const (
	authOff     = "off"
	authObserve = "observe"
	authEnforce = "enforce"
)

func (a *Auth) known() bool {
	return a.Password != "" || a.UsersFile != "" || a.TokensFile != "" || len(a.Certificates) > 0 || a.JWT.known()
}

func (a *Auth) mode() string {
	switch {
	case a.Mode != "":
		return a.Mode
	case a.known():
		return authEnforce
	}
	return authOff
}

// A guard decides who may do what.
type guard struct {
	*auth.Authenticator
	registry *registry.Registry
	peers    atomic.Pointer[[]string] // hosts whose certificates make a peer
	rules    atomic.Pointer[rules]
	issuer   chan struct{} // has an element when another one may count
	kept     atomic.Uint64 // how often new settings were not taken
	log      *slog.Logger

	mu sync.Mutex // of those who change rules

	denied [auth.Admin + 1][denialReasons]atomic.Uint64
	recent denials
	sites  http.CrossOriginProtection
	audit  *audit.Log
}

// Why a call is denied.
const (
	allowed = iota
	anonymous
	wrongCredential
	lacksRole
	anotherSite
	notOwner      // of the application
	notRegistrant // of the instance
	foreignVIP
	denialReasons
)

var denialNames = [denialReasons]string{"", "anonymous", "wrong-credential", "lacks-role", "another-site", "not-owner", "not-registrant", "foreign-vip"}

// enforces reports whether nobody does what takes this role without having it.
func (g *guard) enforces(role auth.Role) bool { return g != nil && g.modes()[role] == authEnforce }

// protect puts the guard into a chain that is served with src, if that is not nil.
func (g *guard) protect(cfg *httpapi.Config, management bool, src *tlsconf.Source) {
	if g == nil {
		return
	}
	cfg.Challenges = g.challenges
	cfg.Steps.Authenticate = func(c *httpapi.Call) httpapi.Refusal { g.authenticate(c, src); return httpapi.Refusal{} }
	cfg.Steps.Authorise = func(c *httpapi.Call) httpapi.Refusal { return g.carryOut(c, g.decide(c, management)) }
	cfg.Steps.Register = func(c *httpapi.Call, in *heureka.Instance) httpapi.Refusal {
		return g.carryOut(c, g.decideRecord(c, in))
	}
}

var (
	basicChallenge  = []string{`Basic realm="heureka", charset="UTF-8"`}
	bearerChallenge = append(basicChallenge, `Bearer realm="heureka"`)
)

func (g *guard) challenges() []string {
	if g.HasTokens() {
		return bearerChallenge
	}
	return basicChallenge
}

// judge is the only place that decides: it returns why a principal may not do what takes a role, or none. A wrong credential is
// refused even where none is needed.
func judge(role auth.Role, p *auth.Principal) (why int) {
	switch {
	case p.Wrong:
		return wrongCredential
	case p.Roles.Has(role):
		return allowed
	case p.Name == "":
		return anonymous
	}
	return lacksRole
}

// A decision is what becomes of a call, and why.
type decision struct {
	role    auth.Role // that the call needs
	mode    string    // of that role, or of what belongs to others
	why     int       // it is denied, as far as the mode denies anything
	detail  string    // of why, for people
	id      string    // of the instance, where the path does not tell
	refusal httpapi.Refusal
}

// decide changes nothing: it is asked too what would become of a call.
func (g *guard) decide(c *httpapi.Call, management bool) decision {
	d, m := decision{role: c.Needs(management)}, g.modes()
	d.mode, d.why = m[d.role], judge(d.role, &c.Principal)
	if d.role == auth.Register {
		if d.why == lacksRole && operates(c) {
			d.why = allowed
		}
		g.judgeApplication(c, m, &d)
	}
	if d.role == auth.Register || c.Route.Resource == httpapi.StatusResource {
		g.judgeInstance(c, c.Route.Key(), m, &d)
	}
	if d.why == allowed && c.Principal.Name != "" && c.Writes() && g.sites.Check(c.Request) != nil {
		d.why = anotherSite // a browser shows passwords and certificates whatever page makes it ask
	}
	d.refuse(c)
	return d
}

// refuse sets the answer.
func (d *decision) refuse(c *httpapi.Call) {
	switch {
	case d.why == allowed || d.mode != authEnforce:
	case d.why >= lacksRole && c.Route.Resource != httpapi.DeltaResource: // 403 to a delta makes clients fetch everything
		d.refusal = httpapi.Refusal{Status: http.StatusForbidden, Reason: httpapi.Forbidden}
	default:
		d.refusal = httpapi.Refusal{Status: http.StatusUnauthorized, Reason: httpapi.Unauthenticated}
	}
}

// carryOut does what the mode says.
func (g *guard) carryOut(c *httpapi.Call, d decision) httpapi.Refusal {
	if d.why == allowed || d.mode == authOff {
		return httpapi.Refusal{}
	}
	p := &c.Principal
	g.denied[d.role][d.why].Add(1)
	g.note(c, &d)
	if d.mode == authObserve {
		g.log.Debug("request would be denied", "role", d.role, "why", denialNames[d.why], "detail", d.detail, "principal", p.Name, "proof", p.Proof, "fault", p.Fault, "client", c.Origin.Address, "method", c.Request.Method, "path", c.Request.URL.Path)
	}
	return d.refusal
}

// maxAgent is how much is kept of what a client calls itself.
const maxAgent = 60

// note remembers who was denied, or would have been, and writes it down. What comes again soon is counted.
func (g *guard) note(c *httpapi.Call, d *decision) {
	e, observed := auditCall(c, time.Now()), d.mode == authObserve
	e.Outcome, e.Reason, e.ID = audit.Denied, denialNames[d.why], cmp.Or(e.ID, clipped(d.id))
	if d.why <= lacksRole {
		e.Reason += ", needs the role " + d.role.String()
	}
	fault := cmp.Or(c.Principal.Fault, d.detail)
	if fault != "" {
		e.Reason += ": " + fault
	}
	k := denial{role: d.role, why: d.why, observed: observed, principal: e.Principal, address: e.Address, action: e.Action, app: e.App, fault: fault}
	if due, repeated := g.recent.add(k, e, httpapi.Printable(c.Request.UserAgent(), maxAgent)); due && !observed {
		e.Repeated = repeated
		g.audit.Add(e)
	}
}

// refreshAuth takes over what has changed in the files.
func (s *Server) refreshAuth(time.Time) {
	switch changed, err := s.guard.Refresh(); {
	case err != nil:
		s.log.Error("cannot use new credentials, keeping the current ones", "err", err)
	case changed:
		s.log.Info("credentials read again")
		s.audit.Add(ownEntry("files of users and tokens are others"))
	}
}
