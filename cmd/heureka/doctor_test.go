package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// names is a resolver that knows these.
type names map[string][]string

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if found := n[host]; found != nil {
		return found, nil
	}
	return nil, errors.New("no such host")
}
func (n names) LookupTXT(context.Context, string) ([]string, error) { return nil, errors.New("none") }
func (n names) LookupSRV(context.Context, string, string, string) (string, []*net.SRV, error) {
	return "", nil, errors.New("none")
}

// newDoctor has a machine of which nothing is to be said, and an empty directory of settings.
func newDoctor(t *testing.T) *doctor {
	t.Helper()
	t.Chdir(t.TempDir())
	r := &remote{program: &program{stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}}, timeout: patience, output: "text"}
	if err := r.prepare(); err != nil {
		t.Fatal(err)
	}
	return &doctor{remote: r, now: time.Now, resolver: names{"localhost": {"127.0.0.1"}, "127.0.0.1": {"127.0.0.1"}}, machine: machine{
		files: func() (uint64, bool) { return 1 << 20, true }, cgroup: func() (int64, bool) { return 1 << 30, true }, memory: math.MaxInt64}}
}

// settled looks at settings, on a port that the system chooses.
func (d *doctor) settled(t *testing.T, args ...string) *doctor {
	t.Helper()
	if err := d.settings(t.Context(), append([]string{"--server.port=0", "--eureka.instance.hostname=localhost"}, args...)); err != nil {
		t.Fatal(err)
	}
	return d
}

// wants demands one finding with these words, and a mend; without words, none at all.
func (d *doctor) wants(t *testing.T, h harm, words ...string) {
	t.Helper()
	if len(words) == 0 && len(d.Findings) > 0 {
		t.Errorf("found %+v, want nothing", d.Findings)
	}
	for _, w := range words {
		if !slices.ContainsFunc(d.Findings, func(f finding) bool { return f.Harm == h && strings.Contains(f.Problem, w) && f.Mend != "" }) {
			t.Errorf("found %+v, want %s with %q and what mends it", d.Findings, h, w)
		}
	}
}

func TestDoctorIsContent(t *testing.T) { newDoctor(t).settled(t).wants(t, note) }

func TestDoctorLimits(t *testing.T) {
	for _, tt := range []struct {
		files         uint64
		group, memory int64 // 0: none
		harm          harm
		words         string
	}{
		{512, 1 << 30, 0, harmful, "512 files"},
		{4096, 1 << 30, 0, note, "4096 files"},
		{1 << 20, 0, 0, note, "no limit"},
		{1 << 20, 0, 1 << 30, note, ""},
		{1 << 20, 32 << 20, 0, harmful, "32 MB"},
		{1 << 20, 1 << 30, 16 << 20, harmful, "16 MB"},
		{1 << 20, 1 << 30, 1 << 31, harmful, "the system ends the node"},
	} {
		d := newDoctor(t)
		d.machine = machine{files: func() (uint64, bool) { return tt.files, true }, cgroup: func() (int64, bool) { return tt.group, tt.group > 0 }, memory: tt.memory}
		if tt.memory == 0 {
			d.machine.memory = math.MaxInt64
		}
		if d.settled(t); tt.words == "" {
			d.wants(t, tt.harm)
		} else {
			d.wants(t, tt.harm, tt.words)
		}
	}
}

func TestDoctorFiles(t *testing.T) {
	d, dir := newDoctor(t), t.TempDir()
	ca := tlsconftest.New(t)
	pair := ca.Sign(time.Now().Add(10*24*time.Hour), "localhost")
	tlsconftest.Write(t, dir, map[string][]byte{"cert.pem": pair.Cert, "key.pem": pair.PEM})
	if err := os.Chmod(filepath.Join(dir, "key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	ssl := []string{"--server.ssl.certificate=" + filepath.Join(dir, "cert.pem"), "--server.ssl.certificate-private-key=" + filepath.Join(dir, "key.pem")}
	d.settled(t, append(ssl, "--heureka.access-log="+filepath.Join(dir, "nowhere", "access.log"))...)
	d.wants(t, harmful, "server.ssl expires in 9 days")
	d.wants(t, fatal, "heureka.access-log: nothing can be written")
	newDoctor(t).settled(t, "--heureka.data-dir="+filepath.Join(dir, "cert.pem", "data")).wants(t, harmful, "heureka.data-dir: nothing can be written")
	if runtime.GOOS != "windows" {
		d.wants(t, harmful, "every user of this machine may read or change it (mode 0644)")
	}
	late := newDoctor(t)
	late.settled(t, "--server.ssl.certificate=/nowhere.pem", "--server.ssl.certificate-private-key=/nowhere.pem").wants(t, fatal, "/nowhere.pem")
}

func TestDoctorPorts(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	d := newDoctor(t)
	d.timeout = 10 * time.Millisecond // what has the port says nothing
	d.settled(t, "--server.address=127.0.0.1", "--server.port="+port)
	d.wants(t, fatal, "address already in use")

	node, err := url.Parse(heurekatest.NewServer(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	d = newDoctor(t).settled(t, "--server.address="+node.Hostname(), "--server.port="+node.Port())
	d.wants(t, note, "by a node that runs at")
}

// TestDoctorPeers asks peers that are each wrong in a way of their own.
func TestDoctorPeers(t *testing.T) {
	page := `<com.netflix.eureka.util.StatusInfo><applicationStats/></com.netflix.eureka.util.StatusInfo>`
	peer := func(code int, body string, ahead time.Duration) string {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(srv.Close)
		return srv.URL + "/eureka/"
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, tt := range []struct {
		url   string
		harm  harm
		words []string
	}{
		{peer(200, page, 0), note, []string{"no service URL is that of this node"}},
		{peer(200, page, time.Hour), harmful, []string{"ahead of this one"}},
		{peer(200, page, -time.Hour), harmful, []string{"behind this one"}},
		{peer(200, "<html>", 0), harmful, []string{"no Eureka server"}},
		{peer(404, "", 0), harmful, []string{"(404) is no Eureka server"}},
		{peer(401, "", 0), harmful, []string{"refuses this node with 401"}},
		{peer(503, "", 0), note, []string{"still starting"}},
		{"http://" + closed.Addr().String() + "/eureka/", harmful, []string{"nothing listens there"}},
		{"http://nobody.example:8761/eureka/", harmful, []string{"nobody.example cannot be looked up"}},
		{"dns+http://nobody.example:8761/eureka/", harmful, []string{"nobody.example cannot be looked up"}},
		{strings.Replace(peer(200, page, 0), "http://", "https://", 1), harmful, []string{"speaks no TLS"}},
		{peer(200, page, time.Hour) + "," + peer(200, page, time.Hour), harmful, []string{"probably wrong itself"}},
	} {
		newDoctor(t).settled(t, "--"+peersKey+"="+tt.url).wants(t, tt.harm, tt.words...)
	}
}

// Nodes need no other role than peer, and the doctor with their credentials no other either.
func TestDoctorAsksAsAPeer(t *testing.T) {
	peer := heurekatest.NewServer(t, func(cfg *server.Config) {
		cfg.Auth.User, cfg.Auth.Password, cfg.Auth.Roles = "node", "geheim", []string{"peer"}
	}).URL
	newDoctor(t).settled(t, "--"+peersKey+"="+strings.Replace(peer, "://", "://node:geheim@", 1)).wants(t, note, "no service URL is that of this node")
	newDoctor(t).settled(t, "--"+peersKey+"="+strings.Replace(peer, "://", "://node:wrong@", 1)).wants(t, harmful, "refuses this node with 401")
	d := newDoctor(t).settled(t, "--"+peersKey+"="+strings.Replace(peer, "://", "://node:geheim@", 1))
	if len(d.Findings) != 1 {
		t.Errorf("found %+v, want a note alone", d.Findings)
	}
}

// A name that others take for themselves, and the URL of the node itself, which need not answer yet.
func TestDoctorOwnName(t *testing.T) {
	d := newDoctor(t)
	d.timeout = 10 * time.Millisecond
	d.resolver = names{"localhost": {"127.0.0.1"}, "192.0.2.1": {"192.0.2.1"}}
	d.settled(t, "--"+peersKey+"=http://192.0.2.1:8761/eureka/").wants(t, harmful, "is called localhost")

	cfg := &server.Config{HostName: "eureka-1", Port: 8761}
	for text, want := range map[string]bool{
		"http://EUREKA-1:8761/eureka/": true, "http://eureka-1:8762/eureka/": false, "http://eureka-2:8761/eureka/": false,
		"http://localhost:8761/eureka/": true, "http://[::1]:8761/eureka/": true, "https://eureka-1/eureka/": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := isOwn(cfg, u); got != want {
			t.Errorf("%s is the node's own: %v, want %v", text, got, want)
		}
	}
}

func TestDoctorOfNodes(t *testing.T) {
	whole := heurekatest.NewServer(t)
	whole.WaitOpen()
	good := whole.URL
	lonely := heurekatest.NewServer(t, func(cfg *server.Config) {
		cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://127.0.0.1:1/eureka/"}}
		cfg.DisableSelfPreservation = true
	}).URL
	d := newDoctor(t)
	d.node(t.Context(), good)
	d.wants(t, note)
	d.node(t.Context(), lonely)
	d.wants(t, harmful, "refuses reads")
	d.wants(t, note, "self-preservation is off")
	d.node(t.Context(), strings.Replace(good, "/eureka/", "/elsewhere/", 1))
	d.wants(t, fatal, "no Eureka server")
}

func TestDoctorNumbers(t *testing.T) {
	d := newDoctor(t)
	p, err := d.probe("http://node:8761/eureka/")
	if err != nil {
		t.Fatal(err)
	}
	d.numbers(p, "process_open_fds 10\nprocess_max_fds 1000\nheureka_audit_failing 0\n")
	d.wants(t, note)
	d.numbers(p, "process_open_fds 900\nprocess_max_fds 1000\nheureka_audit_failing 1\nheureka_tls_certificate_expiry_timestamp_seconds{use=\"server\"} 1e9\n")
	d.wants(t, harmful, "900 of 1000 files", "audit log", "certificate expires")
}

func TestDoctorLinks(t *testing.T) {
	d := newDoctor(t)
	p, err := d.probe("http://node:8761/eureka/")
	if err != nil {
		t.Fatal(err)
	}
	state := func(details string) *peerState {
		s := &peerState{Peer: "http://peer/", State: "available"}
		if err := json.Unmarshal([]byte(details), &s.Details); err != nil {
			t.Fatal(err)
		}
		return s
	}
	d.link(p, state(`{"state":"ok","clockSkew":"1s"}`))
	d.wants(t, note)
	d.link(p, state(`{"state":"failing","error":"connection refused"}`))
	d.link(p, state(`{"state":"failing","permanent":true,"error":"answered 401"}`))
	d.link(p, state(`{"state":"ok","clockSkew":"-12s"}`))
	d.wants(t, harmful, "fails: connection refused", "refuses replication: answered 401", "is 12s behind its own")
}

// The worst is told first, and decides the exit status.
func TestDoctorReport(t *testing.T) {
	d := newDoctor(t)
	d.add(note, "limits", "m", "first")
	if err := d.report(); err != nil {
		t.Errorf("a note: %v", err)
	}
	d.add(harmful, "peers", "m", "second")
	d.add(fatal, "ports", "m", "third")
	if err := d.report(); statusOf(err) != statusFailed || err.Error() != "2 findings that do harm" {
		t.Errorf("status %d, %v", statusOf(err), err)
	}
	if got := d.Findings[0].Problem + " " + d.Findings[2].Problem; got != "third first" {
		t.Errorf("order: %+v", d.Findings)
	}
}
