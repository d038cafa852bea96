package server_test

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"

	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// keys returns files of a new authority, and what its clients need.
func keys(r *rig) (server.TLSFiles, *tls.Config) {
	ca := tlsconftest.New(r.t)
	p := ca.Sign(time.Now().Add(time.Hour), "a")
	return server.TLSFiles{Certificate: string(p.Cert), PrivateKey: string(p.PEM), TrustCertificate: string(ca.PEM)}, ca.TLS()
}

// spoken asks over TLS, and says which version of it is spoken, or with which suite.
func spoken(r *rig, addr string, cfg *tls.Config) string {
	tr := r.transport("client")
	tr.TLSClientConfig = cfg
	resp, err := (&http.Client{Transport: tr}).Get("https://" + addr + "/actuator/health/liveness")
	if err != nil {
		return "refused"
	}
	defer resp.Body.Close()
	if cfg.MaxVersion == tls.VersionTLS12 {
		return tls.CipherSuiteName(resp.TLS.CipherSuite)
	}
	return tls.VersionName(resp.TLS.Version)
}

// tlsRow is a row about a node with TLS.
func tlsRow(field, byDefault, want string, set func(*server.Config)) option {
	var cfg *tls.Config
	return option{field: field, byDefault: byDefault, want: want,
		base: func(r *rig, c *server.Config) { c.TLS.TLSFiles, cfg = keys(r) },
		set:  func(_ *rig, c *server.Config) { set(c) },
		see:  func(r *rig) string { return spoken(r, "a:8761", cfg) },
	}
}

// managementRow is a row about a node with TLS whose management has a port of its own.
func managementRow(field, byDefault, want string, limit uint16, set func(c *server.Config, other server.TLSFiles)) option {
	var cfg *tls.Config
	var other server.TLSFiles
	return option{field: field, byDefault: byDefault, want: want,
		base: func(r *rig, c *server.Config) {
			c.Management = server.ManagementSeparate
			other, _ = keys(r)
			c.TLS.TLSFiles, cfg = keys(r)
			if cfg.MaxVersion = limit; limit == tls.VersionTLS12 {
				cfg.CipherSuites = twoSuites
			}
		},
		set: func(_ *rig, c *server.Config) { set(c, other) },
		see: func(r *rig) string {
			ln, err := r.net.Host("a").Listen(":9000")
			if err != nil {
				r.t.Fatal(err)
			}
			ctx, stop := context.WithCancel(r.t.Context())
			done := make(chan error, 1)
			go func() { done <- r.server.ServeManagement(ctx, ln) }()
			defer func() { stop(); <-done }()
			return spoken(r, "a:9000", cfg)
		},
	}
}

const (
	suite      = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
	otherSuite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
)

// twoSuites are what clients offer where the choice must not depend on the machine.
var twoSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}

// tlsOptions are about TLS. Where peers' is used is shown by tls.txtar, between real programs.
var tlsOptions = []option{
	{field: "TLS.TLSFiles", byDefault: "0", want: "1", see: func(r *rig) string {
		tr := r.transport("client")
		tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the authority is not known here
		if resp, err := (&http.Client{Transport: tr}).Get("https://a:8761/livez"); err == nil {
			resp.Body.Close()
			return "1"
		}
		return "0"
	}, set: func(r *rig, c *server.Config) { c.TLS.TLSFiles, _ = keys(r) }},
	tlsRow("TLS.Disabled", "TLS 1.3", "refused", func(c *server.Config) { c.TLS.Disabled = true }),
	tlsRow("TLS.ClientAuth", "TLS 1.3", "refused", func(c *server.Config) { c.TLS.ClientAuth = "need" }),
	tlsRow("TLS.Protocols", "TLS 1.3", "TLS 1.2", func(c *server.Config) { c.TLS.Protocols = []string{"TLSv1.2"} }),
	managementRow("ManagementTLS.TLSFiles", "TLS 1.3", "refused", 0, func(c *server.Config, other server.TLSFiles) { c.ManagementTLS.TLSFiles = other }),
	managementRow("ManagementTLS.Disabled", "TLS 1.3", "refused", 0, func(c *server.Config, _ server.TLSFiles) { c.ManagementTLS.Disabled = true }),
	managementRow("ManagementTLS.ClientAuth", "TLS 1.3", "refused", 0, func(c *server.Config, _ server.TLSFiles) { c.ManagementTLS.ClientAuth = "need" }),
	managementRow("ManagementTLS.Protocols", "TLS 1.3", "TLS 1.2", 0, func(c *server.Config, _ server.TLSFiles) {
		c.ManagementTLS.TLSFiles, c.ManagementTLS.Protocols = c.TLS.TLSFiles, []string{"TLSv1.2"}
	}),
	managementRow("ManagementTLS.Ciphers", otherSuite, suite, tls.VersionTLS12, func(c *server.Config, _ server.TLSFiles) {
		c.ManagementTLS.TLSFiles, c.ManagementTLS.Ciphers = c.TLS.TLSFiles, []string{suite}
	}),
	{field: "AcceptPlain", byDefault: "400", want: "200", see: statusOf("/actuator/health/liveness"),
		base: func(r *rig, c *server.Config) { c.TLS.TLSFiles, _ = keys(r) },
		set:  func(_ *rig, c *server.Config) { c.AcceptPlain = true }},
	{field: "PeerTLS.Enabled", byDefault: "", want: "peers", see: peerCertificate,
		base: func(r *rig, c *server.Config) { c.PeerTLS.TLSFiles, _ = keys(r) },
		set:  func(_ *rig, c *server.Config) { c.PeerTLS.Enabled = true }},
	{field: "PeerTLS.TLSFiles", byDefault: "", want: "peers", see: peerCertificate,
		base: func(_ *rig, c *server.Config) { c.PeerTLS.Enabled = true },
		set:  func(r *rig, c *server.Config) { c.PeerTLS.TLSFiles, _ = keys(r) }},
	ciphersRow(),
}

// ciphersRow is about suites of TLS 1.2.
func ciphersRow() option {
	var cfg *tls.Config
	return option{field: "TLS.Ciphers", byDefault: otherSuite, want: suite,
		base: func(r *rig, c *server.Config) {
			c.TLS.TLSFiles, cfg = keys(r)
			cfg.MaxVersion, cfg.CipherSuites = tls.VersionTLS12, twoSuites
		},
		set: func(_ *rig, c *server.Config) { c.TLS.Ciphers = []string{suite} },
		see: func(r *rig) string { return spoken(r, "a:8761", cfg) },
	}
}

func peerCertificate(r *rig) string {
	return r.find("/actuator/prometheus", `heureka_tls_certificate_expiry_timestamp_seconds\{use="(peers)"\}`)
}
