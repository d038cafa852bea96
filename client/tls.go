package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// tlsFiles are the files of an HTTPConfig. They are read for each new connection, so that what replaces them is used without a
// restart; as long as they cannot be used, what was read last is.
type tlsFiles struct {
	cert, key, ca string
	program       []tls.Certificate // those of HTTPConfig.TLS
	log           *slog.Logger

	pair  atomic.Pointer[tls.Certificate]
	roots atomic.Pointer[x509.CertPool]

	ofPair, ofRoots complaint
}

// A complaint is what is wrong with a file, so that the log has it once. Safe for concurrent use.
type complaint struct {
	mu   sync.Mutex
	text string // "" while nothing is
}

func (c *complaint) report(log *slog.Logger, file string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch before := c.replace(text); {
	case before == text:
	case err != nil:
		log.Warn("cannot use TLS file, keeping what it was before", "file", file, "err", err)
	default:
		log.Info("TLS file works again", "file", file)
	}
}

// replace returns what it was before.
func (c *complaint) replace(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.text
	c.text = text
	return before
}

// tlsConfig adds the files to the program's own settings. Verification stays on unless those turn it off (C-TL-1).
func tlsConfig(cfg *Config) (*tls.Config, *tlsFiles, error) {
	t := &tls.Config{}
	if cfg.HTTP.TLS != nil {
		t = cfg.HTTP.TLS.Clone()
	}
	f := &tlsFiles{cert: cfg.HTTP.TLSCertFile, key: cfg.HTTP.TLSKeyFile, ca: cfg.HTTP.TLSCAFile, program: t.Certificates, log: cfg.Logger}
	setDefault(&f.key, f.cert)
	if f.cert != "" {
		err := f.readPair(time.Now())
		if err != nil && f.pair.Load() == nil {
			return nil, nil, fmt.Errorf("TLS certificate: %w", err)
		}
		f.ofPair.report(f.log, f.cert, err) // servers refuse one that has expired, and say so
		t.GetClientCertificate = f.certificate
	}
	if f.ca != "" {
		if err := f.readRoots(); err != nil {
			return nil, nil, fmt.Errorf("TLS roots: %w", err)
		}
		t.RootCAs = f.roots.Load()
	}
	return t, f, nil
}

// readPair keeps a certificate out that is over: the one before may still be in date.
func (f *tlsFiles) readPair(now time.Time) error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return err
	}
	over := now.After(pair.Leaf.NotAfter)
	if f.pair.Load() == nil || !over {
		f.pair.Store(&pair)
	}
	if over {
		return fmt.Errorf("the certificate has expired on %s", pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

func (f *tlsFiles) readRoots() error {
	pem, err := os.ReadFile(f.ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("no certificate in %s", f.ca)
	}
	f.roots.Store(roots)
	return nil
}

// certificate chooses among the program's own and the file's, as TLS does without it.
func (f *tlsFiles) certificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	f.ofPair.report(f.log, f.cert, f.readPair(time.Now())) // the pair before stays
	for i := range f.program {
		if info.SupportsCertificate(&f.program[i]) == nil {
			return &f.program[i], nil
		}
	}
	if pair := f.pair.Load(); info.SupportsCertificate(pair) == nil {
		return pair, nil
	}
	return new(tls.Certificate), nil
}

// dial makes TLS connections of t with the newest roots. Connections through a proxy keep those of the start.
func (f *tlsFiles) dial(t *http.Transport) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		raw, err := t.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		f.ofRoots.report(f.log, f.ca, f.readRoots()) // those before stay
		cfg := t.TLSClientConfig.Clone()
		cfg.RootCAs = f.roots.Load()
		if cfg.ServerName == "" {
			cfg.ServerName, _, _ = net.SplitHostPort(addr) // it was dialled
		}
		ctx, cancel := context.WithTimeout(ctx, t.TLSHandshakeTimeout)
		defer cancel()
		conn := tls.Client(raw, cfg)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close() // err matters
			return nil, err
		}
		return conn, nil
	}
}
