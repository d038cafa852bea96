package config

import (
	"slices"
	"strings"

	"heureka.internal/heureka/internal/spring"
	"heureka.internal/heureka/server"
)

// bundleFields are what is read of a bundle, squashed, below its name.
var bundleFields = map[string]func(*server.TLSFiles) *string{
	"keystore.certificate":   func(f *server.TLSFiles) *string { return &f.Certificate },
	"keystore.privatekey":    func(f *server.TLSFiles) *string { return &f.PrivateKey },
	"truststore.certificate": func(f *server.TLSFiles) *string { return &f.TrustCertificate },
	"keystore.location":      func(f *server.TLSFiles) *string { return &f.KeyStore },
	"keystore.password":      func(f *server.TLSFiles) *string { return &f.KeyStorePassword },
	"truststore.location":    func(f *server.TLSFiles) *string { return &f.TrustStore },
	"truststore.password":    func(f *server.TLSFiles) *string { return &f.TrustStorePassword },
}

// bundleAsIs are settings of a bundle that ask for what happens anyway: files are followed, and say themselves what they are.
var bundleAsIs = []string{"reloadonupdate", "keystore.type", "truststore.type"}

// bundled iterates over the settings of all bundles with the bundle's name and the rest, squashed.
func (s *Settings) bundled(yield func(name, rest string, x Setting) bool) {
	for _, kind := range []string{pemBundles, jksBundles} {
		for _, x := range s.Of(s.table.parseName(kind + ".x").key) {
			name, rest, _ := strings.Cut(spring.Squash(x.Value.Sub), ".")
			if !yield(name, rest, x) {
				return
			}
		}
	}
}

// bundle collects the files of the bundle with this name.
func (s *Settings) bundle(wanted string) server.TLSFiles {
	var files server.TLSFiles
	s.bundled(func(name, rest string, x Setting) bool {
		if field := bundleFields[rest]; name == spring.Squash(wanted) && field != nil {
			*field(&files) = x.Value.Text
		}
		return true
	})
	return files
}

// checkBundles refuses what would make TLS stricter than it is going to be.
func (l *loader) checkBundles(s *Settings) {
	s.bundled(func(name, rest string, x Setting) bool {
		if x.Value.Text != "" && bundleFields[rest] == nil && !slices.Contains(bundleAsIs, rest) && !l.acknowledged(x.Name, x.Key.Name) {
			l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "no such setting of a bundle here",
				Hint: "protocols and ciphers are server.ssl.enabled-protocols and server.ssl.ciphers; a key in PEM has no password here"})
		}
		l.checkPlace(x)
		return true
	})
}

// checkPlace refuses what only a Java program can read.
func (l *loader) checkPlace(x Setting) {
	if strings.HasPrefix(x.Value.Text, "classpath:") {
		l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "there is no class path here", Hint: "put the file beside the settings and name it with its path"})
	}
}

// tls completes what the fields of the settings say of a listener.
func (s *Settings) tls(prefix string, t *server.TLS) {
	t.Disabled = s.Text(prefix+"enabled") == "false"
	if name := s.Text(prefix + "bundle"); name != "" {
		t.TLSFiles = s.bundle(name)
	}
}

// TLS reports whether the API is served with it.
func (s *Settings) TLS() bool {
	t := s.given().TLS
	s.tls(serverSSL, &t)
	return !t.Disabled && hasKey(&t)
}

// ManagementTLS reports whether health and metrics are, on a port of their own.
func (s *Settings) ManagementTLS() bool {
	t := s.given().ManagementTLS
	s.tls(managementSSL, &t)
	return !t.Disabled && (hasKey(&t) || s.TLS())
}

func hasKey(t *server.TLS) bool { return t.Certificate != "" || t.KeyStore != "" }

// checkTLS refuses to serve plain HTTP where TLS was asked for.
func (l *loader) checkTLS(s *Settings) {
	l.checkListener(s, serverSSL)
	l.checkListener(s, managementSSL)
	l.checkBundles(s)
	l.checkProbes(s)
	if s.Bool(clientTLS + "enabled") {
		l.checkPlace(s.set[clientTLS+"key-store"])
		l.checkPlace(s.set[clientTLS+"trust-store"])
	}
}

// checkProbes warns of a port that answers nobody without a certificate, where probes ask.
func (l *loader) checkProbes(s *Settings) {
	x := s.set[serverSSL+"client-auth"]
	if x.Value.Text == "need" && s.TLS() && s.management() == server.ManagementShared && !s.Bool(acceptPlain) {
		l.warn(&Mistake{Origin: x.Origin, Key: x.Name, Value: x.Value.Text, Problem: "probes and Prometheus have to show a certificate too",
			Hint: "set management.server.port, for a port that asks for none"})
	}
}

func (l *loader) checkListener(s *Settings, prefix string) {
	family := strings.TrimSuffix(prefix, ".")
	var t server.TLS
	for _, k := range s.table.keys {
		if x, set := s.set[k.Name]; set && strings.HasPrefix(k.Name, prefix) && l.acknowledged(x.Name, family) { // a proxy in front does it
			on := s.table.parseName(prefix + "enabled").key
			s.set[on.Name] = Setting{Key: on, Name: on.Name, Value: Value{Text: "false"}, Origin: x.Origin}
		}
	}
	s.tls(prefix, &t)
	if t.Disabled {
		return
	}
	for _, place := range []string{"certificate", "certificate-private-key", "trust-certificate", "key-store", "trust-store"} {
		l.checkPlace(s.set[prefix+place])
	}
	material := s.Text(prefix+"certificate") != "" || s.Text(prefix+"key-store") != ""
	if name := s.set[prefix+"bundle"]; name.Value.Text != "" {
		if material = hasKey(&t); !material {
			l.fail(&Mistake{Origin: name.Origin, Key: name.Name, Value: name.Value.Text, Problem: "no certificate is configured for this bundle",
				Hint: "set " + pemBundles + "." + name.Value.Text + ".keystore.certificate and .private-key"})
		}
		return
	}
	if material || prefix == managementSSL {
		return
	}
	for _, asks := range []string{"enabled", "client-auth"} {
		if x := s.set[prefix+asks]; x.Value.Text != "" && x.Value.Text != "none" {
			l.fail(&Mistake{Origin: x.Origin, Key: x.Name, Problem: "TLS is asked for, but there is no certificate",
				Hint: "set " + prefix + "certificate and " + prefix + "certificate-private-key, or " + prefix + "key-store"})
			return
		}
	}
}
