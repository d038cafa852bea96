package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/server"
)

// read returns the body of a GET of a path beside the API, over the network of a cluster.
func read(t *testing.T, n *heurekatest.Node, transport *http.Transport, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", strings.TrimSuffix(n.URL, "/eureka/")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/json, text/plain")
	answer, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("GET %s = %d, %v: %s", path, answer.StatusCode, err, body)
	}
	return string(body)
}

// S-MET-1 to S-MET-5: what happened is counted, and what is now can be read, under names of our own.
func TestMet1Numbers(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		a := c.Node("a")
		conn, transport := connect(t, a, "client"), c.Transport("client")
		defer transport.CloseIdleConnections()
		number := func(name string) string {
			t.Helper()
			m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (.*)$`).FindStringSubmatch(read(t, a, transport, "/actuator/prometheus"))
			if m == nil {
				return "missing"
			}
			return m[1]
		}
		names := []string{
			`heureka_registrations_total{source="client"}`, `heureka_renewals_total{source="client"}`, `heureka_cancels_total{source="client"}`, "heureka_evictions_total",
			"heureka_renewals_not_found_total", "heureka_applications", `heureka_instances{status="UP"}`, `heureka_instances{status="DOWN"}`,
		}
		sum := func() (out []int) {
			for _, name := range names {
				var n int
				if _, err := fmt.Sscan(number(name), &n); err != nil {
					t.Fatalf("%s is %s", name, number(name))
				}
				out = append(out, n)
			}
			return out
		}
		time.Sleep(10 * time.Second) // the nodes renew their own leases at full half minutes, as the ring just opened
		before := sum()
		register(t, conn, instance("ORDERS", "x"), instance("ORDERS", "y"), instance("ORDERS", "y"))
		key := heureka.Key{App: "ORDERS", ID: "x"}
		for range 2 {
			if err := conn.Renew(t.Context(), key, remote.Renewal{Status: heureka.StatusUp}); err != nil {
				t.Error(err)
			}
		}
		_ = conn.Renew(t.Context(), heureka.Key{App: "ORDERS", ID: "nobody"}, remote.Renewal{})
		if err := conn.SetOverride(t.Context(), key, heureka.StatusDown, 0); err != nil {
			t.Error(err)
		}
		if err := conn.Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "y"}); err != nil {
			t.Error(err)
		}
		after := sum()
		for i := range after {
			after[i] -= before[i]
		}
		if want := []int{3, 2, 1, 0, 1, 1, 0, 1}; !slices.Equal(after, want) {
			t.Errorf("%v grew by %v, want %v", names, after, want)
		}
		time.Sleep(time.Second) // for the peers to take what is queued
		for name, want := range map[string]string{
			"heureka_renewals_expected": "2", "heureka_renewal_threshold": "1", // one instance: nodes do not count
			`heureka_phase{phase="open"}`: "1", `heureka_phase{phase="syncing"}`: "0",
			`heureka_peer_up{peer="http://b:8761/eureka/"}`:            "1",
			`heureka_peer_pending{peer="http://b:8761/eureka/"}`:       "0",
			`heureka_peer_dropped_total{peer="http://b:8761/eureka/"}`: "0",
			`heureka_peer_up{peer="http://a:8761/eureka/"}`:            "missing", // the node itself
		} {
			if got := number(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	})
}

// S-DEF-32, S-MET-3, S-DISP-11: a peer that refuses for good gets nothing twice, unless it is for the password, and that shows.
func TestDef32RefusalsShow(t *testing.T) {
	t.Run("request", func(t *testing.T) { showsRefusal(t, http.StatusBadRequest, 1, 0) })
	t.Run("password", func(t *testing.T) { showsRefusal(t, http.StatusUnauthorized, 0, 1) })
}

func showsRefusal(t *testing.T, status, dropped, pending int) {
	p := &javaPeer{answer: func(_ int, w http.ResponseWriter, _ int) { w.WriteHeader(status) }}
	besideJava(t, p, func(t *testing.T, c *heurekatest.Cluster, conn *remote.Conn) {
		register(t, conn, instance("ORDERS", "x"))
		time.Sleep(time.Minute)
		a, transport := c.Node("a"), c.Transport("client")
		defer transport.CloseIdleConnections()
		metrics := read(t, a, transport, "/actuator/prometheus")
		for _, want := range []string{
			`heureka_peer_refusing{peer="http://java:8761/eureka/"} 1`, `heureka_peer_up{peer="http://java:8761/eureka/"} 0`,
			fmt.Sprintf(`heureka_peer_dropped_total{peer="http://java:8761/eureka/"} %d`, dropped),
			fmt.Sprintf(`heureka_peer_pending{peer="http://java:8761/eureka/"} %d`, pending),
		} {
			if !strings.Contains(metrics, want+"\n") {
				t.Errorf("metrics lack %s", want)
			}
		}
		if health := read(t, a, transport, "/actuator/health"); !strings.Contains(health, `"permanent":true`) || !strings.Contains(health, fmt.Sprint(status)) {
			t.Errorf("health does not show the refusal: %s", health)
		}
	})
}

// A statusDocument is what /eureka/status says as JSON.
type statusDocument struct {
	GeneralStats     map[string]string
	ApplicationStats map[string]string
	InstanceInfo     map[string]any
	Healthy          *bool
}

func readStatus(t *testing.T, n *heurekatest.Node, transport *http.Transport) (status statusDocument) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, n, transport, "/eureka/status")), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

// W-SRV-2, W-SRV-3: as on Spring's servers the environment is not there, nor what a registry says of its instances.
func TestSrv3GeneralStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = nil
		}})
		started := strconv.FormatInt(time.Now().UnixMilli(), 10)
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		time.Sleep(time.Minute)
		status := readStatus(t, c.Node("a"), transport)
		names := slices.Sorted(maps.Keys(status.GeneralStats))
		if want := []string{"current-memory-usage", "num-of-cpus", "server-uptime", "total-avail-memory"}; !slices.Equal(names, want) {
			t.Errorf("generalStats has %v, want %v", names, want)
		}
		for name, want := range map[string]any{
			"isCoordinatingDiscoveryServer": "false", "actionType": nil, "lastUpdatedTimestamp": started, "lastDirtyTimestamp": started,
		} {
			if got := status.InstanceInfo[name]; got != want {
				t.Errorf("%s of the node's own instance = %v, want %v", name, got, want)
			}
		}
	})
}

// S-STATPAGE-6: the uptime has days if there are any, hours and minutes.
func TestStatpage6Uptime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = nil
		}})
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		for _, step := range []struct {
			wait time.Duration
			want string
		}{{time.Second, "00:00"}, {23*time.Hour + 59*time.Minute, "23:59"}, {2 * time.Minute, "1 day 00:01"}, {24 * time.Hour, "2 days 00:01"}} {
			time.Sleep(step.wait)
			if got := readStatus(t, c.Node("a"), transport).GeneralStats["server-uptime"]; got != step.want {
				t.Errorf("server-uptime = %q, want %q", got, step.want)
			}
		}
	})
}

// S-STATPAGE-2, S-STATPAGE-5: a replica is available if replication to it works, and passwords are not shown, in health,
// metrics and pages neither.
func TestStatpage2Replicas(t *testing.T) {
	configure := func(_ string, cfg *server.Config) {
		cfg.ServiceURLs = map[string][]string{"defaultZone": {
			"http://a:8761/eureka/", "http://user:geheim@b:8761/eureka/", "http://user:geheim@gone:8761/eureka/",
		}}
		cfg.MinAvailablePeers = new(2)
	}
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 19, Configure: configure})
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		a := c.Node("a")
		time.Sleep(6 * time.Minute) // the node has waited for the peer that is gone
		status := readStatus(t, a, transport)
		for name, want := range map[string]string{
			"registered-replicas":  "http://b:8761/eureka/, http://gone:8761/eureka/",
			"available-replicas":   "http://b:8761/eureka/,",
			"unavailable-replicas": "http://gone:8761/eureka/,",
		} {
			if got := status.ApplicationStats[name]; got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		if status.Healthy == nil || *status.Healthy {
			t.Error("healthy although one of two replicas is available")
		}
		for _, path := range []string{"/eureka/status", "/actuator/health", "/actuator/prometheus", "/", "/lastn"} {
			if strings.Contains(read(t, a, transport, path), "geheim") {
				t.Errorf("%s shows a password", path)
			}
		}
	})
}
