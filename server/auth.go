package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/jwt"
	"heureka.internal/heureka/internal/logs"
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
	TokensFile string              // a line each: NAME:SHA-256:ROLE,ROLE

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
	jwt          *jwt.Verifier // nil: no tokens of an issuer count
	certificates *auth.Certificates
	registry     *registry.Registry
	peers        atomic.Pointer[[]string] // hosts whose certificates make a peer
	modes        atomic.Pointer[modes]
	log          *slog.Logger

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

// openAuth returns what guards the node; nil if nothing is to be guarded.
func (s *Server) openAuth() (*guard, error) {
	cfg, m, err := s.cfg.Auth.config()
	if err != nil || !m.on() {
		return nil, err
	}
	g := &guard{registry: s.reg, audit: s.audit, log: logs.Named(s.log, logs.Server)}
	g.modes.Store(&m)
	g.setPeers(&s.cfg)
	if g.certificates, err = s.cfg.Auth.certificates(); err != nil {
		return nil, err
	}
	if s.cfg.Auth.JWT.known() {
		if g.jwt, err = s.cfg.newJWT(); err != nil {
			return nil, err
		}
		cfg.JWT = g.jwt
	}
	g.Authenticator, err = auth.New(cfg)
	return g, err
}

// change takes over what may change while the node runs. It fails, and changes nothing, for a mistake.
func (g *guard) change(a *Auth) error {
	cfg, m, err := a.config()
	switch {
	case err != nil:
		return err
	case g == nil && m.on():
		return errors.New("heureka.auth: the node was started without credentials; restart it")
	case g == nil:
		return nil
	}
	changed, err := g.Change(cfg.Local)
	if err != nil {
		return err
	}
	if old := g.modes.Swap(&m); changed || *old != m {
		g.audit.Add(ownEntry("heureka.auth and spring.security.user are others"))
	}
	return nil
}

// ownEntry is for what the operator of a node has done to its credentials.
func ownEntry(what string) audit.Entry {
	return audit.Entry{Time: time.Now(), Action: "credentials", Origin: registry.ByNode.String(), Outcome: audit.Done, Reason: what}
}

// modes are what becomes of calls that lack a role, and after those of calls for what belongs to others.
type modes [ofVIPs + 1]string

const (
	ofApplications = auth.Admin + 1 + iota
	ofInstances
	ofVIPs
)

// on reports whether any role is guarded.
func (m *modes) on() bool {
	return slices.ContainsFunc(m[:], func(mode string) bool { return mode != authOff })
}

func (a *Auth) modes() (m modes, err error) {
	for i := range m {
		m[i] = a.mode()
	}
	if m[ofApplications] = cmp.Or(a.Ownership, authOff); a.Ownership == "" && a.owners() {
		m[ofApplications] = a.mode()
	}
	m[ofInstances], m[ofVIPs] = cmp.Or(a.Instances, m[ofApplications]), cmp.Or(a.VIPs, m[ofApplications])
	for role, mode := range a.Modes {
		i := slices.Index(auth.RoleNames(), role)
		if i < 0 {
			return m, fmt.Errorf("heureka.auth.modes: there is no role %q", role)
		}
		m[i] = mode
	}
	for _, mode := range m {
		if mode != authOff && mode != authObserve && mode != authEnforce {
			return m, fmt.Errorf("heureka.auth: there is no mode %q: want off, observe or enforce", mode)
		}
	}
	if m.on() && !a.known() {
		err = errors.New("heureka.auth.mode: nobody has credentials: set spring.security.user.password, heureka.auth.users-file, heureka.auth.tokens-file, heureka.auth.certificates or spring.security.oauth2.resourceserver.jwt")
	}
	return m, err
}

// config checks the settings, and takes apart what knows principals and what becomes of them.
func (a *Auth) config() (cfg auth.Config, m modes, err error) {
	if m, err = a.modes(); err != nil {
		return cfg, m, err
	}
	cfg = auth.Config{UsersFile: a.UsersFile, TokensFile: a.TokensFile}
	cfg.Local, err = a.local()
	return cfg, m, err
}

func (a *Auth) local() (cfg auth.Local, err error) {
	cfg = auth.Local{User: a.User, Password: a.Password, Previous: a.Previous, Roles: auth.All, UserRoles: map[string]auth.Roles{}, Applications: a.Applications}
	if strings.Contains(strings.TrimPrefix(a.Password, "{noop}"), ":") {
		return cfg, errors.New("spring.security.user.password: a colon in it keeps most Java clients from sending it")
	}
	if a.Password != "" && a.User == "" || strings.Contains(a.User, ":") {
		return cfg, errors.New("spring.security.user.name: want a name without a colon")
	}
	if a.Previous != "" && a.Password == "" {
		return cfg, errors.New("heureka.auth.previous-password: want spring.security.user.password too")
	}
	if len(a.Roles) > 0 {
		if cfg.Roles, err = auth.ParseRoles(a.Roles); err != nil {
			return cfg, fmt.Errorf("spring.security.user.roles: %w", err)
		}
	}
	for name, roles := range a.UserRoles {
		if cfg.UserRoles[name], err = auth.ParseRoles(roles); err != nil {
			return cfg, fmt.Errorf("heureka.auth.roles.%s: %w", name, err)
		}
	}
	if cfg.Anonymous, err = auth.ParseRoles(a.Anonymous); err != nil {
		return cfg, fmt.Errorf("heureka.auth.anonymous: %w", err)
	}
	return cfg, nil
}

// enforces reports whether nobody does what takes this role without having it.
func (g *guard) enforces(role auth.Role) bool { return g != nil && g.modes.Load()[role] == authEnforce }

// protect puts the guard into a chain that is served with src, if that is not nil.
func (g *guard) protect(cfg *httpapi.Config, management bool, src *tlsconf.Source) {
	if g == nil {
		return
	}
	cfg.Challenges = []string{`Basic realm="heureka", charset="UTF-8"`}
	if g.HasTokens() {
		cfg.Challenges = append(cfg.Challenges, `Bearer realm="heureka"`)
	}
	cfg.Steps.Authenticate = func(c *httpapi.Call) httpapi.Refusal { g.authenticate(c, src); return httpapi.Refusal{} }
	cfg.Steps.Authorise = func(c *httpapi.Call) httpapi.Refusal { return g.carryOut(c, g.decide(c, management)) }
	cfg.Steps.Register = func(c *httpapi.Call, in *heureka.Instance) httpapi.Refusal {
		return g.carryOut(c, g.decideRecord(c, in))
	}
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
	d, m := decision{role: c.Needs(management)}, g.modes.Load()
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
