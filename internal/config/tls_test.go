package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/server"
)

// Nobody must believe that traffic is encrypted when it is not: TLS that is asked for without a certificate is refused.
func TestTLSWithoutCertificateIsRefused(t *testing.T) {
	for setting, refused := range map[string]bool{
		"key-store: a.p12":                   false,
		"certificate: a.pem":                 false,
		"bundle: web":                        true,
		"enabled: true":                      true,
		"{key-store: a.p12, enabled: false}": false,
		"key-store: ''":                      false,
		"enabled: false":                     false,
		"client-auth: none":                  false,
		"clientAuth: need":                   true,
		"{clientAuth: need, enabled: false}": false,
		"something: else":                    true,
	} {
		text := "server:\n  ssl:\n    " + setting
		if setting[0] == '{' {
			text = "server:\n  ssl: " + setting
		}
		s, err := yamlFile(text).load(t)
		if (err != nil) != refused || len(s.Warnings) > 0 {
			t.Errorf("%s: %v", setting, problems(s, err))
		}
	}
}

// Who has said that a proxy does it goes on serving plain HTTP.
func TestAcknowledgedTLSIsOff(t *testing.T) {
	s := args("--server.ssl.key-store=a.p12", "--heureka.acknowledge=server.ssl").mustLoad(t)
	if !s.ServerConfig(1).TLS.Disabled {
		t.Error("TLS is on")
	}
	if args("--server.ssl.key-store=a.p12").mustLoad(t).ServerConfig(1).TLS.Disabled {
		t.Error("TLS is off")
	}
}

// Probes have no certificate: where everybody needs one, and they have no port of their own, a warning says so.
func TestProbesLockedOutAreWarnedOf(t *testing.T) {
	tls := args("--server.ssl.certificate=c.pem", "--server.ssl.certificate-private-key=k.pem")
	for settings, want := range map[string]int{
		"--server.ssl.client-auth=need":                                 1,
		"--server.ssl.client-auth=want":                                 0,
		"--server.ssl.client-auth=need --management.server.port=9000":   0,
		"--server.ssl.client-auth=need --management.server.port=-1":     0,
		"--server.ssl.client-auth=need --server.ssl.enabled=false":      0,
		"--server.ssl.client-auth=need --management.server.port=8761":   1,
		"--server.ssl.client-auth=need --heureka.tls.accept-plain=true": 0,
	} {
		s := tls.and(args(strings.Fields(settings)...)).mustLoad(t)
		if got := len(s.Warnings); got != want || want > 0 && !strings.Contains(s.Warnings[0].Error(), "probes") {
			t.Errorf("%s: %v", settings, s.Warnings)
		}
	}
}

func TestBundles(t *testing.T) {
	for name, from := range map[string]source{
		"arguments": args("--server.ssl.bundle=webA", "--spring.ssl.bundle.pem.webA.keystore.certificate=c.pem", "--spring.ssl.bundle.pem.webA.keystore.private-key=k.pem",
			"--spring.ssl.bundle.pem.webA.truststore.certificate=ca.pem", "--spring.ssl.bundle.pem.webA.reload-on-update=true", "--spring.ssl.bundle.pem.other.keystore.certificate=x"),
		"environment": env("SERVER_SSL_BUNDLE=weba", "SPRING_SSL_BUNDLE_PEM_WEBA_KEYSTORE_CERTIFICATE=c.pem", "SPRING_SSL_BUNDLE_PEM_WEBA_KEYSTORE_PRIVATEKEY=k.pem",
			"SPRING_SSL_BUNDLE_PEM_WEBA_TRUSTSTORE_CERTIFICATE=ca.pem"),
	} {
		want := server.TLS{TLSFiles: server.TLSFiles{Certificate: "c.pem", PrivateKey: "k.pem", TrustCertificate: "ca.pem"}}
		if diff := cmp.Diff(want, from.mustLoad(t).ServerConfig(1).TLS); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	stores := args("--management.server.ssl.bundle=m", "--spring.ssl.bundle.jks.m.keystore.location=k.p12", "--spring.ssl.bundle.jks.m.keystore.password=p",
		"--spring.ssl.bundle.jks.m.keystore.type=PKCS12", "--management.server.ssl.client-auth=want")
	want := server.TLS{TLSFiles: server.TLSFiles{KeyStore: "k.p12", KeyStorePassword: "p"}, ClientAuth: "want"}
	if diff := cmp.Diff(want, stores.mustLoad(t).ServerConfig(1).ManagementTLS); diff != "" {
		t.Error(diff)
	}
}

// A bundle that asks for more than it gets would be weaker than its owner thinks.
func TestUnknownSettingOfBundle(t *testing.T) {
	s, err := args("--spring.ssl.bundle.pem.web.options.enabled-protocols=TLSv1.3").load(t)
	if err == nil {
		t.Errorf("accepted: %v", problems(s, err))
	}
}
