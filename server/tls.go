package server

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/internal/tlsconf"
)

// TLSFiles say where a certificate with its key, and whom to trust, come from. A location is a path, file: and a path, or PEM
// text itself. A store is PKCS12, or PEM with all in one file. What stands there is read again each second.
type TLSFiles struct {
	Certificate, PrivateKey, TrustCertificate string // PEM
	KeyStore, KeyStorePassword                string // instead of the first two
	TrustStore, TrustStorePassword            string // instead of the third
}

// TLS says how a listener speaks TLS. It does if there is a certificate.
type TLS struct {
	TLSFiles
	Disabled   bool
	ClientAuth string   // none, want or need a certificate of clients; "" is none
	Protocols  []string // of TLSv1.2 and TLSv1.3; none: both
	Ciphers    []string // of TLS 1.2, by their IANA names; none: Go's choice
}

// PeerTLS says how the node speaks TLS to peers and regions. Not enabled, it shows no certificate and trusts the system's
// authorities.
type PeerTLS struct {
	TLSFiles
	Enabled bool
}

// tlsSources are where TLS has its settings from; each nil where there is no TLS.
type tlsSources struct{ serving, management, peers *tlsconf.Source }

// openTLS reads the files. A node that is asked for TLS and cannot have it does not start.
func (s *Server) openTLS(now time.Time) error {
	var err error
	if s.tls.serving, err = s.cfg.TLS.open(s.guard != nil, now); err != nil {
		return fmt.Errorf("server.ssl: %w", err)
	}
	management := s.cfg.managementTLS()
	if s.tls.management, err = management.open(s.guard != nil, now); err != nil {
		return fmt.Errorf("management.server.ssl: %w", err)
	}
	if p := s.cfg.PeerTLS; p.Enabled {
		if s.tls.peers, err = tlsconf.Open(tlsconf.Files(p.TLSFiles), nil, now); err != nil {
			return fmt.Errorf("eureka.client.tls: %w", err)
		}
	}
	if s.cfg.AcceptPlain && s.tls.serving == nil {
		return fmt.Errorf("heureka.tls.accept-plain is on, but server.ssl has no certificate")
	}
	return nil
}

func (t *TLS) open(judged bool, now time.Time) (*tlsconf.Source, error) {
	files := tlsconf.Files(t.TLSFiles)
	if t.Disabled || !files.HasKey() {
		return nil, nil
	}
	return tlsconf.Open(files, &tlsconf.Policy{ClientAuth: t.ClientAuth, Protocols: t.Protocols, Ciphers: t.Ciphers, Judged: judged}, now)
}

// managementTLS is that of the port for health and metrics, if there is one: with its own files, or those of the API, but never
// with the API's demand for certificates, which would lock probes out.
func (c *Config) managementTLS() TLS {
	t := c.ManagementTLS
	switch files := tlsconf.Files(t.TLSFiles); {
	case c.Management != ManagementSeparate:
		return TLS{}
	case t.Disabled || files.HasKey():
		return t
	}
	own := c.TLS
	own.ClientAuth = t.ClientAuth
	return own
}

// listen puts TLS over the connections, if it is configured.
func (f front) listen(src *tlsconf.Source, acceptPlain bool) net.Listener {
	switch {
	case src == nil:
		return f.conns
	case acceptPlain:
		return f.conns.Both(src.Server())
	}
	return src.Listen(f.conns)
}

// outgoing is the transport to peers and regions, with the node's own TLS settings for https.
func (s *Server) outgoing() http.RoundTripper {
	t := s.cfg.peerTransport()
	if own, ok := t.(*http.Transport); ok && s.cfg.Transport == nil && s.tls.peers != nil {
		own.DialTLSContext = s.tls.peers.Dial(own.DialContext, s.cfg.PeerReadTimeout)
	}
	return t
}

// A tlsUse is one of the sources with what it is for.
type tlsUse struct {
	name string
	*tlsconf.Source
}

// uses returns the sources that there are.
func (t *tlsSources) uses() []tlsUse {
	var all []tlsUse
	for _, u := range []tlsUse{{"server", t.serving}, {"management", t.management}, {"peers", t.peers}} {
		if u.Source != nil {
			all = append(all, u)
		}
	}
	return all
}

// tlsInterval is how often the files are looked at. They are small, and parsed only when they have changed.
const tlsInterval = time.Second

// refreshTLS takes over what has changed in the files.
func (s *Server) refreshTLS(now time.Time) {
	log := logs.Named(s.log, logs.Server)
	for _, u := range s.tls.uses() {
		changed, err := u.Refresh(now)
		switch {
		case err != nil:
			log.Error("cannot use new TLS files, keeping the current ones", "use", u.name, "err", err, "expires", u.Stats().NotAfter)
		case changed:
			log.Info("TLS files read again", "use", u.name, "expires", u.Stats().NotAfter)
		}
	}
}

// setTLSPasswords takes over passwords of stores. What a store holds is used when its password fits.
func (s *Server) setTLSPasswords(cfg *Config) {
	management := cfg.managementTLS()
	for src, files := range map[*tlsconf.Source]*TLSFiles{s.tls.serving: &cfg.TLS.TLSFiles, s.tls.management: &management.TLSFiles, s.tls.peers: &cfg.PeerTLS.TLSFiles} {
		if src != nil {
			src.SetPasswords(files.KeyStorePassword, files.TrustStorePassword)
		}
	}
	s.refreshTLS(time.Now())
}
