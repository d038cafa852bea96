package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// tlsFiles are the files of an HTTPConfig. They are read for each new connection, so that what replaces them is used without a
// restart; as long as they cannot be used, what was read last is.
type tlsFiles struct {
	cert, key, ca string
	program       []tls.Certificate // those of HTTPConfig.TLS

	pair  atomic.Pointer[tls.Certificate]
	roots atomic.Pointer[x509.CertPool]
}

// tlsConfig adds the files to the program's own settings. Verification stays on unless those turn it off (C-TL-1).
func tlsConfig(cfg *Config) (*tls.Config, *tlsFiles, error) {
	t := &tls.Config{}
	if cfg.HTTP.TLS != nil {
		t = cfg.HTTP.TLS.Clone()
	}
	f := &tlsFiles{cert: cfg.HTTP.TLSCertFile, key: cfg.HTTP.TLSKeyFile, ca: cfg.HTTP.TLSCAFile, program: t.Certificates}
	setDefault(&f.key, f.cert)
	if f.cert != "" {
		if err := f.readPair(time.Now()); err != nil {
			return nil, nil, fmt.Errorf("TLS certificate: %w", err)
		}
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
	if f.pair.Load() == nil || now.Before(pair.Leaf.NotAfter) {
		f.pair.Store(&pair)
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
	_ = f.readPair(time.Now()) // the pair before stays
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
		_ = f.readRoots() // those before stay
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
