package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/spf13/pflag"
)

// A namedFile is a file and who has named it: a flag or a context.
type namedFile struct{ path, from string }

// orElse takes a context's file where no flag has named one.
func (f *namedFile) orElse(path, context, what string) {
	if f.path == "" && path != "" {
		*f = namedFile{path, "context " + context + ": " + what}
	}
}

// addFile adds the flag prefix+name for a file.
func addFile(fl *pflag.FlagSet, f *namedFile, prefix, name, usage string) {
	f.from = "--" + prefix + name
	fl.StringVar(&f.path, prefix+name, "", usage)
}

// tlsFlags are the files, in PEM, by which commands speak to servers under https.
type tlsFlags struct{ ca, cert, key namedFile }

// add adds the flags; prefix, such as "compare-", begins their names.
func (f *tlsFlags) add(fl *pflag.FlagSet, prefix string) {
	addFile(fl, &f.ca, prefix, "cacert", "file with the authorities to trust for https, in PEM (default the system's)")
	addFile(fl, &f.cert, prefix, "cert", "file with a certificate to show to servers, in PEM")
	addFile(fl, &f.key, prefix, "key", "file with the private key of --"+prefix+"cert (default the file of --"+prefix+"cert)")
}

// orElse fills in what no flag has said. Certificate and key belong together.
func (f *tlsFlags) orElse(c *serverContext, name string) {
	f.ca.orElse(c.CACert, name, "cacert")
	if f.cert.path == "" && f.key.path == "" {
		f.cert.orElse(c.Cert, name, "cert")
		f.key.orElse(c.Key, name, "key")
	}
}

// config reads the files. Without any it is nil, which stands for the system's authorities.
func (f *tlsFlags) config() (*tls.Config, error) {
	if f.ca.path+f.cert.path+f.key.path == "" {
		return nil, nil
	}
	cfg := &tls.Config{}
	if f.ca.path != "" {
		text, err := os.ReadFile(f.ca.path)
		if err != nil {
			return nil, usage("", "%s: %v", f.ca.from, err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(text) {
			return nil, usage("want PEM, which begins with -----BEGIN CERTIFICATE-----", "%s: no certificate in %s", f.ca.from, f.ca.path)
		}
	}
	if f.key.path != "" && f.cert.path == "" {
		return nil, usage("", "%s needs %s", f.key.from, f.cert.from)
	}
	if f.cert.path != "" {
		pair, err := tls.LoadX509KeyPair(f.cert.path, cmp.Or(f.key.path, f.cert.path))
		if err != nil {
			return nil, usage("", "%s: %v", f.cert.from, err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
