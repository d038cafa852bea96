package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"sync"
	"time"

	"heureka.internal/heureka/internal/auth"
	"heureka.internal/heureka/internal/jwt"
	"heureka.internal/heureka/internal/outbound"
)

// JWT says whose signed tokens count, as Spring's resource server does.
type JWT struct {
	IssuerURI, JWKSetURI, PublicKey string   // where the keys come from: two of them at most
	Audiences                       []string // one of them is in each token
	Algorithms                      []string // of signatures; none: RS256, or with IssuerURI alone all that need no shared secret
	Authorities                     string   // claim with the authorities; "": scope, or scp
	AuthorityPrefix                 string   // before each of them; "": SCOPE_
	Principal                       string   // claim with the name; "": sub
}

// known reports whether anything is said: half of it is a mistake, for jwt.New to find.
func (j *JWT) known() bool { return !reflect.DeepEqual(*j, JWT{}) }

func (c *Config) newJWT() (*jwt.Verifier, error) {
	j := &c.Auth.JWT
	roles := map[string]auth.Roles{}
	for name, names := range c.Auth.Authorities {
		var err error
		if roles[name], err = auth.ParseRoles(names); err != nil {
			return nil, fmt.Errorf("heureka.auth.authorities.%s: %w", name, err)
		}
	}
	v, err := jwt.New(jwt.Config{
		IssuerURI: j.IssuerURI, JWKSetURI: j.JWKSetURI, PublicKey: j.PublicKey, Audiences: j.Audiences, Algorithms: j.Algorithms,
		Authorities: j.Authorities, AuthorityPrefix: j.AuthorityPrefix, Principal: j.Principal, Roles: roles, Transport: c.issuerTransport(),
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", jwt.Rule, err)
	}
	return v, nil
}

const issuerConnectTimeout = 5 * time.Second

// issuerTransport takes the proxy that there may be on the way out, unlike that to peers.
func (c *Config) issuerTransport() http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	t := outbound.Transport(&net.Dialer{Timeout: issuerConnectTimeout})
	t.Proxy = http.ProxyFromEnvironment
	return t
}

// followIssuer keeps the keys of the issuer that counts until ctx ends. While it does not answer, those that are known count.
func (s *Server) followIssuer(ctx context.Context) {
	for ctx.Err() == nil {
		of, end := context.WithCancel(ctx)
		var wg sync.WaitGroup
		issuer := s.guard.rules.Load().jwt
		if issuer != nil {
			wg.Go(func() { issuer.Run(of, s.keysFetched, s.keysMissing) })
		}
		for s.guard.rules.Load().jwt == issuer && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-s.guard.issuer:
			}
		}
		end()
		wg.Wait()
	}
}

func (s *Server) keysFetched(keys int) { s.log.Info("keys for tokens fetched", "keys", keys) }

func (s *Server) keysMissing(err error) {
	s.log.Error("cannot fetch keys for tokens, keeping those that are known", "err", err)
}
