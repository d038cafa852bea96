package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Source is TLS as its files say it now. Its methods are safe for concurrent use.
type Source struct {
	files  Files
	policy tls.Config // what does not depend on the files

	current  atomic.Pointer[state]
	reloads  atomic.Uint64
	failures atomic.Uint64

	mu   sync.Mutex
	seen *contents // what was read last, good or bad
}

// A state is what the files meant when they were read.
type state struct {
	server, client *tls.Config
	roots          *x509.CertPool // nil: none configured
	notAfter       time.Time      // zero without a certificate
}

// Open reads the files, and fails unless all of them can be used now. Policy is what holds whatever stands in them.
func Open(files Files, policy *Policy, now time.Time) (*Source, error) {
	s := &Source{files: files}
	if err := policy.apply(&s.policy, &files); err != nil {
		return nil, err
	}
	c, err := files.read()
	if err != nil {
		return nil, err
	}
	m, err := files.parse(c, now)
	if err != nil {
		return nil, err
	}
	s.seen = c
	s.current.Store(s.state(m))
	return s, nil
}

func (s *Source) state(m *material) *state {
	server, client := s.policy.Clone(), s.policy.Clone()
	server.ClientCAs, client.RootCAs = m.roots, m.roots
	client.ClientAuth = tls.NoClientCert
	st := &state{server: server, client: client, roots: m.roots}
	if m.pair != nil {
		server.Certificates, client.Certificates = []tls.Certificate{*m.pair}, []tls.Certificate{*m.pair}
		st.notAfter = m.pair.Leaf.NotAfter
	}
	return st
}

// Refresh reads the files again. If something new stands in them, it is used from now on, or, if it is bad, kept out until
// it changes. The error says why, once.
func (s *Source) Refresh(now time.Time) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.files.read()
	if err != nil {
		c = &contents{cert: []byte(err.Error())}
	}
	if c.equal(s.seen) {
		return false, nil
	}
	s.seen = c
	var m *material
	if err == nil {
		m, err = s.files.parse(c, now)
	}
	if err != nil {
		s.failures.Add(1)
		return false, err
	}
	s.current.Store(s.state(m))
	s.reloads.Add(1)
	return true, nil
}

// SetPasswords makes the next Refresh read the stores with other passwords, if they are others.
func (s *Source) SetPasswords(keyStore, trustStore string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files.KeyStorePassword != keyStore || s.files.TrustStorePassword != trustStore {
		s.files.KeyStorePassword, s.files.TrustStorePassword, s.seen = keyStore, trustStore, new(contents)
	}
}

// Stats are what became of the files.
type Stats struct {
	NotAfter time.Time // of the certificate in use; zero without one
	Reloads  uint64    // new material taken
	Failures uint64    // new material kept out
}

// Stats returns the numbers.
func (s *Source) Stats() Stats {
	return Stats{NotAfter: s.current.Load().notAfter, Reloads: s.reloads.Load(), Failures: s.failures.Load()}
}

// Verify returns an error unless a client showed this chain, leaf first, that an authority of the files as they are now stands for.
// A certificate that lists what it is for must list clients.
func (s *Source) Verify(chain []*x509.Certificate, now time.Time) error {
	roots := s.current.Load().roots
	if roots == nil {
		return errors.New("nobody is trusted")
	}
	opts := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	for _, c := range chain[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := chain[0].Verify(opts)
	return err
}

// Server returns what a listener needs. Each handshake has the newest material.
func (s *Source) Server() *tls.Config {
	return &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load().server, nil }}
}

// Listen returns a listener for TLS over ln.
func (s *Source) Listen(ln net.Listener) net.Listener { return tls.NewListener(ln, s.Server()) }

// Dial returns a dialer for TLS connections to others, over dial, with the newest material for each.
func (s *Source) Dial(dial func(ctx context.Context, network, addr string) (net.Conn, error), limit time.Duration) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		cfg := s.current.Load().client.Clone()
		if cfg.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			return nil, closing(raw, err)
		}
		conn := tls.Client(raw, cfg)
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, closing(raw, err)
		}
		return conn, nil
	}
}

func closing(raw net.Conn, err error) error {
	_ = raw.Close() // err matters
	return err
}

// A chain is kept for as long as its connection, and may have 256 KiB as far as TLS goes.
const (
	maxChain      = 10
	maxChainBytes = 64 << 10
)

// boundChain refuses longer chains than anybody needs.
func boundChain(c tls.ConnectionState) error {
	size := 0
	for _, cert := range c.PeerCertificates {
		size += len(cert.Raw)
	}
	if len(c.PeerCertificates) > maxChain || size > maxChainBytes {
		return fmt.Errorf("chain of %d certificates with %d bytes is too long: want %d with %d at most", len(c.PeerCertificates), size, maxChain, maxChainBytes)
	}
	return nil
}

// A Policy is what holds whatever stands in the files.
type Policy struct {
	ClientAuth string   // of a server: none, want or need; "" is none
	Protocols  []string // of TLSv1.2 and TLSv1.3; none: both
	Ciphers    []string // of TLS 1.2, by their IANA names; none: Go's choice

	// Judged says that somebody calls Verify: with ClientAuth want, certificates of strangers then pass the handshake, so that
	// they can be answered.
	Judged bool
}

var (
	clientAuths = map[string]tls.ClientAuthType{"": tls.NoClientCert, "none": tls.NoClientCert, "want": tls.VerifyClientCertIfGiven, "need": tls.RequireAndVerifyClientCert}
	protocols   = map[string]uint16{"TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13}
)

func (p *Policy) apply(cfg *tls.Config, files *Files) error {
	cfg.MinVersion, cfg.NextProtos, cfg.VerifyConnection = tls.VersionTLS12, []string{"http/1.1"}, boundChain
	if p == nil {
		return nil
	}
	auth, ok := clientAuths[strings.ToLower(p.ClientAuth)]
	if !ok {
		return fmt.Errorf("client-auth is %q: want none, want or need", p.ClientAuth)
	}
	if cfg.ClientAuth = auth; auth != tls.NoClientCert && !files.HasTrust() {
		return fmt.Errorf("client-auth is %s, but nothing says which certificates to trust: set trust-certificate or trust-store", p.ClientAuth)
	}
	if p.Judged && auth == tls.VerifyClientCertIfGiven {
		cfg.ClientAuth = tls.RequestClientCert
	}
	if err := p.versions(cfg); err != nil {
		return err
	}
	return p.ciphers(cfg)
}

func (p *Policy) versions(cfg *tls.Config) error {
	for i, name := range p.Protocols {
		v, ok := protocols[name]
		if !ok {
			return fmt.Errorf("protocol %q: want TLSv1.2 or TLSv1.3", name)
		}
		if i == 0 {
			cfg.MinVersion, cfg.MaxVersion = v, v
		}
		cfg.MinVersion, cfg.MaxVersion = min(cfg.MinVersion, v), max(cfg.MaxVersion, v)
	}
	return nil
}

func (p *Policy) ciphers(cfg *tls.Config) error {
	for _, name := range p.Ciphers {
		known := func(c *tls.CipherSuite) bool { return c.Name == name }
		suites := tls.CipherSuites()
		i := slices.IndexFunc(suites, known)
		if i < 0 {
			return fmt.Errorf("cipher %q is not one that is safe and known by this IANA name", name)
		}
		cfg.CipherSuites = append(cfg.CipherSuites, suites[i].ID)
	}
	return nil
}
