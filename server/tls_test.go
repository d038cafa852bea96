package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// A rotated is a node whose certificate a test replaces.
type rotated struct {
	*tlsconftest.CA
	t   *testing.T
	dir string
	url string
}

// rotatedNode serves with files of dir until the test ends.
func rotatedNode(t *testing.T) *rotated {
	n := &rotated{CA: tlsconftest.New(t), t: t, dir: t.TempDir()}
	n.rotate()
	file := func(name string) string { return filepath.Join(n.dir, name) }
	srv, err := server.New(server.Config{TLS: server.TLS{TLSFiles: server.TLSFiles{Certificate: file("c"), PrivateKey: file("k")}}})
	if err != nil {
		t.Fatal(err)
	}
	n.url = "https://" + serveTCP(t, srv)
	return n
}

func (n *rotated) rotate() {
	p := n.Sign(time.Now().Add(time.Hour))
	tlsconftest.Write(n.t, n.dir, map[string][]byte{"c": p.Cert, "k": p.PEM})
}

// get makes a request on a connection of its own, and returns which certificate was shown.
func (n *rotated) get() (serial string, body string, err error) {
	transport := &http.Transport{TLSClientConfig: n.TLS(), DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get(n.url + "/actuator/prometheus")
	if err != nil {
		return "", "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.TLS.PeerCertificates[0].SerialNumber.String(), string(text), err
}

// Certificates are replaced while clients come and go: each connection is served, before long by the new one.
func TestRotationUnderLoad(t *testing.T) {
	n := rotatedNode(t)
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var served atomic.Int64
	for range 2 {
		clients.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := n.get(); err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				served.Add(1)
			}
		})
	}
	rotations := 3
	if !testing.Short() {
		rotations = 30
	}
	for range rotations {
		before, _, err := n.get()
		if err != nil {
			t.Fatal(err)
		}
		n.rotate()
		waitUntil(t, "the new certificate is served", func() bool {
			now, _, err := n.get()
			return err == nil && now != before
		})
	}
	stop()
	clients.Wait()
	t.Logf("%d rotations, %d requests", rotations, served.Load())

	tlsconftest.Write(t, n.dir, map[string][]byte{"c": []byte("-----BEGIN CERTIFICATE-----")})
	waitUntil(t, "what cannot be served is counted", func() bool {
		_, text, err := n.get()
		return err == nil && strings.Contains(text, `heureka_tls_reload_failures_total{use="server"} `) &&
			!strings.Contains(text, `heureka_tls_reload_failures_total{use="server"} 0`) &&
			strings.Contains(text, `heureka_tls_certificate_expiry_timestamp_seconds{use="server"} `)
	})
}

// waitUntil fails the test when a condition does not come true on the slowest machine.
func waitUntil(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TLS 1.1 and plain HTTP are not spoken.
func TestOldProtocolsAreRefused(t *testing.T) {
	n := rotatedNode(t)
	cfg := n.TLS()
	cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	conn, err := tls.Dial("tcp", strings.TrimPrefix(n.url, "https://"), cfg)
	if err == nil {
		conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
	resp, err := http.Get("http" + strings.TrimPrefix(n.url, "https") + "/eureka/apps")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("plain HTTP is answered %d", resp.StatusCode)
	}
}

// The port for probes takes the certificate of the API, but not its demand for certificates of clients.
func TestProbesNeedNoCertificate(t *testing.T) {
	ca, dir := tlsconftest.New(t), t.TempDir()
	p := ca.Sign(time.Now().Add(time.Hour))
	tlsconftest.Write(t, dir, map[string][]byte{"c": p.Cert, "k": p.PEM, "ca": ca.PEM})
	file := func(name string) string { return filepath.Join(dir, name) }
	cfg := server.Config{Management: server.ManagementSeparate, TLS: server.TLS{ClientAuth: "need",
		TLSFiles: server.TLSFiles{Certificate: file("c"), PrivateKey: file("k"), TrustCertificate: file("ca")}}}
	for name, tt := range map[string]struct {
		management server.TLS
		scheme     string
		want       int // 0: no answer
	}{
		"inherited": {scheme: "https", want: 200},
		"off":       {management: server.TLS{Disabled: true}, scheme: "http", want: 200},
		"demanded":  {management: server.TLS{ClientAuth: "need"}, scheme: "https"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := cfg
			cfg.ManagementTLS = tt.management
			srv, err := server.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan error, 1)
			go func() { done <- srv.ServeManagement(ctx, ln) }()
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.TLS()}}
			defer client.CloseIdleConnections()
			resp, err := client.Get(tt.scheme + "://" + ln.Addr().String() + "/actuator/health/liveness")
			got := 0
			if err == nil {
				resp.Body.Close()
				got = resp.StatusCode
			}
			if got != tt.want {
				t.Errorf("answered %s (%v), want %d", strconv.Itoa(got), err, tt.want)
			}
			stop()
			if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
