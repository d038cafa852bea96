package server_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/audit"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// entries are what stands in an audit log, of one action if it is given.
func entries(t *testing.T, text string, actions ...string) (all []audit.Entry) {
	t.Helper()
	for line := range strings.Lines(text) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if len(actions) == 0 || e.Action == actions[0] {
			all = append(all, e)
		}
	}
	return all
}

// audited makes the node write its audit log into r.log.
func audited(r *rig, c *server.Config) {
	password(r, c)
	usersFile(r, c)
	readers(r, c)
	c.Audit.Writer = &r.log
}

// asUser shows the user who may do everything.
var asUser = []string{"Authorization", basic("user", "geheim")}

// Each change has a line that says who made it, how they are known, and what was before; heartbeats have none.
func TestAuditTellsOfEachChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		audited(r, &cfg)
		r.start(cfg)
		const record = `{"instance":{"app":"ORDERS","instanceId":"x","hostName":"h","ipAddr":"10.0.0.1","port":{"$":1,"@enabled":"true"},"vipAddress":"v","status":"UP",` +
			`"homePageUrl":"http://u:secret-1@h/","metadata":{"user.password":"secret-2"},"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`
		const path = "/eureka/apps/ORDERS/x"
		for _, tt := range []struct{ method, path, body string }{
			{"POST", "/eureka/apps/ORDERS", record}, {"PUT", path, ""}, {"PUT", path + "/status?value=OUT_OF_SERVICE", ""},
			{"DELETE", path + "/status?value=UP", ""}, {"PUT", path + "/metadata?user.password=secret-3&zone=a", ""},
			{"DELETE", path, ""}, {"POST", "/heureka/v1/protection/release", ""}, {"POST", "/act?action=evict", ""}, {"POST", "/act?action=cancel&app=ORDERS&id=x", ""},
			{"POST", "/eureka/apps/ORDERS", record}, {"POST", "/act?action=override&app=ORDERS&id=x", ""}, {"POST", "/act?action=restore&as=UP&app=ORDERS&id=x", ""},
		} {
			if code, body := r.do(tt.method, tt.path, tt.body, append(asUser, "X-Heureka-Operator", "alice", "X-Heureka-Note", "new disk")...); code >= 400 && !strings.Contains(tt.path, "cancel") {
				t.Fatal(tt, code, body)
			}
			time.Sleep(time.Millisecond) // lines of changes and those of requests come in order
		}
		time.Sleep(5 * time.Minute)
		r.stop()
		up := &audit.State{Status: "UP", HostName: "h", IPAddr: "10.0.0.1", Port: 1, VIP: "v"}
		out := &audit.State{Status: "OUT_OF_SERVICE", Override: "OUT_OF_SERVICE", HostName: "h", IPAddr: "10.0.0.1", Port: 1, VIP: "v"}
		entry := func(action string, before, after *audit.State) audit.Entry {
			return audit.Entry{Node: "a:eureka:8761", Principal: "user", Proof: "password", Address: "client", Action: action, App: "ORDERS", ID: "x", Origin: "operator",
				Note: "alice: new disk", Before: before, After: after, Outcome: audit.Done}
		}
		metadata := entry("metadata", up, up)
		metadata.Metadata = []string{"user.password", "zone"}
		want := []audit.Entry{
			entry("register", nil, up), entry("override", up, out), entry("override", out, up), metadata, entry("cancel", up, nil),
			{Node: "a:eureka:8761", Principal: "user", Proof: "password", Address: "client", Action: "/heureka/v1/protection/release", Origin: "operator", Note: "alice: new disk", Outcome: audit.Done},
			{Node: "a:eureka:8761", Principal: "user", Proof: "password", Address: "client", Action: "/heureka/v1/evict", Origin: "operator", Note: "alice: new disk", Outcome: audit.Done},
			{Node: "a:eureka:8761", Principal: "user", Proof: "password", Address: "client", Action: "/heureka/v1/instance/cancel", Origin: "operator", Note: "alice: new disk",
				App: "ORDERS", ID: "x", Outcome: audit.Failed, Reason: "not-registered"},
			entry("register", nil, up), entry("override", up, out), entry("override", out, up),
			{Node: "a:eureka:8761", Action: "evict", App: "ORDERS", ID: "x", Origin: "node", Owner: "user", Before: up, Outcome: audit.Done},
		}
		got := entries(t, r.log.String())
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(audit.Entry{}, "Time"), cmp.FilterPath(func(p cmp.Path) bool {
			return p.String() == "Reason"
		}, cmp.Comparer(func(a, b string) bool {
			return a == b || strings.HasPrefix(b, "no heartbeat") || strings.HasPrefix(a, "no heartbeat")
		}))); diff != "" {
			t.Errorf("audit log (-want +got):\n%s", diff)
		}
		for _, secret := range []string{"secret-1", "secret-2", "secret-3", "geheim"} {
			if strings.Contains(r.log.String(), secret) {
				t.Errorf("the audit log has %s", secret)
			}
		}
	})
}

// Each denial has a line with its reason; one that comes again and again has one a minute, with their number.
func TestAuditTellsOfDenials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		audited(r, &cfg)
		r.start(cfg)
		for range 10 {
			for _, shown := range [][]string{nil, {"Authorization", basic("user", "falsch")}, {"Authorization", basic("ann", "p")}, {"Authorization", "Bearer eyJhbGciOiJub25lIn0.e30."}} {
				if code, _ := r.do("PUT", "/eureka/apps/ORDERS/x", "", shown...); code != 401 && code != 403 {
					t.Fatal(code)
				}
			}
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		r.stop()
		denied := audit.Entry{Node: "a:eureka:8761", Address: "client", Action: "heartbeat", App: "ORDERS", ID: "x", Origin: "client", Outcome: audit.Denied}
		of := func(reason, principal, proof string) (e audit.Entry) {
			e = denied
			e.Reason, e.Principal, e.Proof = reason, principal, proof
			return e
		}
		first := []audit.Entry{
			of("anonymous, needs the role register", "", ""),
			of("wrong-credential, needs the role register: unknown user or wrong password", "", "password"),
			of("lacks-role, needs the role register", "ann", "password"),
			of("wrong-credential, needs the role register: unknown token", "", "token"),
		}
		var want []audit.Entry
		for _, again := range []uint64{0, 8} { // the line itself counts too
			for _, e := range first {
				e.Repeated = again
				want = append(want, e)
			}
		}
		if diff := cmp.Diff(want, entries(t, r.log.String()), cmpopts.IgnoreFields(audit.Entry{}, "Time"), cmpopts.SortSlices(func(a, b audit.Entry) bool {
			return a.Repeated < b.Repeated || a.Repeated == b.Repeated && a.Reason < b.Reason // all at one moment
		})); diff != "" {
			t.Errorf("audit log (-want +got):\n%s", diff)
		}
	})
}

// A client whose certificate is of a foreign authority, or is sent with more than anybody needs, is refused at the door, and that is
// written down too. The log says once a minute what mends it.
func TestAuditTellsOfForeignCertificates(t *testing.T) {
	ca, foreign, dir := tlsconftest.New(t), tlsconftest.New(t), t.TempDir()
	p := ca.Sign(time.Now().Add(time.Hour))
	tlsconftest.Write(t, dir, map[string][]byte{"c": p.Cert, "k": p.PEM, "ca": ca.PEM})
	file := func(name string) string { return filepath.Join(dir, name) }
	var log, out lockedBuffer
	srv, err := server.New(server.Config{Audit: server.Audit{Writer: &log}, Logger: slog.New(slog.NewTextHandler(&out, nil)), TLS: server.TLS{ClientAuth: "need",
		TLSFiles: server.TLSFiles{Certificate: file("c"), PrivateKey: file("k"), TrustCertificate: file("ca")}}})
	if err != nil {
		t.Fatal(err)
	}
	addr := serveTCP(t, srv)
	long := make([]tlsconftest.Pair, 11)
	for i := range long {
		long[i] = ca.Sign(time.Now().Add(time.Hour))
	}
	large := ca.Issue(func(c *x509.Certificate) { c.DNSNames = slices.Repeat([]string{strings.Repeat("a", 200)}, 400) })
	for want, shown := range map[string][]tlsconftest.Pair{
		"chain of 11 certificates":                long,
		"chain of 1 certificates":                 {large},
		"certificate signed by unknown authority": {foreign.Sign(time.Now().Add(time.Hour))},
		"didn't provide a certificate":            nil,
		"certificate has expired":                 {ca.Sign(time.Now().Add(-time.Minute))},
	} {
		for range 3 {
			cfg := ca.TLS(shown...)
			for _, more := range cfg.Certificates[min(1, len(shown)):] { // the others go with the first
				cfg.Certificates[0].Certificate = append(cfg.Certificates[0].Certificate, more.Certificate...)
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}
			if resp, err := client.Get("https://" + addr + "/eureka/apps"); err == nil {
				resp.Body.Close()
				t.Errorf("%s: answered %d", want, resp.StatusCode)
			}
			client.CloseIdleConnections()
		}
		waitUntil(t, "a line says "+want, func() bool {
			for _, e := range entries(t, log.String(), "connect") {
				if e.Outcome == audit.Denied && e.Address == "127.0.0.1" && strings.Contains(e.Reason, want) {
					return true
				}
			}
			return false
		})
	}
	if got := len(entries(t, log.String(), "connect")); got != 5 {
		t.Errorf("%d lines, want one of each kind", got)
	}
	if n := strings.Count(out.String(), `level=WARN msg="client certificate refused"`); n < 1 || n > 3 || !strings.Contains(out.String(), "hint=") {
		t.Errorf("the log says it %d times: %s", n, &out)
	}
}

// A gate is a writer that blocks while it is shut, or fails.
type gate struct {
	lockedBuffer
	shut chan struct{} // nil: open; closed to let all go on
	full atomic.Bool
}

func (g *gate) Write(p []byte) (int, error) {
	if g.shut != nil {
		<-g.shut
	}
	if g.full.Load() {
		return 0, errors.New("no space left on device")
	}
	return g.lockedBuffer.Write(p)
}

// While the audit log cannot be written, heartbeats and what peers say go on, and so does all else unless the settings refuse it.
// What fits is written when it can be again.
func TestAuditThatCannotBeWritten(t *testing.T) {
	for name, tt := range map[string]struct {
		refuse bool
		blocks bool
		want   int
	}{
		"blocks, continue": {blocks: true, want: 204}, "blocks, refuse": {blocks: true, refuse: true, want: 503},
		"fails, continue": {want: 204}, "fails, refuse": {refuse: true, want: 503},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, g := newRig(t), &gate{}
				if tt.blocks {
					g.shut = make(chan struct{})
				}
				g.full.Store(!tt.blocks)
				cfg := r.config()
				cfg.Audit = server.Audit{Writer: g, RefuseWrites: tt.refuse}
				r.start(cfg)
				r.register("first")
				time.Sleep(10 * time.Second)
				body := `{"instance":{"app":"ORDERS","instanceId":"second","hostName":"h","ipAddr":"10.0.0.1","status":"UP","dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`
				for path, want := range map[string]int{"POST /eureka/apps/ORDERS": tt.want, "PUT /eureka/apps/ORDERS/first": 200, "GET /eureka/apps": 200} {
					method, path, _ := strings.Cut(path, " ")
					if code, _ := r.do(method, path, body); code != want {
						t.Errorf("%s %s: %d, want %d", method, path, code, want)
					}
				}
				if code, _ := r.do("POST", "/eureka/apps/ORDERS", strings.Replace(body, "second", "third", 1), "x-netflix-discovery-replication", "true"); code != 204 {
					t.Errorf("from a peer: %d", code)
				}
				if got := r.metric("audit_failing"); got != "1" {
					t.Errorf("audit_failing = %s", got)
				}
				g.full.Store(false)
				if tt.blocks {
					close(g.shut)
				}
				time.Sleep(10 * time.Second)
				if code, _ := r.do("POST", "/eureka/apps/ORDERS", body); code != 204 {
					t.Errorf("afterwards: %d", code)
				}
				if got := r.metric("audit_failing") + " " + r.metric("audit_dropped_total"); got != "0 0" {
					t.Errorf("afterwards audit_failing and audit_dropped_total are %s", got)
				}
				r.stop()
				got := map[string]bool{}
				for _, e := range entries(t, g.String()) {
					got[e.ID] = true
				}
				if !got["first"] || !got["second"] || !got["third"] {
					t.Errorf("written: %v", got)
				}
			})
		})
	}
}

// auditOptions are about the audit log.
var auditOptions = []option{{
	field: "Audit.Writer", byDefault: "0", want: "1",
	set: func(r *rig, c *server.Config) { c.Audit.Writer = &r.log },
	see: func(r *rig) string {
		r.register("x")
		time.Sleep(time.Second)
		if strings.Contains(r.log.String(), `"action":"register"`) {
			return "1"
		}
		return "0"
	},
}, {
	field: "Audit.RefuseWrites", byDefault: "204", want: "503",
	base: func(r *rig, c *server.Config) {
		g := &gate{}
		g.full.Store(true)
		c.Audit.Writer = g
	},
	set: func(_ *rig, c *server.Config) { c.Audit.RefuseWrites = true },
	see: func(r *rig) string {
		r.register("x")
		time.Sleep(time.Second)
		err := r.conn().Cancel(r.t.Context(), heureka.Key{App: "ORDERS", ID: "x"})
		if err != nil {
			return "503"
		}
		return "204"
	},
}}

// Credentials that are replaced have a line.
func TestAuditTellsOfCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		audited(r, &cfg)
		r.start(cfg)
		for _, mode := range []string{"observe", "observe", "enforce"} {
			cfg.Auth.Mode = mode
			if err := r.server.Apply(cfg); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(cfg.Auth.UsersFile, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		r.stop()
		own := audit.Entry{Node: "a:eureka:8761", Action: "credentials", Origin: "node", Outcome: audit.Done, Reason: "heureka.auth and spring.security are others"}
		files := own
		files.Reason = "files of users and tokens are others"
		if diff := cmp.Diff([]audit.Entry{own, own, files}, entries(t, r.log.String()), cmpopts.IgnoreFields(audit.Entry{}, "Time")); diff != "" {
			t.Errorf("audit log (-want +got):\n%s", diff)
		}
	})
}

// What is denied although there is the role says why.
func TestAuditTellsOfOwnersAndSites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		cfg := r.config()
		audited(r, &cfg)
		cfg.Auth.UserRoles = map[string][]string{"ann": {"register"}}
		cfg.Auth.Applications = map[string][]string{"user": {"ORDERS"}}
		r.start(cfg)
		ann := []string{"Authorization", basic("ann", "p")}
		if code, _ := r.do("PUT", "/eureka/apps/ORDERS/x", "", ann...); code != 403 {
			t.Errorf("not the owner: %d", code)
		}
		if code, _ := r.do("PUT", "/eureka/apps/FREE/x", "", append(ann, "Sec-Fetch-Site", "cross-site")...); code != 403 {
			t.Errorf("another site: %d", code)
		}
		r.stop()
		var got []string
		for _, e := range entries(t, r.log.String(), "heartbeat") {
			got = append(got, e.Principal+" "+e.App+" "+e.Reason)
		}
		if diff := cmp.Diff([]string{"ann ORDERS not-owner", "ann FREE another-site"}, got); diff != "" {
			t.Error(diff)
		}
	})
}
