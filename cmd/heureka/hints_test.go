package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// A fault is a server that does not do what is asked, and flags that do not help.
type fault struct {
	name, url string
	flags     []string
	hint      string // or, after |, another: who sends a body may hear of the end before the reason
}

// Who cannot get in is told what to do next, by each way in which commands ask servers, and no part of a password.
func TestHintsForWhoCannotGetIn(t *testing.T) {
	dir := t.TempDir()
	for _, f := range faults(t, dir) {
		for _, command := range [][]string{{"apps"}, {"peers"}, {"health"}, {"doctor"}, {"history"}, {"diff", "--ring"}, {"bench", "full", "--duration", "10ms"}} {
			server := "--server"
			if command[0] == "bench" {
				server = "--url"
			}
			t.Run(f.name+"/"+command[0], func(t *testing.T) {
				var out bytes.Buffer
				p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &out}
				args := append(append(command, server, f.url), f.flags...)
				hint, other, _ := strings.Cut(f.hint, "|")
				if status := p.execute(args); status != statusFailed || !strings.Contains(out.String(), hint) && (other == "" || !strings.Contains(out.String(), other)) || strings.Contains(out.String(), "geheim") {
					t.Errorf("status %d, want the hint %q:\n%s", status, f.hint, out.String())
				}
			})
		}
	}
}

func faults(t *testing.T, dir string) []fault {
	ca, other := tlsconftest.New(t), tlsconftest.New(t)
	hour, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	own, foreign := ca.Sign(hour), other.Sign(hour)
	old := ca.Sign(past)
	elsewhere := ca.Issue(func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} })
	tlsconftest.Write(t, dir, map[string][]byte{"ca.pem": ca.PEM, "foreign.pem": append(foreign.Cert, foreign.PEM...), "old.pem": append(old.Cert, old.PEM...),
		"user": []byte("ann:geheim"), "own.pem": append(own.Cert, own.PEM...)})
	file := func(flag, name string) string { return flag + "=" + filepath.Join(dir, name) }
	trust, user := file("--cacert", "ca.pem"), file("--user-file", "user")
	refuse := func(code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
	}
	secure := func(pair tlsconftest.Pair, code int, auth tls.ClientAuthType) string {
		srv := httptest.NewUnstartedServer(refuse(code))
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.TLS = &tls.Config{Certificates: ca.TLS(pair).Certificates, ClientAuth: auth, ClientCAs: ca.TLS().RootCAs}
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv.URL + "/eureka/"
	}
	plainly := func(code int) string {
		srv := httptest.NewServer(refuse(code))
		t.Cleanup(srv.Close)
		return srv.URL + "/eureka/"
	}
	good, need := secure(own, 401, 0), secure(own, 200, tls.RequireAndVerifyClientCert)
	hangsUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(hangsUp.Close)
	return []fault{
		{"no credential", good, []string{trust}, "--user-file names a file"},
		{"wrong credential", good, []string{trust, user}, "does not take the name and password"},
		{"wrong credential in the URL", strings.Replace(good, "https://", "https://ann:geheim@", 1), []string{trust}, "does not take the name and password"},
		{"lacks a role", plainly(403), []string{user}, "heureka auth check"},
		{"certificate of no rule", secure(own, 401, tls.RequestClientCert), []string{trust, file("--cert", "own.pem")}, "knows no rule for the certificate"},
		{"no authority", good, nil, "--cacert, or the variable SSL_CERT_FILE"},
		{"other authority", secure(foreign, 200, 0), []string{trust, user}, "--cacert names other authorities"},
		{"expired", secure(old, 200, 0), []string{trust, user}, "has to be renewed, unless it is this machine's clock"},
		{"other name", secure(elsewhere, 200, 0), []string{trust, user}, "by a name that its certificate has"},
		{"plain to TLS", strings.Replace(good, "https:", "http:", 1), []string{user}, "write https:// instead of http://"},
		{"TLS to plain", strings.Replace(plainly(200), "http:", "https:", 1), []string{user}, "that port speaks no TLS: write http://"},
		{"hangs up", hangsUp.URL + "/eureka/", []string{user}, "if that port speaks TLS, write https://"},
		{"certificate wanted", need, []string{trust}, "--cert and --key name files with one|it may want a certificate"},
		{"foreign certificate", need, []string{trust, file("--cert", "foreign.pem")}, "has to be of an authority that the server trusts|it may want a certificate"},
		{"expired certificate", need, []string{trust, file("--cert", "old.pem")}, "the certificate of --cert has expired|it may want a certificate"},
	}
}

// Proxies of the environment may have passwords. Nobody is told any part of one, and who is in the way is named.
func TestProxies(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) }))
	defer refusing.Close()
	for _, tt := range []struct{ proxy, hint string }{
		{strings.Replace(refusing.URL, "http://", "http://ann:geheim@", 1), "does not take the name and password"},
		{"http://ann:geheim@127.0.0.1:1", "NO_PROXY=HOST goes past it"},
		{"http://ann:gehe/im@127.0.0.1:1", "for example http://NAME:PASSWORD@proxy:3128"},
		{"ann:gehe/im@127.0.0.1:1", "for example http://NAME:PASSWORD@proxy:3128"},
	} {
		for _, scheme := range []string{"http", "https"} {
			for _, command := range []string{"apps", "peers", "doctor"} {
				cmd := exec.Command("heureka", command, "--server", scheme+"://registry.example/eureka/") // Go reads these variables once
				cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HTTP_PROXY=" + tt.proxy, "HTTPS_PROXY=" + tt.proxy}
				text, err := cmd.CombinedOutput()
				out := string(text)
				if err == nil || !strings.Contains(out, tt.hint) || strings.Contains(out, "geh") {
					t.Errorf("%s under %s through %s: %v\n%s", command, scheme, tt.proxy, err, out)
				}
			}
		}
	}
}

// Credentials stay with the server that they are for: redirects take them nowhere else, also not to another port.
func TestRedirectsGetNoCredentials(t *testing.T) {
	var shown, asked atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" {
			shown.Add(1)
		}
	}))
	defer elsewhere.Close()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusFound)
	}))
	defer srv.Close()
	dir := t.TempDir()
	tlsconftest.Write(t, dir, map[string][]byte{"user": []byte("ann:geheim")})
	for _, command := range [][]string{{"apps"}, {"peers"}, {"doctor"}, {"history"}, {"health"}, {"get", "A", "x"}, {"auth", "check", "apps"}} {
		for _, flags := range [][]string{{"--server", srv.URL + "/eureka/", "--user-file", filepath.Join(dir, "user")}, {"--server", strings.Replace(srv.URL, "://", "://ann:geheim@", 1) + "/eureka/"}} {
			var out bytes.Buffer
			p := &program{stdin: strings.NewReader(""), stdout: &out, stderr: &out}
			p.execute(append(append([]string{}, command...), flags...))
			if strings.Contains(out.String(), "geheim") {
				t.Errorf("%v prints %s", command, out.String())
			}
		}
	}
	if shown.Load() > 0 || asked.Load() == 0 {
		t.Errorf("%d of %d requests showed a credential", shown.Load(), asked.Load())
	}
}
