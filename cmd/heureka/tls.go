package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/spf13/pflag"
)

// tlsFlags are the files, in PEM, by which commands speak to servers under https.
type tlsFlags struct{ ca, cert, key string }

func (f *tlsFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.ca, "cacert", "", "file with the authorities to trust for https, in PEM (default the system's)")
	fl.StringVar(&f.cert, "cert", "", "file with a certificate to show to servers, in PEM")
	fl.StringVar(&f.key, "key", "", "file with the private key of --cert (default the file of --cert)")
}

// config reads the files. Without any it is nil, which stands for the system's authorities.
func (f *tlsFlags) config() (*tls.Config, error) {
	if *f == (tlsFlags{}) {
		return nil, nil
	}
	cfg := &tls.Config{}
	if f.ca != "" {
		text, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, usage("", "--cacert: %v", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, usage("want PEM, which begins with -----BEGIN CERTIFICATE-----", "--cacert: no certificate in %s", f.ca)
		}
	}
	if f.key != "" && f.cert == "" {
		return nil, usage("", "--key needs --cert")
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, cmp.Or(f.key, f.cert))
		if err != nil {
			return nil, usage("", "--cert: %v", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
