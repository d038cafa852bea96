package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// secure compares heartbeats on kept connections: TLS with plain HTTP, and each way to tell who one is with a node that asks nobody.
// Passwords and tokens are compared without TLS, whose cost would hide theirs.
func (r *rig) secure(ctx context.Context, rep *report) error {
	defer r.stopAll()
	m, err := r.makeMaterial()
	if err != nil {
		return err
	}
	start := func(scheme string, settings ...string) (*process, error) {
		p, err := r.heureka(ctx, settings...)
		if err == nil {
			p.url = strings.Replace(p.url, "http://", scheme+"://", 1) // a node under TLS answers plain requests, too: 400
		}
		return p, err
	}
	open, errOpen := start("http")
	known, errKnown := start("http", m.identities...)
	encrypted, errTLS := start("https", m.tls...)
	mutual, errMutual := start("https", append(m.tls, m.certificates...)...)
	for _, err := range []error{errOpen, errKnown, errTLS, errMutual} {
		if err != nil {
			return err
		}
	}
	load := func(p *process, shown *tls.Config, authorization string) bench.Config {
		cfg := r.config(p, bench.Heartbeat, r.instances())
		cfg.TLS = shown
		if authorization != "" {
			cfg.Show = func(h http.Header) error { h.Set("Authorization", authorization); return nil }
		}
		return cfg
	}
	plain, underTLS := load(open, nil, ""), load(encrypted, m.trust, "")
	for _, pair := range []struct {
		what, goal string
		a, b       bench.Config
	}{
		{"heartbeat, TLS / plain, connections kept", "", underTLS, plain},
		{"heartbeat, password / nobody is asked", "at most 1.10", load(known, nil, m.password), plain},
		{"heartbeat, JWT (RS256, 1 kB) / nobody is asked", "at most 1.10", load(known, nil, m.token), plain},
		{"heartbeat, client certificate / TLS alone", "at most 1.10", load(mutual, m.shown, ""), underTLS},
	} {
		if err := r.compare(ctx, rep, pair.what, pair.goal, pair.a, pair.b); err != nil {
			return err
		}
	}
	return nil
}

// material is what proves who somebody is, and the settings of nodes that are to know it.
type material struct {
	tls, identities, certificates []string // settings
	trust, shown                  *tls.Config
	password, token               string // values of Authorization
}

const benchUser, benchPassword = "bench", "bench-password"

func (r *rig) makeMaterial() (*material, error) {
	file := func(name string) string { return filepath.Join(r.dir, name) }
	m := &material{
		tls: []string{"--server.ssl.certificate=" + file("cert.pem"), "--server.ssl.certificate-private-key=" + file("key.pem")},
		certificates: []string{"--server.ssl.client-auth=need", "--server.ssl.trust-certificate=" + file("cert.pem"),
			"--heureka.auth.certificates[0].dns=localhost", "--heureka.auth.certificates[0].roles=register"},
		identities: []string{"--spring.security.user.name=" + benchUser, "--spring.security.user.password=file:" + file("password"), "--spring.security.user.roles=register",
			"--spring.security.oauth2.resourceserver.jwt.public-key-location=" + file("issuer.pem"), "--spring.security.oauth2.resourceserver.jwt.audiences=bench"},
		password: "Basic " + base64.StdEncoding.EncodeToString([]byte(benchUser+":"+benchPassword)),
	}
	cert, key, err := selfSigned()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	m.trust, m.shown = &tls.Config{RootCAs: roots}, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	var issuer []byte
	if m.token, issuer, err = signedToken(); err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{"cert.pem": cert, "key.pem": key, "issuer.pem": issuer, "password": []byte(benchPassword)} {
		if err := os.WriteFile(file(name), text, 0o600); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// selfSigned returns a certificate for this machine, for servers and clients, and its key.
func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// signedToken returns a JWT of about a kilobyte as a bearer, and the key that verifies it.
func signedToken() (bearer string, public []byte, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", nil, err
	}
	claims, err := json.Marshal(map[string]any{"sub": benchUser, "aud": "bench", "scope": "register", "iat": time.Now().Unix(),
		"exp": time.Now().Add(24 * time.Hour).Unix(), "groups": strings.Repeat("x", 400)})
	if err != nil {
		return "", nil, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	return "Bearer " + text + "." + encode(signature), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}
