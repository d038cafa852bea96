// Package jwt tells who a bearer token is of that an issuer has signed. It finds and keeps the issuer's keys; a token is verified
// with those that are known, without a word to the issuer. Remembering verified tokens is left to its caller.
package jwt

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"heureka.internal/heureka/internal/auth"
)

// Config says whose tokens count. Its fields are those of Spring's resource server.
type Config struct {
	IssuerURI string // whose tokens count; without one of the next two, its metadata tell where its keys are
	JWKSetURI string // where the keys are
	PublicKey string // instead: one key in PEM, a file or the text

	Audiences       []string // one of them is in each token
	Algorithms      []string // of signatures; none: RS256, or with IssuerURI alone all that need no shared secret
	Authorities     string   // claim with the authorities; "": scope, or scp
	AuthorityPrefix string   // before each of them; "": SCOPE_
	Principal       string   // claim with the name; "": sub

	Roles     map[string]auth.Roles // of authorities that are no roles by their names
	Transport http.RoundTripper     // to the issuer
}

// asymmetric are the algorithms of signatures that whoever verifies them cannot make.
var asymmetric = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// A Verifier verifies tokens. Its methods are safe for concurrent use.
type Verifier struct {
	cfg        Config
	algorithms []jose.SignatureAlgorithm
	client     *http.Client
	wanted     chan struct{} // has an element when a key was missing

	keys     atomic.Pointer[keySet]
	failures atomic.Uint64
}

// New returns a Verifier, or every mistake in cfg. It asks the issuer nothing: Run does.
func New(cfg Config) (*Verifier, error) {
	v := &Verifier{cfg: cfg, wanted: make(chan struct{}, 1), client: newClient(cfg.Transport)}
	v.keys.Store(new(keySet))
	errs := []error{v.setAlgorithms(), cfg.checkSources()}
	if len(cfg.Audiences) == 0 {
		errs = append(errs, errors.New("audiences: want the audience that tokens for this registry have"))
	}
	if cfg.PublicKey != "" {
		k, err := publicKey(cfg.PublicKey)
		if err != nil {
			err = fmt.Errorf("public-key-location: %w", err)
		}
		v.keys.Store(&keySet{keys: []jose.JSONWebKey{{Key: k}}})
		errs = append(errs, err)
	}
	return v, errors.Join(errs...)
}

func (v *Verifier) setAlgorithms() error {
	v.algorithms = []jose.SignatureAlgorithm{jose.RS256}
	if v.cfg.JWKSetURI == "" && v.cfg.PublicKey == "" {
		v.algorithms = asymmetric
	}
	if len(v.cfg.Algorithms) > 0 {
		v.algorithms = nil
	}
	for _, name := range v.cfg.Algorithms {
		alg := jose.SignatureAlgorithm(name)
		if !slices.Contains(asymmetric, alg) {
			return fmt.Errorf("jws-algorithms: %q is none of %s", name, asymmetric)
		}
		v.algorithms = append(v.algorithms, alg)
	}
	return nil
}

// leeway is how far the issuer's clock may be off, as with Spring.
const leeway = time.Minute

// Verify tells who a token is of, and until when it holds. What its error says may be shown.
func (v *Verifier) Verify(token string, now time.Time) (auth.Principal, time.Time, error) {
	tok, err := jwt.ParseSigned(token, v.algorithms)
	if err != nil {
		return auth.Principal{}, time.Time{}, errors.New("not a token signed as this node wants it")
	}
	var std jwt.Claims
	var all map[string]any
	if err := v.claims(tok, &std, &all); err != nil {
		return auth.Principal{}, time.Time{}, err
	}
	if err := v.check(&std, now); err != nil {
		return auth.Principal{}, time.Time{}, err
	}
	p := auth.Principal{Proof: auth.ByJWT, Rule: Rule, Roles: v.roles(all)}
	p.Name, _ = claim(all, cmp.Or(v.cfg.Principal, "sub")).(string)
	if p.Name == "" {
		return auth.Principal{}, time.Time{}, errors.New("token names nobody")
	}
	return p, std.Expiry.Time().Add(leeway), nil
}

// Rule is the setting that knows these principals.
const Rule = "spring.security.oauth2.resourceserver.jwt"

// tries bounds how many keys one token is tried with.
const tries = 16

// claims returns what a token says, if one of the keys has signed it.
func (v *Verifier) claims(tok *jwt.JSONWebToken, dest ...any) error {
	h := tok.Headers[0]
	if typ, ok := h.ExtraHeaders[jose.HeaderType].(string); ok && !slices.Contains([]string{"jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(typ)) {
		return errors.New("token of another type")
	}
	known, named := v.keys.Load(), false
	for _, k := range known.fitting(h.KeyID, h.Algorithm) {
		if tok.Claims(k.Key, dest...) == nil {
			return nil
		}
		named = named || h.KeyID != "" && k.KeyID == h.KeyID
	}
	if named {
		return errors.New("token with a wrong signature")
	}
	select {
	case v.wanted <- struct{}{}:
	default:
	}
	if known.at.IsZero() && v.cfg.PublicKey == "" {
		return errors.New("the issuer's keys are not known yet")
	}
	return errors.New("token signed by an unknown key")
}

func (v *Verifier) check(c *jwt.Claims, now time.Time) error {
	if c.Expiry == nil {
		return errors.New("token without an end")
	}
	err := c.ValidateWithLeeway(jwt.Expected{Issuer: v.cfg.IssuerURI, AnyAudience: v.cfg.Audiences, Time: now}, leeway)
	switch {
	case errors.Is(err, jwt.ErrExpired):
		return errors.New("expired token")
	case errors.Is(err, jwt.ErrInvalidAudience):
		return errors.New("token for another audience")
	case errors.Is(err, jwt.ErrInvalidIssuer):
		return errors.New("token of another issuer")
	case err != nil:
		return errors.New("token that is not valid yet")
	}
	return nil
}

// roles returns those that the authorities of a token stand for. Most tokens have others as well.
func (v *Verifier) roles(all map[string]any) (roles auth.Roles) {
	for _, name := range v.authorities(all) {
		authority := cmp.Or(v.cfg.AuthorityPrefix, scope) + name
		mapped, ok := v.cfg.Roles[authority]
		if !ok {
			mapped, ok = v.cfg.Roles[name]
		}
		if !ok {
			mapped, _ = auth.ParseRoles([]string{strings.TrimPrefix(authority, scope)})
		}
		roles |= mapped
	}
	return roles
}

// scope is what Spring puts before scopes.
const scope = "SCOPE_"

func (v *Verifier) authorities(all map[string]any) (names []string) {
	value := claim(all, cmp.Or(v.cfg.Authorities, "scope"))
	if value == nil && v.cfg.Authorities == "" {
		value = all["scp"]
	}
	switch value := value.(type) {
	case string:
		return strings.Fields(value)
	case []any:
		for _, each := range value {
			if name, ok := each.(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// claim returns a claim, which may stand within others, as realm_access.roles does.
func claim(all map[string]any, name string) any {
	if value, ok := all[name]; ok {
		return value
	}
	outer, inner, _ := strings.Cut(name, ".")
	if within, ok := all[outer].(map[string]any); ok {
		return claim(within, inner)
	}
	return nil
}
