package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/server"
)

func TestSpringSecurityUser(t *testing.T) {
	s := args("--spring.security.user.name=admin", "--spring.security.user.password=geheim", "--spring.security.user.roles=read,register",
		"--heureka.auth.modes.peer=observe").mustLoad(t)
	want := server.Auth{User: "admin", Password: "geheim", Roles: []string{"read", "register"}, Anonymous: []string{"probe"}, Modes: map[string]string{"peer": "observe"}}
	if diff := cmp.Diff(want, s.ServerConfig(1).Auth); diff != "" {
		t.Error(diff)
	}
	// Who has said that a proxy asks for the password goes on without one.
	known := args("--spring.security.user.name=u", "--spring.security.user.password=geheim", "--heureka.acknowledge=spring.security.user",
		"--eureka.client.service-url.defaultZone=http://u:${spring.security.user.password}@peer/eureka/").mustLoad(t).ServerConfig(1)
	if known.Auth.Password != "" || known.ServiceURLs["defaultZone"][0] != "http://u:geheim@peer/eureka/" {
		t.Errorf("password %q, peers %v", known.Auth.Password, known.ServiceURLs)
	}
	_, err := args("--spring.security.user.name=u").load(t)
	if err == nil || config.HintOf(config.Mistakes(err)[0]) != "set spring.security.user.password" {
		t.Errorf("a user without a password: %v", err)
	}
}

func TestResourceServer(t *testing.T) {
	const jwt = "--spring.security.oauth2.resourceserver.jwt."
	all := args(jwt+"issuer-uri=https://id.corp", jwt+"jwkSetUri=https://id.corp/keys", jwt+"audiences=registry,other", jwt+"jws-algorithms=RS256,ES256",
		jwt+"authorities-claim-name=roles", jwt+"authority-prefix=ROLE_", jwt+"principal-claim-name=client_id", "--heureka.auth.authorities.eureka-admins=admin").mustLoad(t).ServerConfig(1).Auth
	want := server.JWT{IssuerURI: "https://id.corp", JWKSetURI: "https://id.corp/keys", Audiences: []string{"registry", "other"}, Algorithms: []string{"RS256", "ES256"},
		Authorities: "roles", AuthorityPrefix: "ROLE_", Principal: "client_id"}
	if diff := cmp.Diff(want, all.JWT) + cmp.Diff(map[string][]string{"eureka-admins": {"admin"}}, all.Authorities); diff != "" {
		t.Error(diff)
	}
	// A proxy looks at tokens, as its operator says.
	known := args(jwt+"issuer-uri=https://id.corp", "--heureka.acknowledge=spring.security.oauth2").mustLoad(t).ServerConfig(1)
	if diff := cmp.Diff(server.JWT{}, known.Auth.JWT); diff != "" {
		t.Error(diff)
	}
}

// mutual is what rules for certificates need beside them.
const mutual = "server.ssl: {certificate: c, certificate-private-key: k, trust-certificate: ca, client-auth: want}\n"

func TestCertificates(t *testing.T) {
	want := []server.CertificateRule{
		{URI: "spiffe://corp/ns/pay/sa/{app}", Roles: []string{"read", "register"}},
		{DNS: "*.gw.corp", Subject: "OU=gw,O=Corp", Roles: []string{"read"}, Applications: []string{"GW-*", "EDGE"}},
	}
	for name, src := range map[string]source{
		"YAML": yamlFile(mutual + `heureka.auth.certificates:
- uri: spiffe://corp/ns/pay/sa/{app}
  roles: [read, register]
- dns: "*.gw.corp"
  subject: OU=gw, O=Corp
  roles: read
  applications: [GW-*, EDGE]
`),
		"arguments": args("--server.ssl.certificate=c", "--server.ssl.certificate-private-key=k", "--server.ssl.trust-certificate=ca", "--server.ssl.client-auth=need",
			"--heureka.auth.certificates[0].uri=spiffe://corp/ns/pay/sa/{app}", "--heureka.auth.certificates[0].roles=read,register", "--heureka.auth.certificates[1].dns=*.gw.corp",
			"--heureka.auth.certificates[1].Subject=OU=gw,O=Corp", "--heureka.auth.certificates[1].roles[0]=read", "--heureka.auth.certificates[1].applications=GW-*,EDGE"),
	} {
		s := src.mustLoad(t)
		if diff := cmp.Diff(want, s.ServerConfig(1).Auth.Certificates); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		again := yamlFile(writeYAML(t, s, config.View{Secrets: true})).mustLoad(t)
		if diff := cmp.Diff(want, again.ServerConfig(1).Auth.Certificates); diff != "" {
			t.Errorf("%s, printed and read: %s", name, diff)
		}
	}
	for name, text := range map[string]string{
		"nobody is asked":  "heureka.auth.certificates: [{uri: x}]",
		"a mistyped field": mutual + "heureka.auth.certificates: [{url: x}]",
		"no index":         mutual + "heureka.auth.certificates.first.uri: x",
		"a large index":    mutual + "heureka.auth.certificates[60000].uri: x",
	} {
		if _, err := yamlFile(text).load(t); err == nil {
			t.Errorf("%s: it loads", name)
		}
	}
}
