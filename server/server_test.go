package server_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// alone runs one node without peers in a bubble of virtual time.
func alone(t *testing.T, configure func(*server.Config), story func(t *testing.T, n *heurekatest.Node)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = nil
			if configure != nil {
				configure(cfg)
			}
		}})
		story(t, c.Node("a"))
	})
}

func instance(app, id string) *heureka.Instance {
	return &heureka.Instance{
		App: app, ID: id, HostName: id, IPAddr: "10.0.0.1", Status: heureka.StatusUp,
		Port: heureka.Port{Number: 8080, Enabled: true}, SecurePort: heureka.Port{Number: 443},
		CountryID: 1, DataCenter: heureka.OwnDataCenter, VIPAddress: strings.ToLower(app), LastDirtyMS: 1,
	}
}

func register(t *testing.T, conn *remote.Conn, instances ...*heureka.Instance) {
	t.Helper()
	for _, in := range instances {
		if err := conn.Register(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// beat sends heartbeats every 30 s for as long as d.
func beat(t *testing.T, conn *remote.Conn, d time.Duration, keys ...heureka.Key) {
	t.Helper()
	for range d / (30 * time.Second) {
		time.Sleep(30 * time.Second)
		for _, k := range keys {
			if err := conn.Renew(t.Context(), k, remote.Renewal{Status: heureka.StatusUp}); err != nil {
				t.Fatalf("renew %s: %v", k, err)
			}
		}
	}
}

// Brief, row 9: a lease ends after 90 s without a heartbeat, the check runs every 60 s.
func TestSilentInstanceIsEvictedWhileOthersBeat(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		var alive []heureka.Key
		for id := range strings.FieldsSeq("a b c d e f g h i j k l m n o p q r s t") {
			register(t, conn, instance("ORDERS", id))
			alive = append(alive, heureka.Key{App: "ORDERS", ID: id})
		}
		register(t, conn, instance("ORDERS", "silent"))
		beat(t, conn, 90*time.Second, alive...)
		if !n.Has("ORDERS", "silent") {
			t.Fatal("the lease ended before its 90 s")
		}
		beat(t, conn, 90*time.Second, alive...)
		if n.Has("ORDERS", "silent") {
			t.Error("the silent instance is still there 180 s after its registration")
		}
		for _, k := range alive {
			if !n.Has(k.App, k.ID) {
				t.Errorf("%s is gone although it sent heartbeats", k)
			}
		}
	})
}

// Brief, row 10: a mass silence evicts nobody while the node protects, and the node goes on serving.
func TestMassSilenceEvictsNobody(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		var keys []heureka.Key
		for id := range strings.FieldsSeq("a b c d e f g h i j") {
			register(t, conn, instance("ORDERS", id))
			keys = append(keys, heureka.Key{App: "ORDERS", ID: id})
		}
		beat(t, conn, 3*time.Minute, keys...)
		time.Sleep(2 * time.Hour)
		for _, k := range keys {
			if !n.Has(k.App, k.ID) {
				t.Errorf("%s was evicted although all fell silent at once", k)
			}
		}
		register(t, conn, instance("LATE", "x"))
		if !n.Has("LATE", "x") {
			t.Error("a protecting node refused a registration")
		}
	})
}

func TestSelfPreservationMaxDurationLetsExpiryResume(t *testing.T) {
	configure := func(cfg *server.Config) { cfg.SelfPreservationMaxDuration = 15 * time.Minute }
	alone(t, configure, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		keys := []heureka.Key{{App: "A", ID: "1"}, {App: "A", ID: "2"}, {App: "A", ID: "3"}}
		for _, k := range keys {
			register(t, conn, instance(k.App, k.ID))
		}
		beat(t, conn, 3*time.Minute, keys...)
		time.Sleep(14 * time.Minute)
		if !n.Has("A", "1") || !n.Has("A", "2") || !n.Has("A", "3") {
			t.Fatal("an instance was evicted during the protection")
		}
		time.Sleep(10 * time.Minute)
		if got := n.Server().Applications().Hash; got != "" {
			t.Errorf("hash = %q ten minutes after the protection ran out, want an empty registry", got)
		}
	})
}

// S-CACHE-6, with the reference's read-only level: a change shows at the next multiple of 30 s of the wall clock.
func TestReadOnlyLevelFollowsTheWallClock(t *testing.T) {
	configure := func(cfg *server.Config) { cfg.Compatibility = server.CompatibilityNetflix }
	alone(t, configure, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		time.Sleep(10 * time.Second) // the bubble begins at a full minute
		if got := hash(t, conn); got != "" {
			t.Fatalf("hash = %q, want an empty registry", got)
		}
		register(t, conn, instance("ORDERS", "a"))
		time.Sleep(19 * time.Second)
		if got := hash(t, conn); got != "" {
			t.Errorf("hash = %q at second 29, want the old copy", got)
		}
		time.Sleep(2 * time.Second)
		if got := hash(t, conn); got != "UP_1_" {
			t.Errorf("hash = %q at second 31, want UP_1_", got)
		}
	})
}

// The default: an accepted change is in the next answer.
func TestAnswersAreFresh(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		for i, id := range []string{"a", "b", "c"} {
			register(t, conn, instance("ORDERS", id))
			if got, want := hash(t, conn), []string{"UP_1_", "UP_2_", "UP_3_"}[i]; got != want {
				t.Errorf("hash = %q right after registration %d, want %q", got, i+1, want)
			}
		}
	})
}

// S-DELTA-1: a change leaves the delta after its retention.
func TestDeltaForgetsAfterRetention(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		in := instance("ORDERS", "a")
		in.Lease.DurationSecs = 3600
		register(t, conn, in)
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{0, 1}, {170 * time.Second, 1}, {50 * time.Second, 0}} {
			time.Sleep(c.wait)
			doc, err := conn.Delta(t.Context(), remote.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if got := len(doc.Apps.Apps); got != c.want {
				t.Errorf("after another %s the delta has %d applications, want %d", c.wait, got, c.want)
			}
		}
	})
}

// A node without peers starts with an empty registry; one that is told to lists itself, as UP, and keeps its own lease.
func TestOwnInstance(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		synctest.Wait()
		if got := n.Server().Applications().Hash; got != "" {
			t.Errorf("hash = %q, want an empty registry", got)
		}
	})
	configure := func(cfg *server.Config) { cfg.RegisterWithEureka = new(true) }
	alone(t, configure, func(t *testing.T, n *heurekatest.Node) {
		time.Sleep(time.Hour)
		in, ok := n.Server().Instance(heureka.Key{App: "EUREKA", ID: "a:eureka:8761"})
		if !ok || in.Status != heureka.StatusUp || !in.CoordinatingServer {
			t.Errorf("own instance = %+v, %v, want it UP and marked as the answering server's", in, ok)
		}
	})
}

// SIGTERM: what is under way is answered, new connections are refused, and Serve returns.
func TestShutdownDrains(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		answered := make(chan error)
		go func() { answered <- connect(t, n, "client").Register(t.Context(), instance("ORDERS", "x")) }()
		if err := <-answered; err != nil {
			t.Fatal(err)
		}
		conn := connect(t, n, "client")
		n.Stop()
		if err := conn.Register(t.Context(), instance("ORDERS", "y")); err == nil {
			t.Error("a stopped node accepted a registration")
		}
	})
}

// S-EVICT-1: the first tick comes one interval after the node opened, and then one each interval.
func TestEvictionTicksBeginOneIntervalAfterOpening(t *testing.T) {
	configure := func(cfg *server.Config) {
		cfg.DisableSelfPreservation = true
		cfg.EvictionInterval = 10 * time.Second
	}
	alone(t, configure, func(t *testing.T, n *heurekatest.Node) {
		short := instance("ORDERS", "x")
		short.Lease = heureka.LeaseInfo{RenewalIntervalSecs: 1, DurationSecs: 2}
		register(t, connect(t, n, "client"), short)
		time.Sleep(9 * time.Second)
		if !n.Has("ORDERS", "x") {
			t.Error("evicted before the first tick was due")
		}
		time.Sleep(2 * time.Second)
		if n.Has("ORDERS", "x") {
			t.Error("still there after the first tick")
		}
		register(t, connect(t, n, "client"), short)
		time.Sleep(8 * time.Second) // at second 19 of the node
		if !n.Has("ORDERS", "x") {
			t.Error("evicted between two ticks")
		}
		time.Sleep(2 * time.Second)
		if n.Has("ORDERS", "x") {
			t.Error("still there after the second tick")
		}
	})
}

func TestMistakesAreReportedTogether(t *testing.T) {
	_, err := server.New(server.Config{RenewalPercentThreshold: 2, ContextPath: "ctx", EvictionInterval: -1})
	if err == nil {
		t.Fatal("New accepted nonsense")
	}
	for _, want := range []string{"RenewalPercentThreshold", "ContextPath", "EvictionInterval"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want it to name %s", err, want)
		}
	}
}

// S-DASH-1, S-DASH-5, S-STATPAGE-1: the pages, the health endpoints and the status resource, below the context path.
func TestPagesAndEndpoints(t *testing.T) {
	srv := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.ContextPath = "/ctx" })
	root := strings.TrimSuffix(srv.URL, "/ctx/eureka/")
	for path, want := range map[string]int{
		"/ctx":                           200, // by way of /ctx/
		"/ctx/":                          200,
		"/ctx/lastn":                     200,
		"/ctx/actuator/health":           200,
		"/ctx/actuator/health/readiness": 200,
		"/ctx/actuator/info":             200,
		"/ctx/actuator/prometheus":       200,
		"/ctx/metrics":                   200,
		"/ctx/eureka/apps":               200,
		"/ctx/eureka/v2/apps":            200,
		"/ctx/eureka/status":             200,
		"/ctx/nothing":                   404,
		"/eureka/apps":                   404,
	} {
		if got := status(t, root+path); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
}

// S-DASH-1: the page is where its path says, and nowhere if it is switched off.
func TestDashboardCanBeMovedAndSwitchedOff(t *testing.T) {
	moved := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.DashboardPath = "/dash" })
	off := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.DisableDashboard = true })
	for url, want := range map[string]int{
		moved.URL + "../dash": 200, moved.URL + "../dash/lastn": 200, moved.URL + "..": 404,
		off.URL + "..": 404, off.URL + "../lastn": 404,
	} {
		if got := status(t, cleanPath(url)); got != want {
			t.Errorf("GET %s = %d, want %d", url, got, want)
		}
	}
}

// The links of the status page work below a context path, and where the page was moved.
func TestPageLinksToItself(t *testing.T) {
	for _, configure := range []func(*server.Config){
		func(*server.Config) {},
		func(cfg *server.Config) { cfg.ContextPath = "/ctx" },
		func(cfg *server.Config) { cfg.DashboardPath = "/dash" },
		func(cfg *server.Config) { cfg.ContextPath, cfg.DashboardPath = "/ctx", "/dash" },
	} {
		var page string
		srv := heurekatest.NewServer(t, configure, func(cfg *server.Config) { page = cfg.ContextPath + cmp.Or(cfg.DashboardPath, "/") })
		u, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		root := "http://" + u.Host
		links := regexp.MustCompile(`(?:href|src)="([^"#:]+)"`).FindAllStringSubmatch(body(t, root+page), -1)
		if len(links) < 8 {
			t.Errorf("%s has links %v, want the pages and their files", page, links)
		}
		base, err := url.Parse(root + page)
		if err != nil {
			t.Fatal(err)
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		for _, l := range links {
			to, err := base.Parse(l[1])
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Get(to.String())
			if err != nil {
				t.Fatal(err)
			}
			if resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Errorf("%s links to %s, which answers %d", page, l[1], resp.StatusCode)
			}
		}
	}
}

// A young node that counts beats says why it evicts nothing although there is no emergency. One that counts leases knows
// from the first moment.
func TestYoungNodeSaysWhyNothingIsEvicted(t *testing.T) {
	for compatibility, want := range map[server.Compatibility][]bool{
		server.CompatibilityNetflix: {true, false}, server.CompatibilityHeureka: {false, false},
	} {
		alone(t, func(cfg *server.Config) { cfg.Compatibility = compatibility }, func(t *testing.T, n *heurekatest.Node) {
			synctest.Wait() // open
			for _, want := range want {
				for _, path := range []string{"/", "/actuator/health"} {
					w := httptest.NewRecorder()
					n.Server().Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
					if got := strings.Contains(w.Body.String(), "no full minute counted yet; eviction decisions start at 00:01:00"); got != want {
						t.Errorf("%s explains itself: %t, want %t:\n%s", path, got, want, w.Body)
					}
				}
				time.Sleep(time.Minute)
			}
		})
	}
}

func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func cleanPath(url string) string {
	url = strings.ReplaceAll(url, "/eureka/../", "/")
	return strings.ReplaceAll(url, "/eureka/..", "/")
}

func status(t *testing.T, url string) int {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func hash(t *testing.T, conn *remote.Conn) string {
	t.Helper()
	doc, err := conn.Apps(t.Context(), remote.Query{})
	if err != nil {
		t.Fatal(err)
	}
	return doc.Apps.Hash
}

func TestServeFailsOnABrokenListener(t *testing.T) {
	srv := heurekatest.NewServer(t)
	node := srv.Node
	srv.Stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := node.Serve(ctx, brokenListener{})
	if !errors.Is(err, errBroken) {
		t.Errorf("Serve() = %v, want the listener's error", err)
	}
}
