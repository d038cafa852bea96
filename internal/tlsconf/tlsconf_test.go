package tlsconf_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"heureka.internal/heureka/internal/tlsconf"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

func TestOpen(t *testing.T) {
	ca, dir, now := tlsconftest.New(t), t.TempDir(), time.Now()
	good, other, old := ca.Sign(now.Add(time.Hour)), ca.Sign(now.Add(time.Hour)), ca.Sign(now.Add(-time.Minute))
	store, err := pkcs12.Modern.Encode(good.Key, good.Leaf, nil, "geheim")
	if err != nil {
		t.Fatal(err)
	}
	oldStore, err := pkcs12.Modern.Encode(old.Key, old.Leaf, nil, "geheim")
	if err != nil {
		t.Fatal(err)
	}
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.Cert}, "geheim")
	if err != nil {
		t.Fatal(err)
	}
	tlsconftest.Write(t, dir, map[string][]byte{
		"cert.pem": good.Cert, "key.pem": good.PEM, "other.key": other.PEM, "old.pem": old.Cert, "old.key": old.PEM, "half.pem": good.Cert[:len(good.Cert)/2],
		"both.pem": append(good.Cert[:len(good.Cert):len(good.Cert)], good.PEM...), "ca.pem": ca.PEM, "store.p12": store, "old.p12": oldStore, "trust.p12": trust,
		"java.jks": {0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2}, "locked.key": []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"),
	})
	file := func(name string) string { return filepath.Join(dir, name) }
	for name, tt := range map[string]struct {
		files  tlsconf.Files
		policy tlsconf.Policy
		want   string // of the error; "" for none
	}{
		"PEM":                 {files: tlsconf.Files{Certificate: file("cert.pem"), PrivateKey: "file:" + file("key.pem"), TrustCertificate: file("ca.pem")}},
		"PEM in the setting":  {files: tlsconf.Files{Certificate: string(good.Cert), PrivateKey: string(good.PEM)}},
		"PEM in one":          {files: tlsconf.Files{KeyStore: "file://" + file("both.pem"), TrustStore: file("ca.pem")}},
		"PKCS12":              {files: tlsconf.Files{KeyStore: file("store.p12"), KeyStorePassword: "geheim", TrustStore: file("trust.p12"), TrustStorePassword: "geheim"}},
		"no file":             {files: tlsconf.Files{Certificate: file("none.pem")}, want: "no such file"},
		"class path":          {files: tlsconf.Files{KeyStore: "classpath:store.p12"}, want: "no class path"},
		"another's key":       {files: tlsconf.Files{Certificate: file("cert.pem"), PrivateKey: file("other.key")}, want: "does not match"},
		"expired":             {files: tlsconf.Files{Certificate: file("old.pem"), PrivateKey: file("old.key")}, want: "expired at"},
		"expired in PKCS12":   {files: tlsconf.Files{KeyStore: file("old.p12"), KeyStorePassword: "geheim"}, want: "expired at"},
		"half":                {files: tlsconf.Files{Certificate: file("half.pem"), PrivateKey: file("key.pem")}, want: "certificate: "},
		"wrong password":      {files: tlsconf.Files{KeyStore: file("store.p12"), KeyStorePassword: "falsch"}, want: "password"},
		"JKS":                 {files: tlsconf.Files{KeyStore: file("java.jks")}, want: "keytool -importkeystore"},
		"JKS to trust":        {files: tlsconf.Files{TrustStore: file("java.jks")}, want: "keytool -importkeystore"},
		"key with password":   {files: tlsconf.Files{Certificate: file("cert.pem"), PrivateKey: file("locked.key")}, want: "openssl pkcs12"},
		"trust of nobody":     {files: tlsconf.Files{TrustCertificate: file("key.pem")}, want: "there is none"},
		"need without trust":  {files: tlsconf.Files{Certificate: file("cert.pem"), PrivateKey: file("key.pem")}, policy: tlsconf.Policy{ClientAuth: "need"}, want: "which certificates to trust"},
		"an old protocol":     {policy: tlsconf.Policy{Protocols: []string{"TLSv1.1"}}, want: "want TLSv1.2"},
		"an unknown cipher":   {policy: tlsconf.Policy{Ciphers: []string{"TLS_RSA_WITH_RC4_128_SHA"}}, want: "not one that is safe"},
		"protocol and cipher": {policy: tlsconf.Policy{Protocols: []string{"TLSv1.2", "TLSv1.3"}, Ciphers: []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}}},
	} {
		_, err := tlsconf.Open(tt.files, &tt.policy, now)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error tells a password: %v", name, err)
		}
	}
}

// What cannot be served is kept out, told once, and does not keep the next good one out.
func TestRefreshKeepsBadOnesOut(t *testing.T) {
	ca, dir, now := tlsconftest.New(t), t.TempDir(), time.Now()
	write := func(cert, key []byte) { tlsconftest.Write(t, dir, map[string][]byte{"c": cert, "k": key}) }
	first, second, old := ca.Sign(now.Add(time.Hour)), ca.Sign(now.Add(2*time.Hour)), ca.Sign(now.Add(-time.Minute))
	write(first.Cert, first.PEM)
	s, err := tlsconf.Open(tlsconf.Files{Certificate: filepath.Join(dir, "c"), PrivateKey: filepath.Join(dir, "k")}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	served := func() *x509.Certificate {
		cfg, _ := s.Server().GetConfigForClient(nil)
		return cfg.Certificates[0].Leaf
	}
	bad := map[string]func(){
		"half":       func() { write(second.Cert[:100], first.PEM) },
		"mismatched": func() { write(second.Cert, first.PEM) },
		"expired":    func() { write(old.Cert, old.PEM) },
		"gone":       func() { _ = os.Remove(filepath.Join(dir, "c")) },
	}
	for name, happens := range bad {
		happens()
		if changed, err := s.Refresh(now); changed || err == nil {
			t.Errorf("%s: changed %v, %v", name, changed, err)
		}
		if changed, err := s.Refresh(now); changed || err != nil {
			t.Errorf("%s, again: changed %v, %v", name, changed, err)
		}
		if !served().Equal(first.Leaf) {
			t.Errorf("%s is served", name)
		}
	}
	write(second.Cert, second.PEM)
	if changed, err := s.Refresh(now); !changed || err != nil || !served().Equal(second.Leaf) {
		t.Errorf("good: changed %v, %v", changed, err)
	}
	if got, want := s.Stats(), (tlsconf.Stats{NotAfter: second.Leaf.NotAfter, Reloads: 1, Failures: uint64(len(bad))}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
