// Package tlsconftest makes certificates for tests.
package tlsconftest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A T is a test, or a script.
type T interface {
	Fatalf(format string, args ...any)
}

// A CA signs certificates. Its methods end the test that made it when they fail.
type CA struct {
	t    T
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
	PEM  []byte
}

// New returns an authority of its own.
func New(t T) *CA {
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der := sign(t, template, template, key, key)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &CA{t: t, Cert: cert, key: key, PEM: encode("CERTIFICATE", der)}
}

// A Pair is a certificate with its key.
type Pair struct {
	Leaf      *x509.Certificate
	Key       *ecdsa.PrivateKey
	Cert, PEM []byte // in PEM: the certificate; its key
}

// Sign returns a certificate for localhost and these names, clients and servers, that ends then.
func (ca *CA) Sign(notAfter time.Time, names ...string) Pair {
	return ca.Issue(func(c *x509.Certificate) {
		c.NotAfter, c.DNSNames, c.IPAddresses = notAfter, append(names, "localhost"), []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	})
}

// Issue returns a certificate for clients and servers, for an hour and for nobody, apart from what change makes of it.
func (ca *CA) Issue(change func(*x509.Certificate)) Pair {
	key := newKey(ca.t)
	template := &x509.Certificate{SerialNumber: serial(ca.t), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	change(template)
	der := sign(ca.t, template, ca.Cert, key, ca.key)
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		ca.t.Fatalf("%v", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatalf("%v", err)
	}
	return Pair{Leaf: leaf, Key: key, Cert: encode("CERTIFICATE", der), PEM: encode("PRIVATE KEY", keyDER)}
}

// TLS returns what a client needs that trusts the authority, and shows this certificate if there is one.
func (ca *CA) TLS(own ...Pair) *tls.Config {
	cfg := &tls.Config{RootCAs: x509.NewCertPool()}
	cfg.RootCAs.AddCert(ca.Cert)
	for _, p := range own {
		cfg.Certificates = append(cfg.Certificates, tls.Certificate{Certificate: [][]byte{p.Leaf.Raw}, PrivateKey: p.Key})
	}
	return cfg
}

// Write puts each content into a file of its own in dir, whole at once.
func Write(t T, dir string, contents map[string][]byte) {
	for name, b := range contents {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+".new", b, 0o600); err != nil {
			t.Fatalf("%v", err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatalf("%v", err)
		}
	}
}

func newKey(t T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return key
}

func serial(t T) *big.Int {
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatalf("%v", err)
	}
	return n
}

func sign(t T, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return der
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
