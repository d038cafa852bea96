package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/jwt"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/registry"
)

// rules are what a guard goes by beside what its Authenticator knows. They are replaced as a whole while the node runs.
type rules struct {
	of           Auth  // from which they have been made
	modes        modes // while no token of the file has applications
	claimed      modes // while one has
	jwt          *jwt.Verifier
	certificates *auth.Certificates
}

// openAuth returns what guards the node; nil if nothing is to be guarded.
func (s *Server) openAuth() (*guard, error) {
	r, err := s.cfg.rules(nil)
	if err != nil || !r.modes.on() {
		return nil, err
	}
	g := &guard{registry: s.reg, audit: s.audit, log: logs.Named(s.log, logs.Server), issuer: make(chan struct{}, 1)}
	g.rules.Store(r)
	g.setPeers(&s.cfg)
	cfg := auth.Config{UsersFile: r.of.UsersFile, TokensFile: r.of.TokensFile}
	if cfg.Local, err = r.local(); err != nil {
		return nil, err
	}
	g.Authenticator, err = auth.New(cfg)
	return g, err
}

// rules checks the settings. What is the same in old rules stays, with the keys of an issuer and what is remembered of
// certificates.
func (c *Config) rules(old *rules) (*rules, error) {
	r := &rules{of: c.Auth}
	var err error
	if r.modes, err = r.of.modes(r.of.owners()); err != nil {
		return nil, err
	}
	r.claimed, _ = r.of.modes(true) // with the same mistakes
	if old != nil && reflect.DeepEqual(old.of.Certificates, r.of.Certificates) {
		r.certificates = old.certificates
	} else if r.certificates, err = r.of.certificates(); err != nil {
		return nil, err
	}
	if !r.of.JWT.known() {
		return r, nil
	}
	if r.jwt, err = c.newJWT(); err != nil {
		return nil, err
	}
	if old != nil && old.jwt != nil {
		sameKeys := r.jwt.Inherit(old.jwt)
		if sameKeys && reflect.DeepEqual(old.of.JWT, r.of.JWT) && reflect.DeepEqual(old.of.Authorities, r.of.Authorities) {
			r.jwt = old.jwt
		}
	}
	return r, nil
}

// change takes over what may change while the node runs. It fails, and changes nothing, for a mistake.
func (g *guard) change(c *Config) error {
	if g == nil {
		if m, err := c.Auth.modes(false); err != nil || m.on() {
			return cmp.Or(err, errors.New("heureka.auth: the node was started without credentials; restart it"))
		}
		return nil
	}
	r, err := c.rules(g.rules.Load())
	if err == nil && r.jwt != nil && !r.jwt.Ready() {
		err = r.fetch()
	}
	if err == nil {
		err = g.replace(r)
	}
	if err != nil {
		g.kept.Add(1)
	}
	return err
}

// fetch asks another issuer for its keys before the old one's are forgotten.
func (r *rules) fetch() error {
	if err := r.jwt.Fetch(context.Background()); err != nil {
		return fmt.Errorf("%s: cannot fetch the keys: %w", jwt.Rule, err)
	}
	return nil
}

// replace makes r what counts. Nothing that was remembered by the old rules counts any more, where they differ.
func (g *guard) replace(r *rules) error {
	local, err := r.local()
	if err != nil {
		return err
	}
	old, changed, err := g.swap(r, local)
	if err != nil {
		return err
	}
	select {
	case g.issuer <- struct{}{}:
	default:
	}
	if changed || old.modes != r.modes || old.certificates != r.certificates {
		g.audit.Add(ownEntry("heureka.auth and spring.security are others"))
	}
	return nil
}

// swap keeps two that change rules at the same time apart: what counts in the end are those of one of them.
func (g *guard) swap(r *rules, local auth.Local) (old *rules, changed bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if changed, err = g.Change(local); err == nil {
		old = g.rules.Swap(r)
	}
	return old, changed, err
}

// modes returns those that count now.
func (g *guard) modes() *modes {
	r := g.rules.Load()
	if g.TokensOwn() {
		return &r.claimed
	}
	return &r.modes
}

// local is what the Authenticator has to know.
func (r *rules) local() (auth.Local, error) {
	l, err := r.of.local()
	if r.jwt != nil {
		l.JWT = r.jwt
	}
	return l, err
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

// modes returns them as they are if anybody has applications, or nobody.
func (a *Auth) modes(owners bool) (m modes, err error) {
	for i := range m {
		m[i] = a.mode()
	}
	if m[ofApplications] = cmp.Or(a.Ownership, authOff); a.Ownership == "" && owners {
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
