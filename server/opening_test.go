package server_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// openedAfter starts both nodes of a ring at once, and returns how long after its start a opened. Arrive is called
// each second until then.
func openedAfter(t *testing.T, arrive func(t *testing.T, second int, a *heurekatest.Node)) time.Duration {
	t.Helper()
	var took time.Duration
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 3})
		a, began := c.Node("a"), time.Now()
		for second := 0; ; second++ {
			if ph, _, since := a.Server().Phase(); ph == server.Open {
				took = since.Sub(began)
				return
			}
			arrive(t, second, a)
			time.Sleep(time.Second)
		}
	})
	return took
}

// A ring whose nodes all start at once opens when arrivals have ebbed, and does not take "nobody came" for "everybody came".
func TestOpensWhenArrivalsHaveEbbed(t *testing.T) {
	every := func(interval int64, id string) *heureka.Instance {
		in := instance("ORDERS", id)
		in.Lease.RenewalIntervalSecs = interval
		return in
	}
	for name, tt := range map[string]struct {
		arrive     func(t *testing.T, second int, a *heurekatest.Node)
		from, till time.Duration
	}{
		"nobody comes": {func(*testing.T, int, *heurekatest.Node) {}, 90 * time.Second, 100 * time.Second},
		"a fleet within 30 s": {func(t *testing.T, second int, a *heurekatest.Node) {
			if second < 30 {
				register(t, connect(t, a, "client"), instance("ORDERS", fmt.Sprint(second)))
			}
		}, 60 * time.Second, 75 * time.Second},
		"a fleet that beats each minute": {func(t *testing.T, second int, a *heurekatest.Node) {
			if second < 60 {
				register(t, connect(t, a, "client"), every(60, fmt.Sprint(second)))
			}
		}, 65 * time.Second, 105 * time.Second},
		"a crash loop beside a fleet": {func(t *testing.T, second int, a *heurekatest.Node) {
			if second < 100 && second > 0 || second%20 == 0 {
				register(t, connect(t, a, "client"), instance("ORDERS", fmt.Sprint(second)))
			}
		}, 90 * time.Second, 150 * time.Second},
		"a crash loop beside few": {func(t *testing.T, second int, a *heurekatest.Node) {
			if second < 5 || second%20 == 0 {
				register(t, connect(t, a, "client"), instance("ORDERS", fmt.Sprint(second)))
			}
		}, 35 * time.Second, 100 * time.Second},
		"few that change all the time": {func(t *testing.T, second int, a *heurekatest.Node) {
			conn := connect(t, a, "client")
			if second < 5 {
				register(t, conn, instance("ORDERS", fmt.Sprint(second)))
			}
			s := []heureka.Status{heureka.StatusOutOfService, heureka.StatusDown}[second%2]
			if err := conn.SetOverride(t.Context(), heureka.Key{App: "ORDERS", ID: "0"}, s, 0); err != nil {
				t.Error(err)
			}
		}, 35 * time.Second, 75 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			took := openedAfter(t, tt.arrive)
			if took < tt.from || took > tt.till {
				t.Errorf("open after %v, want between %v and %v", took, tt.from, tt.till)
			}
		})
	}
}

// A node that is restarted under a living fleet hands out no empty registry: heartbeats for instances that nobody knows,
// of clients older than the process, keep readers out until the fleet is back.
func TestEarlierLifeIsWaitedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		configure func(*server.Config)
		dirty     time.Duration // of the fleet, after the start of the process
		closed    bool
	}{
		"older than the process":   {nil, -time.Hour, true},
		"younger than the process": {nil, time.Second, false},
		"waiting switched off":     {func(cfg *server.Config) { cfg.WaitTimeWhenSyncEmpty = -1 }, -time.Hour, false},
		"netflix":                  {func(cfg *server.Config) { cfg.Compatibility = server.CompatibilityNetflix }, -time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			alone(t, tt.configure, func(t *testing.T, n *heurekatest.Node) {
				transport := n.Cluster.Transport("client")
				defer transport.CloseIdleConnections()
				client := &http.Client{Transport: transport}
				began := time.Now()
				stamp := began.Add(tt.dirty).UnixMilli()
				reads := func() int { return ask(t, client, "GET", n.URL+"apps", "").StatusCode }
				time.Sleep(2 * time.Second)
				if got := reads(); got != 200 {
					t.Fatalf("a node that nobody knew yet answers %d", got)
				}
				conn := connect(t, n, "client")
				for i := range 6 { // a fleet of six, each at its own time
					time.Sleep(5 * time.Second)
					id := fmt.Sprint("i", i)
					if got := ask(t, client, "PUT", fmt.Sprintf("%sapps/ORDERS/%s?status=UP&lastDirtyTimestamp=%d", n.URL, id, stamp), "").StatusCode; got != 404 {
						t.Fatalf("the heartbeat of an unknown instance = %d", got)
					}
					want := 200
					if tt.closed {
						want = 503
					}
					if got := reads(); got != want {
						t.Errorf("after %d of 6 the registry is read with %d, want %d", i, got, want)
					}
					in := instance("ORDERS", id)
					in.LastDirtyMS = stamp
					register(t, conn, in)
				}
				time.Sleep(time.Minute)
				if got := reads(); got != 200 {
					t.Errorf("once the fleet is back, the registry is read with %d", got)
				}
				if ph, why, _ := n.Server().Phase(); ph != server.Open {
					t.Errorf("the node is %s: %s", ph, why)
				}
			})
		})
	}
}
