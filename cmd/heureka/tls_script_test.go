package main

import (
	"crypto/x509"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// scriptCertificates writes an authority (ca.pem, trust.p12), a certificate for localhost (cert.pem, key.pem, store.p12) and one
// that another authority has signed (foreign.pem, foreign.key). The stores have the password geheim:
//
//	certificates
func scriptCertificates(ts *testscript.TestScript, _ bool, _ []string) {
	ca, end := tlsconftest.New(ts), time.Now().Add(time.Hour)
	own, foreign := ca.Sign(end), tlsconftest.New(ts).Sign(end)
	store, err := pkcs12.Modern.Encode(own.Key, own.Leaf, nil, "geheim")
	ts.Check(err)
	trust, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.Cert}, "geheim")
	ts.Check(err)
	tlsconftest.Write(ts, ts.MkAbs("."), map[string][]byte{"ca.pem": ca.PEM, "trust.p12": trust, "cert.pem": own.Cert, "key.pem": own.PEM, "store.p12": store,
		"foreign.pem": foreign.Cert, "foreign.key": foreign.PEM})
}
