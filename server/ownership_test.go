package server_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// A fleet are principals with a token each, called as they are: ann and bob may register, eve operates, root is the administrator.
func fleet(t *testing.T, c *server.Config) {
	t.Helper()
	name, text := filepath.Join(t.TempDir(), "tokens"), ""
	for who, roles := range map[string]string{"ann": "register", "bob": "register", "eve": "read,register,operate", "root": "admin", "node": "peer"} {
		text += fmt.Sprintf("%s:%x:%s\n", who, sha256.Sum256([]byte(who)), roles)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Auth.TokensFile = name
}

func fleetNode(t *testing.T, change func(*server.Config)) *server.Server {
	t.Helper()
	var cfg server.Config
	fleet(t, &cfg)
	change(&cfg)
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// as makes a request as somebody; "" shows nothing.
func as(t *testing.T, h http.Handler, who, method, path, body string, header ...string) int {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if who != "" {
		r.Header.Set("Authorization", "Bearer "+who)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code == http.StatusForbidden && w.Body.Len() > 0 {
		t.Errorf("%s %s: a body", method, path)
	}
	return w.Code
}

// record is the body of a registration.
func record(app, id string, change ...func(*heureka.Instance)) string {
	in := &heureka.Instance{App: app, ID: id, HostName: "h1", IPAddr: "10.0.0.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter, Port: heureka.Port{Number: 80, Enabled: true}}
	for _, f := range change {
		f(in)
	}
	return string(wire.AppendRegistration(nil, in))
}

// An instance is changed by who has registered it, and by operators; by anybody once it is gone, or if nobody knows whose it is.
func TestInstanceOwnership(t *testing.T) {
	node := fleetNode(t, func(c *server.Config) {
		c.Auth.Instances = "enforce"
		c.Auth.Anonymous = []string{"register"}
	})
	h := node.Handler()
	for _, tt := range []struct {
		who, method, path string
		want              int
	}{
		{"ann", "POST", "", 204},
		{"bob", "POST", "", 403}, {"bob", "PUT", "/1", 403}, {"bob", "PUT", "/1/metadata?k=v", 403}, {"bob", "DELETE", "/1", 403}, {"bob", "PUT", "/2", 404},
		{"", "POST", "", 403}, {"", "DELETE", "/1", 403},
		{"bob", "PUT", "/1/status?value=DOWN", 403}, {"bob", "DELETE", "/1/", 403}, {"bob", "DELETE", "/%31", 403}, {"bob", "DELETE", "/1;x=y", 403},
		{"ann", "PUT", "/1", 200}, {"ann", "PUT", "/1/metadata?k=v", 200}, {"ann", "POST", "", 204},
		{"eve", "PUT", "/1", 200}, {"eve", "PUT", "/1/status?value=DOWN", 200}, {"eve", "PUT", "/1/metadata?k=w", 200}, {"root", "PUT", "/1", 200},
		{"bob", "PUT", "/1", 403},
		{"ann", "DELETE", "/1", 200},
		{"", "POST", "", 204}, // whoever shows nothing leaves it to everybody
		{"bob", "PUT", "/1", 200}, {"bob", "POST", "", 204}, {"ann", "DELETE", "/1", 403}, {"root", "DELETE", "/1", 200},
	} {
		if got := as(t, h, tt.who, tt.method, "/eureka/apps/A"+tt.path, record("A", "1")); got != tt.want {
			t.Errorf("%s %s as %q: %d, want %d", tt.method, tt.path, tt.who, got, tt.want)
		}
	}
}

// By default what is somebody's is looked at where applications are somebody's, and nowhere else.
func TestModesOfOwnership(t *testing.T) {
	apps := map[string][]string{"eve": {"E"}}
	for name, tt := range map[string]struct {
		auth server.Auth
		want int // of another's cancel
	}{
		"nothing said":         {server.Auth{}, 200},
		"applications":         {server.Auth{Applications: apps}, 403},
		"said":                 {server.Auth{Ownership: "enforce"}, 403},
		"observed":             {server.Auth{Ownership: "observe"}, 200},
		"switched off":         {server.Auth{Applications: apps, Instances: "off"}, 200},
		"instances alone":      {server.Auth{Instances: "enforce"}, 403},
		"everything observed":  {server.Auth{Applications: apps, Mode: "observe"}, 200},
		"register is observed": {server.Auth{Ownership: "enforce", Modes: map[string]string{"register": "observe"}}, 403},
	} {
		h := fleetNode(t, func(c *server.Config) { files := c.Auth.TokensFile; c.Auth = tt.auth; c.Auth.TokensFile = files }).Handler()
		if got := as(t, h, "ann", "POST", "/eureka/apps/A", record("A", "1")); got != 204 {
			t.Fatalf("%s: registration answers %d", name, got)
		}
		if got := as(t, h, "bob", "DELETE", "/eureka/apps/A/1", ""); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

// Who has applications takes only their names, and listed ones, for VIP addresses; who has none, those that nobody has.
func TestVIPOwnership(t *testing.T) {
	change := func(mode string) func(*server.Config) {
		return func(c *server.Config) {
			c.Auth.Applications = map[string][]string{"ann": {"SHOP", "shop-vip*"}, "root": {"PAY", "PAY-*"}}
			c.Auth.VIPs = mode
		}
	}
	enforced, observed, off := fleetNode(t, change("")), fleetNode(t, change("observe")), fleetNode(t, change("off"))
	for _, tt := range []struct {
		who, app, vip, secure string
		want                  int
	}{
		{"ann", "SHOP", "shop", "shop", 204}, {"ann", "SHOP", "", "", 204}, {"ann", "SHOP", "shop,SHOP-VIP2", "", 204}, {"ann", "SHOP", "h1:80", "H1:443", 204},
		{"ann", "SHOP", "pay", "", 403}, {"ann", "SHOP", "", "pay", 403}, {"ann", "SHOP", "shop, PAY", "", 403}, {"ann", "SHOP", "shop,pay-eu", "", 403},
		{"ann", "SHOP", "free", "", 403}, {"ann", "SHOP", "h2:80", "", 403}, {"ann", "SHOP", "h1:81", "", 403},
		{"bob", "FREE", "free", "other", 204}, {"bob", "FREE", "pay", "", 403}, {"bob", "FREE", "shop", "", 403}, {"bob", "FREE", "pay-eu,free", "", 403},
		{"root", "FREE", "shop", "pay", 204},
	} {
		body := record(tt.app, "1", func(in *heureka.Instance) {
			in.VIPAddress, in.SecureVIPAddress, in.SecurePort = tt.vip, tt.secure, heureka.Port{Number: 443}
		})
		if got := as(t, enforced.Handler(), tt.who, "POST", "/eureka/apps/"+tt.app, body); got != tt.want {
			t.Errorf("%s registers %s with %q and %q: %d, want %d", tt.who, tt.app, tt.vip, tt.secure, got, tt.want)
		}
		as(t, enforced.Handler(), "root", "DELETE", "/eureka/apps/"+tt.app+"/1", "")
		for name, node := range map[string]*server.Server{"observe": observed, "off": off} {
			if got := as(t, node.Handler(), tt.who, "POST", "/eureka/apps/"+tt.app, body); got != 204 {
				t.Errorf("%s: %d", name, got)
			}
			as(t, node.Handler(), "root", "DELETE", "/eureka/apps/"+tt.app+"/1", "")
		}
	}
	// A name that is a pattern's by its host alone is still another's.
	body := record("SHOP", "1", func(in *heureka.Instance) { in.HostName, in.VIPAddress = "pay-host", "pay-host:80" })
	if got := as(t, enforced.Handler(), "ann", "POST", "/eureka/apps/SHOP", body); got != 403 {
		t.Errorf("a host called like another's application: %d", got)
	}
	numbers := askAs(observed.Handler(), "GET", "/metrics", "", "nothing", "Authorization", "Bearer root").Body.String()
	if want := `heureka_auth_denied_total{mode="observe",role="register",why="foreign-vip"} 10`; !strings.Contains(numbers, want) {
		t.Errorf("no %s", want)
	}
}

// What is denied is told: to the administrator who asks beforehand, in the list, and in the audit log.
func TestOwnershipIsTold(t *testing.T) {
	node := fleetNode(t, func(c *server.Config) {
		c.Auth.Applications = map[string][]string{"root": {"PAY"}}
	})
	h := node.Handler()
	as(t, h, "ann", "POST", "/eureka/apps/A", record("A", "1"))
	for q, want := range map[server.AccessRequest]string{
		{Method: "DELETE", Path: "/eureka/apps/A/1", Authorization: "Bearer bob"}:                  "denied with 403: it needs the role register; bob has the role register by heureka.auth.tokens-file, but the instance was registered by ann (heureka.auth.instance-ownership)",
		{Method: "POST", Path: "/eureka/apps/A", Authorization: "Bearer bob", ID: "1"}:             "denied with 403: it needs the role register; bob has the role register by heureka.auth.tokens-file, but the instance was registered by ann (heureka.auth.instance-ownership)",
		{Method: "POST", Path: "/eureka/apps/A", Authorization: "Bearer bob", ID: "2"}:             "passes: bob has the role register by heureka.auth.tokens-file",
		{Method: "POST", Path: "/eureka/apps/A", Authorization: "Bearer bob"}:                      "passes: bob has the role register by heureka.auth.tokens-file",
		{Method: "POST", Path: "/eureka/apps/B", Authorization: "Bearer bob", VIPAddress: "b,pay"}: "denied with 403: it needs the role register; bob has the role register by heureka.auth.tokens-file, but the VIP address pay is not theirs (heureka.auth.vip-ownership)",
		{Method: "POST", Path: "/eureka/apps/PAY", Authorization: "Bearer bob", ID: "1"}:           "denied with 403: it needs the role register; bob has the role register by heureka.auth.tokens-file, but the application is not theirs (heureka.auth.ownership)",
		{Method: "PUT", Path: "/eureka/apps/A/1", Authorization: "Bearer node", Replication: true}: "passes: node has the role peer by heureka.auth.tokens-file",
		{Method: "PUT", Path: "/eureka/apps/A/1/status?value=DOWN", Authorization: "Bearer eve"}:   "passes: eve has the role operate by heureka.auth.tokens-file",
		{Method: "PUT", Path: "/eureka/apps/A/1/metadata?a=b", Authorization: "Bearer bob"}:        "denied with 403: it needs the role register; bob has the role register by heureka.auth.tokens-file, but the instance was registered by ann (heureka.auth.instance-ownership)",
		{Method: "POST", Path: "/eureka/apps/A", Authorization: "Bearer bob", Replication: true}:   "denied with 403: it needs the role peer; bob has only probe, register by heureka.auth.tokens-file",
	} {
		if a, err := node.Access(q); err != nil || a.Text != want {
			t.Errorf("%+v: %s, %v, want %s", q, a.Text, err, want)
		}
	}
	as(t, h, "bob", "POST", "/eureka/apps/A", record("A", "1"))
	as(t, h, "bob", "POST", "/eureka/apps/B", record("B", "1", func(in *heureka.Instance) { in.VIPAddress = "pay" }))
	var doc struct {
		Denied []struct{ Role, Why, Fault, Principal, Action, App, ID string }
	}
	w := askAs(h, "GET", "/heureka/v1/admin/auth/denied", "", "nothing", "Authorization", "Bearer root")
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || len(doc.Denied) != 2 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for i, want := range []string{"register not-registrant registered by ann bob register A 1", "register foreign-vip VIP address pay bob register B 1"} {
		d := doc.Denied[i]
		if got := strings.Join([]string{d.Role, d.Why, d.Fault, d.Principal, d.Action, d.App, d.ID}, " "); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Whose an instance is goes through the ring of heureka nodes, and is lost on the way through a Java server.
func TestOwnershipInARing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Configure: func(_ string, cfg *server.Config) {
			fleet(t, cfg)
			cfg.Auth.Instances = "enforce"
			cfg.Auth.Modes = map[string]string{"peer": "off", "read": "off"} // among themselves
		}})
		tr := c.Transport("client")
		defer tr.CloseIdleConnections()
		ask := func(node, who, method, path, body string) int {
			t.Helper()
			r, err := http.NewRequest(method, "http://"+node+":8761/eureka/"+path, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			if who != "" {
				r.Header.Set("Authorization", "Bearer "+who)
			}
			resp, err := (&http.Client{Transport: tr}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp.StatusCode
		}
		want := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		time.Sleep(time.Minute)
		want("ann registers", ask("a", "ann", "POST", "apps/A", record("A", "1")), 204)
		time.Sleep(5 * time.Second)
		want("bob cancels at the other node", ask("b", "bob", "DELETE", "apps/A/1", ""), 403)
		want("bob registers over it", ask("b", "bob", "POST", "apps/A", record("A", "1")), 403)
		want("ann renews at the other node", ask("b", "ann", "PUT", "apps/A/1", ""), 200)

		in := &heureka.Instance{App: "A", ID: "2", HostName: "h", IPAddr: "10.0.0.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter, LastDirtyMS: time.Now().UnixMilli()}
		java := wire.AppendBatch(nil, []wire.ReplicationItem{{App: "A", ID: "2", Action: wire.Register, Instance: in, LastDirtyMS: in.LastDirtyMS, HasLastDirty: true}})
		want("a Java server replicates", ask("b", "", "POST", "peerreplication/batch/", string(java)), 200)
		want("bob cancels what it told", ask("b", "bob", "DELETE", "apps/A/2", ""), 200)
		want("ann cancels", ask("b", "ann", "DELETE", "apps/A/1", ""), 200)
		time.Sleep(5 * time.Second)
		want("then it is anybody's", ask("a", "bob", "POST", "apps/A", record("A", "1")), 204)
	})
}

// Whoever may register but has not registered an instance gets 403 without a body for whatever would change it, by whatever credential
// and however the path is spelled; who has registered it, operators and administrators get through.
func TestMatrixOfOwnership(t *testing.T) {
	srv := guarded(t, func(c *server.Config) {
		c.Auth.Instances, c.Auth.VIPs = "enforce", "enforce"
		c.Auth.UserRoles["none"] = []string{"register"}
		c.Auth.Authorities = map[string][]string{"none": {"register"}}
		c.Auth.Certificates = append(c.Auth.Certificates, server.CertificateRule{DNS: "none.corp", Roles: []string{"register"}})
		c.Auth.Applications = map[string][]string{"peer": {"PAY"}}
		file, err := os.OpenFile(c.Auth.TokensFile, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		fmt.Fprintf(file, "none:%x:register\n", sha256.Sum256([]byte("token of none")))
	})
	h, asked := srv.Handler(), 0
	register := func(who, by, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return askRequestAs(h, r, who, by)
	}
	for _, e := range []struct{ method, path string }{
		{"POST", "/eureka/apps/A"}, {"PUT", "/eureka/apps/A/1"}, {"DELETE", "/eureka/apps/A/1"}, {"PUT", "/eureka/apps/A/1/metadata?k=v"}, {"PUT", "/eureka/apps/A/1/status?value=DOWN"},
	} {
		for _, by := range []string{"password", "token", "JWT", "certificate"} {
			for who, denied := range map[string]bool{"none": true, "register": false, "operate": false, "admin": false} {
				for _, path := range spelled(e.path) {
					askAs(h, "DELETE", "/eureka/apps/A/1", "admin", "token")
					register("register", by, "/eureka/apps/A", record("A", "1"))
					r := httptest.NewRequest(e.method, "http://localhost/", strings.NewReader(record("A", "1")))
					r.Header.Set("Content-Type", "application/json")
					spell(r, path)
					w := askRequestAs(h, r, who, by)
					asked++
					switch {
					case denied && (w.Code != http.StatusForbidden || w.Body.Len() > 0):
						t.Errorf("%s %s as %s by %s: %d %q, want 403 without a body", e.method, path, who, by, w.Code, w.Body)
					case path == e.path && !denied && w.Code == http.StatusForbidden && hasRole(who, needsOf(e.path), e.method, e.path):
						t.Errorf("%s %s as %s by %s: denied", e.method, path, who, by)
					}
				}
			}
			for _, who := range []string{"none", "register"} {
				w := register(who, by, "/eureka/apps/B", record("B", who, func(in *heureka.Instance) { in.SecureVIPAddress = "b,pay" }))
				if asked++; w.Code != http.StatusForbidden || w.Body.Len() > 0 {
					t.Errorf("another's VIP address as %s by %s: %d %q", who, by, w.Code, w.Body)
				}
			}
		}
	}
	t.Logf("%d requests", asked)
}

func needsOf(path string) string {
	if strings.Contains(path, "/status") {
		return "operate"
	}
	return "register"
}
