// Package tlsconf makes TLS settings of files, and follows the files: a new certificate is read whole, matched with its key
// and looked at for its dates before it is used; a bad one is kept out. Which connections use it is left to others.
package tlsconf

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"
)

// Files say where a certificate with its key, and whom to trust, come from. A location is a path, file: and a path, or PEM
// text itself. A store is PKCS12, or PEM with all in one file: what it holds decides.
type Files struct {
	Certificate, PrivateKey, TrustCertificate string // PEM
	KeyStore, KeyStorePassword                string // instead of the first two
	TrustStore, TrustStorePassword            string // instead of the third
}

// HasKey reports whether a certificate with a key is configured.
func (f *Files) HasKey() bool { return f.Certificate != "" || f.KeyStore != "" }

// HasTrust reports whether authorities are configured.
func (f *Files) HasTrust() bool { return f.TrustCertificate != "" || f.TrustStore != "" }

// contents are what stood in the files at one time.
type contents struct{ cert, key, trust []byte }

func (c *contents) equal(d *contents) bool {
	return bytes.Equal(c.cert, d.cert) && bytes.Equal(c.key, d.key) && bytes.Equal(c.trust, d.trust)
}

func (f *Files) read() (*contents, error) {
	var c contents
	var errs [3]error
	if f.Certificate != "" {
		c.cert, errs[0] = content(f.Certificate)
		if f.PrivateKey != "" {
			c.key, errs[1] = content(f.PrivateKey)
		}
	} else if f.KeyStore != "" {
		c.cert, errs[0] = content(f.KeyStore)
	}
	if f.TrustCertificate != "" {
		c.trust, errs[2] = content(f.TrustCertificate)
	} else if f.TrustStore != "" {
		c.trust, errs[2] = content(f.TrustStore)
	}
	return &c, errors.Join(errs[:]...)
}

func content(location string) ([]byte, error) {
	if strings.Contains(location, "-----BEGIN") {
		return []byte(location), nil
	}
	if strings.HasPrefix(location, "classpath:") {
		return nil, fmt.Errorf("%s: there is no class path here; name the file itself", location)
	}
	path := strings.TrimPrefix(location, "file:")
	if after, ok := strings.CutPrefix(path, "//"); ok {
		path = after
	}
	return os.ReadFile(path)
}

// material is what the files mean.
type material struct {
	pair  *tls.Certificate // nil: none configured
	roots *x509.CertPool   // nil: none configured
}

func (f *Files) parse(c *contents, now time.Time) (*material, error) {
	var m material
	var err error
	if c.cert != nil {
		if m.pair, err = f.pair(c, now); err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
	}
	if c.trust != nil {
		if m.roots, err = f.roots(c.trust); err != nil {
			return nil, fmt.Errorf("trusted certificates: %w", err)
		}
	}
	return &m, nil
}

// pair reads the certificate and its key, and refuses one that clients would.
func (f *Files) pair(c *contents, now time.Time) (*tls.Certificate, error) {
	var pair *tls.Certificate
	var err error
	if isPEM(c.cert) {
		pair, err = pemPair(c)
	} else {
		pair, err = storePair(c.cert, f.KeyStorePassword)
	}
	if err != nil {
		return nil, err
	}
	switch leaf := pair.Leaf; {
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("is not valid before %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	case !now.Before(leaf.NotAfter):
		return nil, fmt.Errorf("expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return pair, nil
}

func pemPair(c *contents) (*tls.Certificate, error) {
	key := c.key
	if key == nil {
		key = c.cert
	}
	if encrypted(key) {
		return nil, errors.New("the private key has a password, which only PKCS12 may have here: openssl pkcs12 -export makes one of certificate and key")
	}
	pair, err := tls.X509KeyPair(c.cert, key)
	return &pair, err
}

func encrypted(key []byte) bool {
	for block, rest := pem.Decode(key); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
			return true
		}
	}
	return false
}

// storePair reads a PKCS12 store with one key.
func storePair(store []byte, password string) (*tls.Certificate, error) {
	if err := refuseJKS(store); err != nil {
		return nil, err
	}
	key, leaf, chain, err := pkcs12.DecodeChain(store, password)
	if err != nil {
		return nil, err
	}
	if signer, ok := key.(crypto.Signer); !ok || !samePublic(signer.Public(), leaf.PublicKey) {
		return nil, errors.New("certificate and private key do not belong together")
	}
	pair := &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, c := range chain {
		pair.Certificate = append(pair.Certificate, c.Raw)
	}
	return pair, nil
}

func samePublic(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func (f *Files) roots(trust []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if isPEM(trust) {
		if !pool.AppendCertsFromPEM(trust) {
			return nil, errors.New("there is none in the file")
		}
		return pool, nil
	}
	if err := refuseJKS(trust); err != nil {
		return nil, err
	}
	certs, err := pkcs12.DecodeTrustStore(trust, f.TrustStorePassword)
	if err != nil {
		return nil, err
	}
	for _, c := range certs {
		pool.AddCert(c)
	}
	return pool, nil
}

func isPEM(b []byte) bool { return bytes.Contains(b, []byte("-----BEGIN")) }

// jksMagic begins a store in the format of Java's own.
var jksMagic = []byte{0xfe, 0xed, 0xfe, 0xed}

func refuseJKS(store []byte) error {
	if bytes.HasPrefix(store, jksMagic) {
		return errors.New("the store is JKS, which only Java reads: keytool -importkeystore -srckeystore OLD.jks -destkeystore NEW.p12 -deststoretype PKCS12 converts it")
	}
	return nil
}
