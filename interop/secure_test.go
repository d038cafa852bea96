//go:build interop

package interop

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
	"software.sslmate.com/src/go-pkcs12"

	"heureka.internal/heureka"
	registryclient "heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// Everything that speaks TLS here has its certificate from authority. The tests themselves read and change registries as
// the operator: the certificate is shown to servers that ask for one, and rules of secured servers give it every role.
var (
	authority = tlsconftest.New(panics{})
	operator  = certificate("operator.corp.example")
)

type panics struct{}

func (panics) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func certificate(name string) tlsconftest.Pair {
	return authority.Issue(func(c *x509.Certificate) { c.DNSNames = []string{name} })
}

const (
	tlsEnabled = "--server.ssl.enabled=true"

	userName  = "app"
	password  = "geheim@registry" // what a URL has to encode
	urlUser   = userName + ":geheim%40registry@"
	storeWord = "changeit"
)

// A vault is a directory with all that a secured server and its clients read: ca.pem, server.pem, app.pem with their
// keys, server.p12, app.p12 and trust.p12 for Java, a users file.
type vault string

func newVault(t testing.TB) vault {
	t.Helper()
	dir := vault(t.TempDir())
	server, app := authority.Sign(time.Now().Add(time.Hour)), certificate("orders.apps.corp.example")
	store, err := pkcs12.Modern.Encode(app.Key, app.Leaf, nil, storeWord)
	serverStore, err2 := pkcs12.Modern.Encode(server.Key, server.Leaf, nil, storeWord)
	trust, err3 := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{authority.Cert}, storeWord)
	hash, err4 := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	tlsconftest.Write(t, string(dir), map[string][]byte{
		"ca.pem": authority.PEM, "server.pem": server.Cert, "server.key": server.PEM, "app.pem": app.Cert, "app.key": app.PEM,
		"app.p12": store, "server.p12": serverStore, "trust.p12": trust, "users": []byte(userName + ":" + string(hash) + "\n"), "password": []byte(password),
	})
	return dir
}

func (v vault) file(name string) string { return filepath.Join(string(v), name) }

// settings are those of a server under TLS that refuses what roles do not allow.
func (v vault) settings(clientAuth string) []string {
	return []string{
		tlsEnabled,
		"--server.ssl.certificate=" + v.file("server.pem"),
		"--server.ssl.certificate-private-key=" + v.file("server.key"),
		"--server.ssl.trust-certificate=" + v.file("ca.pem"),
		"--server.ssl.client-auth=" + clientAuth,
		"--heureka.auth.users-file=" + v.file("users"),
		"--heureka.auth.roles." + userName + "=read,register",
		"--heureka.auth.certificates[0].dns=*.apps.corp.example",
		"--heureka.auth.certificates[0].roles=read,register",
		"--heureka.auth.certificates[1].dns=operator.corp.example",
		"--heureka.auth.certificates[1].roles=admin",
	}
}

// java are the settings of a Spring client, as docs/secure.md has them.
func (v vault) java(shown bool) []string {
	settings := []string{
		"--eureka.client.tls.enabled=true",
		"--eureka.client.tls.trust-store=file:" + v.file("trust.p12"),
		"--eureka.client.tls.trust-store-type=PKCS12",
		"--eureka.client.tls.trust-store-password=" + storeWord,
	}
	if shown {
		settings = append(settings,
			"--eureka.client.tls.key-store=file:"+v.file("app.p12"),
			"--eureka.client.tls.key-store-type=PKCS12",
			"--eureka.client.tls.key-store-password="+storeWord,
			"--eureka.client.tls.key-password="+storeWord)
	}
	return settings
}

// trusting has a JVM trust the authority, in a variable of its environment.
func (v vault) trusting() string {
	return "JDK_JAVA_OPTIONS=-Djavax.net.ssl.trustStore=" + v.file("trust.p12") +
		" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=" + storeWord
}

// webClient are the settings of a Spring client that uses WebClient, which does not read eureka.client.tls.
func (v vault) webClient(shown bool) []string {
	const bundle = "--spring.ssl.bundle.jks.registry."
	settings := []string{
		"--spring.http.reactiveclient.ssl.bundle=registry",
		bundle + "truststore.location=file:" + v.file("trust.p12"),
		bundle + "truststore.type=PKCS12",
		bundle + "truststore.password=" + storeWord,
	}
	if shown {
		settings = append(settings,
			bundle+"keystore.location=file:"+v.file("app.p12"),
			bundle+"keystore.type=PKCS12",
			bundle+"keystore.password="+storeWord)
	}
	return settings
}

// with gives the process of a client more variables of the environment.
func (k kind) with(env ...string) kind {
	command := k.command
	k.command = func(t testing.TB, eureka, app string, port int) *exec.Cmd {
		cmd := command(t, eureka, app, port)
		if cmd.Env == nil {
			cmd.Env = os.Environ()
		}
		cmd.Env = append(cmd.Env, env...)
		return cmd
	}
	return k
}

// TestSecured has real clients register with a server under TLS and find each other: with user and password, and with
// certificates where nothing else is admitted. py_eureka_client cannot show a certificate.
func TestSecured(t *testing.T) {
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	v := newVault(t)
	for _, line := range []struct {
		name, clientAuth string
		kinds            func(shown bool) []kind
	}{
		{"scripts with passwords", "want", v.scripts},
		{"scripts with certificates", "need", v.scripts},
		{"spring with passwords", "want", v.springs},
		{"spring with certificates", "need", v.springs},
	} {
		t.Run(line.name, func(t *testing.T) {
			shown := line.clientAuth == "need"
			srv, user := startServer(t, heurekaGen, v.settings(line.clientAuth)...), urlUser
			if shown {
				user = ""
			}
			tellSecured(t, srv, fmt.Sprintf("https://%s127.0.0.1:%d/eureka/", user, srv.port), line.kinds(shown))
		})
	}
}

func (v vault) scripts(shown bool) []kind {
	if shown {
		js := node().with("NODE_EXTRA_CA_CERTS="+v.file("ca.pem"), "FIXTURE_CERT="+v.file("app.pem"), "FIXTURE_KEY="+v.file("app.key"))
		return []kind{js, js}
	}
	return []kind{python().with("SSL_CERT_FILE=" + v.file("ca.pem")), node().with("NODE_EXTRA_CA_CERTS=" + v.file("ca.pem"))}
}

func (v vault) springs(shown bool) []kind {
	older := func(transport string) kind {
		if shown {
			return spring("2021", transport, v.java(true)...)
		}
		// eureka.client.tls.enabled does not start in this line without a key store.
		return spring("2021", transport).with(v.trusting())
	}
	newer := func(transport string) kind { return spring("2025", transport, v.java(shown)...) }
	return []kind{
		newer("restclient"), older("jersey1"), newer("resttemplate"), older("resttemplate"), newer("jersey3"),
		spring("2025", "webclient", v.webClient(shown)...),
	}
}

// tellSecured has each client meet the next one, outlive its lease and leave.
func tellSecured(t *testing.T, srv *server, eureka string, kinds []kind) {
	t.Helper()
	starts := make([]clientStart, len(kinds))
	for i, k := range kinds {
		starts[i] = clientStart{k, eureka}
	}
	all := startClients(t, srv, "SECURED", starts...)
	s := &story{name: t.Name(), steps: []string{"registered"}}
	for i := range all[1:] {
		s.meet(t, srv, all[i], all[i+1])
	}
	for _, c := range all {
		s.outlive(t, srv, c)
	}
	for _, c := range all {
		s.leave(t, srv, c)
	}
	s.end("")
}

// TestSecuredPrometheus has Prometheus find its targets in a registry under TLS, with a password and with a certificate.
func TestSecuredPrometheus(t *testing.T) {
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	v := newVault(t)
	for clientAuth, identity := range map[string]string{
		"want": fmt.Sprintf(`basic_auth: {username: %s, password_file: %s}, tls_config: {ca_file: %s}`, userName, v.file("password"), v.file("ca.pem")),
		"need": fmt.Sprintf(`tls_config: {ca_file: %s, cert_file: %s, key_file: %s}`, v.file("ca.pem"), v.file("app.pem"), v.file("app.key")),
	} {
		t.Run(clientAuth, func(t *testing.T) {
			srv, k := startServer(t, heurekaGen, v.settings(clientAuth)...), key{"SCRAPED", "one"}
			if err := registerJSON(srv.url, k, 3600, nil); err != nil {
				t.Fatal(err)
			}
			prom := startPrometheus(t, fmt.Sprintf(`
- job_name: eureka
  eureka_sd_configs: [{server: %s/eureka, refresh_interval: 1s, %s}]
`, srv.url, identity))
			eventually(t, limit, func() error { return prom.targets(k) })
		})
	}
}

// TestSecuredOurs runs our own client and the command line against such servers.
func TestSecuredOurs(t *testing.T) {
	if target != heurekaGen {
		t.Skip("the reference is secured in Java code")
	}
	v := newVault(t)
	for _, clientAuth := range []string{"want", "need"} {
		t.Run(clientAuth, func(t *testing.T) {
			srv := startServer(t, heurekaGen, v.settings(clientAuth)...)
			cfg := registryclient.Config{HTTP: registryclient.HTTPConfig{TLSCAFile: v.file("ca.pem")}}
			flags, user := []string{"--cacert", v.file("ca.pem")}, urlUser
			if clientAuth == "need" {
				cfg.HTTP.TLSCertFile, cfg.HTTP.TLSKeyFile = v.file("app.pem"), v.file("app.key")
				flags, user = append(flags, "--cert", v.file("app.pem"), "--key", v.file("app.key")), ""
			}
			cfg.Servers = []string{fmt.Sprintf("https://%s127.0.0.1:%d/eureka/", user, srv.port)}
			runOurs(t, cfg)
			cmd := exec.Command(need(t, heurekaBinary), append([]string{"instances", "-o", "name", "--server", cfg.Servers[0]}, flags...)...)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "OURS/secured") {
				t.Errorf("heureka instances: %v: %s", err, out)
			}
		})
	}
}

// runOurs registers an instance until the test ends, and waits until the client finds it.
func runOurs(t *testing.T, cfg registryclient.Config) {
	t.Helper()
	cfg.FetchInterval = time.Second
	c, err := registryclient.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(registryclient.InstanceConfig{App: "OURS", ID: "secured", HostName: "127.0.0.1", Port: 8080}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	t.Cleanup(func() { <-ended })
	eventually(t, limit, func() error {
		if in, err := c.Pick(registryclient.App("OURS")); err != nil || in.Status != heureka.StatusUp {
			return fmt.Errorf("found %v, %v", in, err)
		}
		return nil
	})
}
