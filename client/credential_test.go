package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
)

// tokens is a source that numbers what it hands out. The server takes the newest alone.
type tokens struct {
	asked, valid atomic.Int64
	lasts        time.Duration
}

func (s *tokens) next(context.Context) (client.Credential, error) {
	n := s.asked.Add(1)
	s.valid.Store(n)
	c := client.Credential{Authorization: fmt.Sprint("Bearer ", n)}
	if s.lasts > 0 {
		c.Expires = time.Now().Add(s.lasts)
	}
	return c, nil
}

func (s *tokens) guard(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == fmt.Sprint("Bearer ", s.valid.Load()) {
		return false
	}
	return answerAll(401)(w, r)
}

func TestCredentialIsAskedAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		lasts   time.Duration
		between func(*tokens)
		want    int64
	}{
		"kept":    {want: 1, between: func(*tokens) { sleep(time.Hour) }},
		"in time": {want: 1, lasts: time.Minute, between: func(*tokens) { sleep(time.Minute - 1) }},
		"expired": {want: 2, lasts: time.Minute, between: func(*tokens) { sleep(time.Minute) }},
		"refused": {want: 2, between: func(s *tokens) { s.valid.Store(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, s := newWorld(t), &tokens{lasts: tt.lasts}
				w.server("eureka").interfere(s.guard)
				api := w.client(client.Config{Servers: []string{"http://old:word@eureka:8761/eureka/"}, HTTP: client.HTTPConfig{Credential: s.next}}).API()
				if err := api.Register(t.Context(), inst("a", "1", up)); err != nil {
					t.Error(err)
				}
				tt.between(s)
				if err := api.Register(t.Context(), inst("a", "2", up)); err != nil { // a body is sent again whole
					t.Error(err)
				}
				if got := s.asked.Load(); got != tt.want {
					t.Errorf("asked %d times, want %d", got, tt.want)
				}
			})
		})
	}
}

// TestCredentialIsAskedOnceForMany: requests at the same time share one credential, also when all are refused.
func TestCredentialIsAskedOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(t), &tokens{}
		w.server("eureka").interfere(s.guard)
		api := w.client(client.Config{Servers: []string{url("eureka")}, HTTP: client.HTTPConfig{
			Credential: func(ctx context.Context) (client.Credential, error) {
				sleep(time.Second)
				return s.next(ctx)
			},
		}}).API()
		for want := range int64(2) {
			s.valid.Store(0)
			var calls sync.WaitGroup
			for range 10 {
				calls.Go(func() {
					if _, err := api.Applications(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			calls.Wait()
			if got := s.asked.Load(); got != want+1 {
				t.Errorf("asked %d times, want %d", got, want+1)
			}
		}
	})
}

func TestCredentialThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, broken := newWorld(t), errors.New("no issuer")
		w.server("eureka")
		c := w.client(client.Config{Servers: []string{url("eureka")}, HTTP: client.HTTPConfig{
			Credential: func(context.Context) (client.Credential, error) { return client.Credential{}, broken },
		}})
		if _, err := c.API().Applications(t.Context()); !errors.Is(err, broken) {
			t.Errorf("error %v, want %v", err, broken)
		}
	})
}

// TestCredentialStaysWithItsServer: what redirects elsewhere does not get it sent there.
func TestCredentialStaysWithItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := newWorld(t), &tokens{}
		w.server("eureka").interfere(func(rw http.ResponseWriter, r *http.Request) bool {
			http.Redirect(rw, r, strings.Replace(url("other"), "/eureka", "", 1)+"eureka/apps", http.StatusFound)
			return true
		})
		seen := "never asked"
		w.server("other").interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			seen = r.Header.Get("Authorization")
			return false
		})
		cfg := client.Config{Servers: []string{url("eureka")}, HTTP: client.HTTPConfig{Credential: s.next, AllowRedirects: true}}
		_, err := w.client(cfg).API().Applications(t.Context())
		if seen != "" || s.asked.Load() != 1 {
			t.Errorf("the other server got %q, %v", seen, err)
		}
	})
}

// TestTLSFilesAreReadAgain replaces the client's certificate and its roots while it runs, and breaks them after that.
func TestTLSFilesAreReadAgain(t *testing.T) {
	dir, first, second := t.TempDir(), tlsconftest.New(t), tlsconftest.New(t)
	var shown atomic.Value
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(r.TLS.PeerCertificates[0].DNSNames[0])
		(&fake{host: "eureka"}).ServeHTTP(w, r)
	}))
	var serving atomic.Pointer[tls.Config]
	serve := func(ca *tlsconftest.CA) {
		cfg := ca.TLS(ca.Sign(time.Now().Add(time.Hour)))
		cfg.ClientAuth = tls.RequireAnyClientCert
		serving.Store(cfg)
	}
	srv.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return serving.Load(), nil }}
	srv.Config.SetKeepAlivesEnabled(false)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	write := func(ca *tlsconftest.CA, name string) {
		own := ca.Issue(func(c *x509.Certificate) { c.DNSNames = []string{name} })
		tlsconftest.Write(t, dir, map[string][]byte{"ca.pem": ca.PEM, "own.pem": append(own.Cert, own.PEM...)})
		serve(ca)
	}
	write(first, "first")
	srv.StartTLS()
	defer srv.Close()
	var log safeBuffer
	c, err := client.New(client.Config{Servers: []string{srv.URL + "/eureka/"}, Logger: log.logger(), HTTP: client.HTTPConfig{
		TLSCAFile: filepath.Join(dir, "ca.pem"), TLSCertFile: filepath.Join(dir, "own.pem"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want string) {
		t.Helper()
		if _, err := c.API().Applications(t.Context()); err != nil || shown.Load() != want {
			t.Errorf("%v, showed %v, want %s", err, shown.Load(), want)
		}
	}
	ask("first")
	write(second, "second")
	ask("second")
	tlsconftest.Write(t, dir, map[string][]byte{"ca.pem": []byte("half"), "own.pem": []byte("half")})
	if got := log.take(); strings.Contains(got, "WARN") {
		t.Errorf("log: %s", got)
	}
	ask("second")
	ask("second")
	if got := log.take(); strings.Count(got, "cannot use TLS file") != 2 || !strings.Contains(got, "ca.pem") || !strings.Contains(got, "own.pem") {
		t.Errorf("want a line for each file:\n%s", got)
	}
	over := second.Issue(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	tlsconftest.Write(t, dir, map[string][]byte{"ca.pem": second.PEM, "own.pem": append(over.Cert, over.PEM...)})
	ask("second")
	ask("second")
	if got := log.take(); strings.Count(got, "TLS file works again") != 1 || strings.Count(got, "the certificate has expired on") != 1 {
		t.Errorf("want a line for each file:\n%s", got)
	}
	serve(first)
	if _, err := c.API().Applications(t.Context()); err == nil {
		t.Error("the authority that was replaced is still trusted")
	}
}

// TestServerWithExpiredCertificateIsLeft: the others do its work, and the log has the reason once.
func TestServerWithExpiredCertificateIsLeft(t *testing.T) {
	ca := tlsconftest.New(t)
	serve := func(end time.Time) string {
		srv := httptest.NewUnstartedServer(&fake{host: "eureka"})
		srv.TLS = ca.TLS(ca.Sign(end))
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		return srv.URL + "/eureka/"
	}
	expired, good := serve(time.Now().Add(-time.Minute)), serve(time.Now().Add(time.Hour))
	var log safeBuffer
	cfg := client.Config{
		Region: "r", AvailabilityZones: map[string][]string{"r": {"own", "other"}}, Zone: "own", ServiceURLs: map[string][]string{"own": {good}, "other": {expired}},
		Logger: log.logger(), HTTP: client.HTTPConfig{TLS: ca.TLS()},
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(c *client.Client) {
		t.Helper()
		if _, err := c.API().Applications(t.Context()); err != nil {
			t.Error(err)
		}
	}
	ask(c)
	cfg.ServiceURLs = map[string][]string{"own": {expired}, "other": {good}}
	if c, err = client.New(cfg); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ask(c)
	}
	if got := log.take(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "using another server") || !strings.Contains(got, "certificate has expired") {
		t.Errorf("want one line that says why:\n%s", got)
	}
	var failure *client.FailoverError
	cfg.ServiceURLs = map[string][]string{"own": {expired}}
	if c, err = client.New(cfg); err != nil {
		t.Fatal(err)
	}
	_, err = c.API().Applications(t.Context())
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if !errors.As(err, &failure) || !ok || invalid.Reason != x509.Expired {
		t.Errorf("without another server: %v", err)
	}
	if got := log.take(); got != "" {
		t.Errorf("log:\n%s", got)
	}
}
