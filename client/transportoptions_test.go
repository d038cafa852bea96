package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	neturl "net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/client"
)

// transportOptions are about the exchanges with servers.
var transportOptions = []option{{
	field: "Transport", byDefault: "false", want: "true",
	set: func(r *optionRig, c *client.Config) { c.Transport = countedTrips{r.transport(), &r.counted} },
	see: func(r *optionRig) string { return fmt.Sprint(r.counted.Load() > 0) },
}, {
	field: "HTTP.TLS", base: overTLS(8443), see: known, byDefault: "0", want: "1",
	set: func(r *optionRig, c *client.Config) {
		c.HTTP.TLS = &tls.Config{RootCAs: poolOf(r.pair.Leaf)}
	},
}, {
	field: "HTTP.TLSCAFile", base: overTLS(8443), see: known, byDefault: "0", want: "1",
	set: func(r *optionRig, c *client.Config) { c.HTTP.TLSCAFile = r.file("cert.pem") },
}, {
	field: "HTTP.TLSCertFile", see: known, byDefault: "0", want: "1",
	base: func(r *optionRig, c *client.Config) {
		overTLS(wantsCertificate)(r, c)
		c.HTTP.TLSCAFile = r.file("cert.pem")
	},
	set: func(r *optionRig, c *client.Config) { c.HTTP.TLSCertFile = r.file("both.pem") },
}, {
	field: "HTTP.TLSKeyFile", see: known, byDefault: "no client", want: "1", // the certificate's file has no key
	base: func(r *optionRig, c *client.Config) {
		overTLS(wantsCertificate)(r, c)
		c.HTTP.TLSCAFile, c.HTTP.TLSCertFile = r.file("cert.pem"), r.file("cert.pem")
	},
	set: func(r *optionRig, c *client.Config) { c.HTTP.TLSKeyFile = r.file("key.pem") },
}, {
	field: "HTTP.Proxy", byDefault: "0", want: "1",
	base: func(r *optionRig, _ *client.Config) { r.serve("proxy", 3128) },
	set: func(_ *optionRig, c *client.Config) {
		c.HTTP.Proxy = func(*http.Request) (*neturl.URL, error) { return neturl.Parse("http://proxy:3128") }
	},
	see: func(r *optionRig) string { return fmt.Sprint(r.net.Traffic("app", "proxy").Connects) },
}, {
	field: "HTTP.ConnectTimeout", byDefault: "5s", want: "2s", // of which the handshake of TLS is a part
	base: func(r *optionRig, c *client.Config) {
		if _, err := r.net.Host("mute").Listen(":8443"); err != nil {
			r.t.Fatal(err)
		}
		c.DisableFetch, c.Servers = true, []string{"https://mute:8443/eureka/"}
	},
	set: func(_ *optionRig, c *client.Config) { c.HTTP.ConnectTimeout = 2 * time.Second },
	see: callTook,
}, {
	field: "HTTP.ReadTimeout", byDefault: "8s", want: "2s",
	base: func(r *optionRig, c *client.Config) {
		c.DisableFetch, c.Attempts = true, 1
		r.a.interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
	},
	set: func(_ *optionRig, c *client.Config) { c.HTTP.ReadTimeout = 2 * time.Second },
	see: callTook,
}, {
	field: "HTTP.MaxConns", byDefault: "1", want: "3", // connections to a, which is asked in turns with b
	base: func(_ *optionRig, c *client.Config) {
		bothServers(nil, c)
		c.DisableFetch = true
	},
	set: func(_ *optionRig, c *client.Config) { c.HTTP.MaxConns = 1 },
	see: func(r *optionRig) string {
		for _, busy := range []*fake{r.b, r.a, r.b, r.a, r.b} {
			r.a.interfere(nil)
			r.b.interfere(nil)
			busy.interfere(answerAll(503))
			_, _ = r.c.API().Applications(r.t.Context())
			sleep(time.Second)
		}
		return fmt.Sprint(r.net.Traffic("app", "a").Connects)
	},
}, {
	field: "HTTP.MaxConnsPerHost", byDefault: "3", want: "1",
	base: func(r *optionRig, c *client.Config) {
		c.DisableFetch = true
		r.a.interfere(func(_ http.ResponseWriter, req *http.Request) bool { return hang(req) })
	},
	set: func(_ *optionRig, c *client.Config) { c.HTTP.MaxConnsPerHost = 1 },
	see: func(r *optionRig) string {
		var calls sync.WaitGroup
		defer calls.Wait()
		for range 3 {
			calls.Go(func() { _, _ = r.c.API().Applications(r.t.Context()) })
		}
		sleep(time.Second)
		return fmt.Sprint(len(r.heard.take()))
	},
}, {
	field: "HTTP.IdleTimeout", byDefault: "1", want: "3",
	base: func(_ *optionRig, c *client.Config) { c.FetchInterval = 20 * time.Second },
	set:  func(_ *optionRig, c *client.Config) { c.HTTP.IdleTimeout = 10 * time.Second },
	see:  after(50*time.Second, func(r *optionRig) string { return fmt.Sprint(r.net.Traffic("app", "a").Connects) }),
}, {
	field: "HTTP.Header", see: firstHeader("X-Team"), byDefault: "", want: "shop",
	set: func(_ *optionRig, c *client.Config) { c.HTTP.Header = http.Header{"X-Team": {"shop"}} },
}, {
	field: "HTTP.Credential", see: firstHeader("Authorization"), byDefault: "", want: "Bearer t",
	set: func(_ *optionRig, c *client.Config) {
		c.HTTP.Credential = func(context.Context) (client.Credential, error) {
			return client.Credential{Authorization: "Bearer t"}, nil
		}
	},
}, {
	field: "HTTP.DisableGzip", see: firstHeader("Accept-Encoding"), byDefault: "gzip", want: "identity",
	set: func(_ *optionRig, c *client.Config) { c.HTTP.DisableGzip = true },
}, {
	field: "HTTP.AllowRedirects", see: asked, byDefault: "a", want: "a b",
	base: func(r *optionRig, _ *client.Config) {
		r.a.interfere(func(w http.ResponseWriter, req *http.Request) bool {
			http.Redirect(w, req, "http://b:8761"+req.RequestURI, http.StatusFound)
			return true
		})
	},
	set: func(_ *optionRig, c *client.Config) { c.HTTP.AllowRedirects = true },
}}

// callTook tells how long a call takes that gets no answer.
func callTook(r *optionRig) string {
	return took(func() { _, _ = r.c.API().Applications(r.t.Context()) })
}

// A countedTrips counts exchanges.
type countedTrips struct {
	http.RoundTripper
	n *atomic.Int64
}

func (c countedTrips) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// wantsCertificate is the port of a server that wants a certificate of clients.
const wantsCertificate = 8444

// overTLS lets the client ask a server that speaks TLS, and writes its certificate and key to files.
func overTLS(port int) func(*optionRig, *client.Config) {
	return func(r *optionRig, c *client.Config) {
		c.Servers = []string{fmt.Sprintf("https://a:%d/eureka/", port)}
		r.pair = newPair(r.t)
		writePEM(r.t, r.file("cert.pem"), "CERTIFICATE", r.pair.Leaf.Raw)
		writeOwnPair(r.t, r.file("both.pem"), r.pair)
		key, err := x509.MarshalPKCS8PrivateKey(r.pair.PrivateKey)
		if err != nil {
			r.t.Fatal(err)
		}
		writePEM(r.t, r.file("key.pem"), "PRIVATE KEY", key)
		cfg := &tls.Config{Certificates: []tls.Certificate{r.pair}}
		if port == wantsCertificate {
			cfg.ClientAuth = tls.RequireAnyClientCert
		}
		r.serveTLS(port, cfg)
	}
}

func (r *optionRig) serveTLS(port int, cfg *tls.Config) {
	ln, err := r.net.Host("a").Listen(fmt.Sprint(":", port))
	if err != nil {
		r.t.Fatal(err)
	}
	srv := &http.Server{Handler: r.a, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	go func() { _ = srv.Serve(tls.NewListener(ln, cfg)) }()
	r.t.Cleanup(func() { _ = srv.Close() })
}

// newPair makes a certificate for the host "a" that is its own root.
func newPair(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"a"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
