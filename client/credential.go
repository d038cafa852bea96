package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// A Credential proves who the client is.
type Credential struct {
	// Authorization is the value of that header, such as "Bearer eyJh…".
	Authorization string
	// Expires is when to ask for the next one. Zero: once a server refuses this one.
	Expires time.Time
}

// credentials remembers what HTTPConfig.Credential has returned.
type credentials struct {
	ask     func(ctx context.Context) (Credential, error)
	turn    chan struct{} // holds one: whose turn it is to ask
	current atomic.Pointer[Credential]
}

// usable returns the current credential unless it is over, or the one that was refused.
func (c *credentials) usable(refused *Credential) *Credential {
	if now := c.current.Load(); now != nil && now != refused && (now.Expires.IsZero() || time.Now().Before(now.Expires)) {
		return now
	}
	return nil
}

// get returns a credential other than the one that was refused, if any was.
func (c *credentials) get(ctx context.Context, refused *Credential) (*Credential, error) {
	if now := c.usable(refused); now != nil {
		return now, nil
	}
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if now := c.usable(refused); now != nil { // somebody else has asked meanwhile
		return now, nil
	}
	next, err := c.ask(ctx)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	c.current.Store(&next)
	return &next, nil
}

// to returns a transport that shows credentials to the server of that URL, and to no other: redirects lead elsewhere.
func (c *credentials) to(server string, next http.RoundTripper) http.RoundTripper {
	u, err := url.Parse(strings.TrimSpace(server))
	if err != nil { // remote.New says so
		return next
	}
	return &authorized{credentials: c, scheme: u.Scheme, host: u.Host, next: next}
}

// authorized is a transport for one server.
type authorized struct {
	*credentials
	scheme, host string
	next         http.RoundTripper
}

func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != a.scheme || r.URL.Host != a.host {
		return a.next.RoundTrip(r)
	}
	cred, err := a.get(r.Context(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.next.RoundTrip(showing(r, cred))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	again := r
	if r.GetBody != nil {
		again = r.Clone(r.Context())
		if again.Body, err = r.GetBody(); err != nil {
			return resp, nil // the refusal is an answer
		}
	}
	next, err := a.get(r.Context(), cred)
	if err != nil || next.Authorization == cred.Authorization {
		return resp, nil // the refusal stands
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10))
	_ = resp.Body.Close()
	return a.next.RoundTrip(showing(again, next))
}

// showing returns a copy, because a RoundTripper leaves requests as they are.
func showing(r *http.Request, c *Credential) *http.Request {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", c.Authorization)
	return r
}
