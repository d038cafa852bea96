// Package remote is a registry behind a URL: the verbs of a Eureka server, spoken over HTTP. It builds paths, queries and
// bodies, limits what it reads, and turns answers into values or errors. Which server to ask, how often, and what to do
// when it does not answer is left to its callers: the client, the peers of a cluster and the command line.
package remote

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/wire"
)

// The limits on the size of an answer, decompressed. They are far above what servers send and exist so that an endless
// body ends in an error.
const (
	DefaultMaxRegistryBytes = 128 << 20
	DefaultMaxBytes         = 16 << 20
)

// HeaderAllowRedirect tells a server that redirects are welcome (C-RD-2).
const HeaderAllowRedirect = "X-Discovery-AllowRedirect"

// MaxRedirects is how many redirects one call follows if they are allowed at all (W-GOCLI-13).
const MaxRedirects = 10

// Config describes one server and how to talk to it. URL and Transport are required; the zero value of all else works.
type Config struct {
	// URL is the base of the API, such as "http://user:password@host:8761/eureka/". A missing trailing slash is added.
	// Credentials become basic authentication, sent with every request to this host and to no other (C-AU-1, C-AU-3);
	// they appear in no error and no log.
	URL string

	// Transport does the exchanges. Connection pools, TLS and connect time-outs are its business.
	Transport http.RoundTripper

	// Header is sent with every request. New copies it. The protocol's own headers win.
	Header http.Header

	// ClientName, ClientVersion and ClientID are the identity headers (W-HDR-2); empty ones are left out.
	ClientName, ClientVersion, ClientID string

	// Detail says how much of each instance to ask for (W-HDR-4).
	Detail wire.Detail

	// DisableGzip asks for plain answers. Some Netflix servers answer 406 to that (W-GOCLI-5).
	DisableGzip bool

	// FollowRedirects lets GETs follow up to MaxRedirects redirects to another server's API; credentials do not travel
	// to another host. Otherwise, and for all other methods, a redirect is a *RedirectError.
	FollowRedirects bool

	// ReadTimeout is the longest silence of the server: while it is awaited, and between two pieces of a body that is
	// being sent or received. A large answer may take longer as a whole (C-HT-4). Zero: only the context limits a call.
	ReadTimeout time.Duration

	// MaxRegistryBytes limits Apps, EachInstance, Delta, VIP and SVIP, MaxBytes all other answers. Zero stands for the
	// defaults.
	MaxRegistryBytes, MaxBytes int64
}

// A Conn speaks to one server. It holds no connection of its own, needs no closing, and is safe for concurrent use.
type Conn struct {
	cfg    Config
	base   url.URL     // without credentials; Path ends in "/"
	auth   string      // value of the Authorization header, or ""
	header http.Header // sent with every request, never changed
	shown  string      // base as errors show it
}

// New returns a Conn. It sends nothing.
func New(cfg Config) (*Conn, error) {
	base, user, err := parseBase(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Transport == nil {
		return nil, errors.New("server URL without a transport")
	}
	if cfg.MaxRegistryBytes <= 0 {
		cfg.MaxRegistryBytes = DefaultMaxRegistryBytes
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	cfg.URL = ""
	c := &Conn{cfg: cfg, base: *base, auth: basicAuth(user), shown: base.String()}
	c.header = c.commonHeader()
	return c, nil
}

// parseBase separates a server's URL from its credentials.
func parseBase(raw string) (*url.URL, *url.Userinfo, error) {
	u, err := outbound.ParseURL(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("server URL %w", err)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return nil, nil, fmt.Errorf("server URL of %s must not have a query or a fragment", u.Host)
	}
	user := u.User
	base := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
		if base.RawPath != "" {
			base.RawPath += "/"
		}
	}
	return base, user, nil
}

// basicAuth splits at the first colon and allows an empty password, unlike some Java transports (C-AU-2).
func basicAuth(user *url.Userinfo) string {
	if user == nil {
		return ""
	}
	password, _ := user.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password))
}

// commonHeader is put together once, because every request has it.
func (c *Conn) commonHeader() http.Header {
	h := make(http.Header, len(c.cfg.Header)+8)
	for k, v := range c.cfg.Header {
		h[http.CanonicalHeaderKey(k)] = slices.Clone(v)
	}
	set := func(key, value string) {
		if value != "" {
			h[http.CanonicalHeaderKey(key)] = []string{value}
		}
	}
	set("Accept", "application/json")
	set("Accept-Encoding", "gzip")
	if c.cfg.DisableGzip {
		set("Accept-Encoding", "identity")
	}
	if c.cfg.Detail == wire.Compact {
		set(wire.HeaderEurekaAccept, "compact")
	}
	set("Authorization", c.auth)
	set(wire.HeaderClientName, c.cfg.ClientName)
	set(wire.HeaderClientVer, c.cfg.ClientVersion)
	set(wire.HeaderClientID, c.cfg.ClientID)
	return h
}

// URL returns the base URL with its trailing slash and without credentials, fit for logs and metrics.
func (c *Conn) URL() string { return c.shown }

// Host returns host and port as the URL has them.
func (c *Conn) Host() string { return c.base.Host }

// At returns a Conn with the same settings for another server, whose URL may carry credentials of its own. Those of c,
// which may be in any header of Config.Header, are kept only if scheme and host are the same. Whoever sends from https to
// http is not followed.
func (c *Conn) At(rawURL string) (*Conn, error) {
	cfg := c.cfg
	cfg.URL = rawURL
	other, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if c.base.Scheme == "https" && other.base.Scheme != "https" {
		return nil, errors.New("redirected from https to http")
	}
	if other.base.Scheme != c.base.Scheme || other.base.Host != c.base.Host {
		other.cfg.Header = nil
		if v := c.cfg.Header.Get(HeaderAllowRedirect); v != "" {
			other.cfg.Header = http.Header{http.CanonicalHeaderKey(HeaderAllowRedirect): {v}}
		}
	} else if other.auth == "" {
		other.auth = c.auth
	}
	other.header = other.commonHeader()
	return other, nil
}
