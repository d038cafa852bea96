package server_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/changes"
	"heureka.internal/heureka/internal/remote"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// v1 asks a node's own API.
func v1(t *testing.T, n *heurekatest.Node, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	n.Server().Handler().ServeHTTP(w, httptest.NewRequest("GET", "/heureka/v1/"+path, nil))
	return w.Code, w.Body.String()
}

// The history of each node of a ring names who removed an instance: a client with its address, a peer with its own, and
// an eviction with the last heartbeat and where that arrived.
func TestHistoryNamesTheRemover(t *testing.T) {
	ring(t, func(t *testing.T, c *heurekatest.Cluster) {
		conn := connect(t, c.Node("a"), "client")
		register(t, conn, instance("ORDERS", "cancelled"))
		register(t, conn, instance("ORDERS", "silent"))
		time.Sleep(30 * time.Second)
		if err := conn.Renew(t.Context(), heureka.Key{App: "ORDERS", ID: "silent"}, remote.Renewal{Status: heureka.StatusUp, DirtyMS: 1}); err != nil {
			t.Fatal(err)
		}
		beat := time.Now().UTC()
		if err := conn.Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "cancelled"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		want := map[string][]string{
			"a": {"cancelled by client client", "evicted by node , last beat 0s by client "},
			"b": {"cancelled by peer a", "evicted by node , last beat 0s by peer a"},
			"c": {"cancelled by peer a", "evicted by node , last beat 0s by peer a"},
		}
		for name, lines := range want {
			var got []string
			for _, id := range []string{"cancelled", "silent"} {
				_, body := v1(t, c.Node(name), "history?limit=1&app=orders&id="+id)
				var doc changes.HistoryDoc
				if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Changes) != 1 {
					t.Fatalf("history of %s on %s: %s", id, name, body)
				}
				line := fmt.Sprintf("%s by %s %s", doc.Changes[0].What, doc.Changes[0].By, doc.Changes[0].Address)
				if b := doc.Changes[0].LastBeat; b != nil {
					line += fmt.Sprintf(", last beat %s by %s %s", b.At.Sub(beat).Round(time.Second), b.By, b.Address)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(lines, got); diff != "" {
				t.Errorf("history of %s (-want +got):\n%s", name, diff)
			}
		}
	})
}

// The registry can be shown as it was at any moment since the start, and not before.
func TestRegistryAsItWas(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		conn := connect(t, n, "client")
		began := time.Now()
		time.Sleep(time.Second)
		register(t, conn, instance("ORDERS", "x"))
		time.Sleep(time.Second)
		then := time.Now()
		time.Sleep(time.Second)
		register(t, conn, instance("USERS", "u"))
		if err := conn.Cancel(t.Context(), heureka.Key{App: "ORDERS", ID: "x"}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			at   string
			want string
		}{
			{"", "[USERS/u]"},
			{"0s", "[USERS/u]"},
			{"1s", "[ORDERS/x]"},
			{then.Format(time.RFC3339), "[ORDERS/x]"},
			{began.Add(time.Second / 2).Format(time.RFC3339Nano), "[]"},
		} {
			status, body := v1(t, n, "apps?at="+url.QueryEscape(tt.at))
			apps, err := wire.DecodeApplications(wire.JSON, []byte(body))
			if status != 200 || err != nil {
				t.Fatalf("at %q: %d %s", tt.at, status, body)
			}
			keys := []string{}
			for _, app := range apps.Apps {
				for _, in := range app.Instances {
					keys = append(keys, in.Key().String())
				}
			}
			if got := fmt.Sprint(keys); got != tt.want || apps.Hash != apps.Count().Hash() {
				t.Errorf("at %q: %s with hash %q, want %s", tt.at, got, apps.Hash, tt.want)
			}
		}
		for path, want := range map[string]int{
			"apps?at=1h": 410, "apps?at=yesterday": 400, "history?limit=0": 400, "history?limit=10001": 400, "history?since=x": 400,
			"history?until=-1s": 400, "history?since=1h&until=" + url.QueryEscape(then.Format(time.RFC3339)): 200, "nothing": 404,
		} {
			if got, body := v1(t, n, path); got != want {
				t.Errorf("GET %s = %d %s, want %d", path, got, body, want)
			}
		}
	})
}

// The history follows the feed while the node runs, also when nobody asks for it and there are more changes than the feed
// keeps.
func TestHistoryFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Configure: func(_ string, cfg *server.Config) { cfg.ServiceURLs = nil }})
		n := c.Node("a")
		conn := connect(t, n, "client")
		for i := range 5000 {
			register(t, conn, instance("ORDERS", fmt.Sprint(i)))
		}
		synctest.Wait()
		_, body := v1(t, n, "history?limit=10000&app=ORDERS")
		var doc changes.HistoryDoc
		if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Changes) != 5000 {
			t.Errorf("%d changes of 5000 are in the history, %v", len(doc.Changes), err)
		}
	})
}
