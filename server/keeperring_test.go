package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/wire"
	"heureka.internal/heureka/server"
)

// keepingRing runs a story with three open nodes that keep their registries.
func keepingRing(t *testing.T, story func(t *testing.T, c *heurekatest.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dirs := map[string]string{"a": t.TempDir(), "b": t.TempDir(), "c": t.TempDir()}
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 7, Configure: func(node string, cfg *server.Config) { cfg.DataDir = dirs[node] }})
		c.WaitOpen()
		time.Sleep(time.Minute)
		story(t, c)
	})
}

// opensWithin fails unless reads of a node are allowed within d.
func opensWithin(t *testing.T, n *heurekatest.Node, d time.Duration) (why string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		ph, why, _ := n.Server().Phase()
		if ph == server.Open {
			return why
		}
		if time.Since(began) > d {
			t.Errorf("%s is %s after %v: %s", n.Name, ph, d, why)
			return why
		}
	}
}

func key(id string) heureka.Key { return heureka.Key{App: "ORDERS", ID: id} }

func statusOn(n *heurekatest.Node, id string) string {
	in, ok := n.Server().Instance(key(id))
	if !ok {
		return "missing"
	}
	return in.Status.String()
}

// All nodes of a ring are killed and started: reads are answered at once, with everybody and with what operators had said.
func TestWholeRingIsStartedAgain(t *testing.T) {
	keepingRing(t, func(t *testing.T, c *heurekatest.Cluster) {
		for i := range 40 {
			c.Node("a").Register(instance("ORDERS", fmt.Sprint(i)))
		}
		if err := connect(t, c.Node("b"), "client").SetOverride(t.Context(), key("7"), heureka.StatusOutOfService, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		for _, name := range []string{"a", "b", "c"} {
			c.Node(name).Kill()
		}
		time.Sleep(20 * time.Second)
		for _, name := range []string{"a", "b", "c"} {
			c.Node(name).Start()
		}
		for _, name := range []string{"a", "b", "c"} {
			n := c.Node(name)
			if opensWithin(t, n, time.Second); statusOn(n, "7") != "OUT_OF_SERVICE" {
				t.Errorf("on %s instance 7 is %s", name, statusOn(n, "7"))
			}
			for i := range 40 {
				if !n.Has("ORDERS", fmt.Sprint(i)) {
					t.Errorf("%s has lost %d", name, i)
				}
			}
		}
		time.Sleep(10 * time.Minute)
		if n := c.Node("a").Server(); statusOn(c.Node("a"), "3") == "missing" {
			ph, why, _ := n.Phase()
			t.Errorf("a fleet that has not been heard since the start is evicted (%s, %s)", ph, why)
		}
	})
}

// A node that is started again in a living ring takes the ring's word: who has gone meanwhile does not come back.
func TestPeersKnowWhoIsGone(t *testing.T) {
	keepingRing(t, func(t *testing.T, c *heurekatest.Cluster) {
		a, b, third := c.Node("a"), c.Node("b"), c.Node("c")
		a.Register(instance("ORDERS", "stays"), instance("ORDERS", "evicted"), instance("ORDERS", "cancelled"))
		if err := connect(t, a, "client").SetOverride(t.Context(), key("stays"), heureka.StatusDown, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		a.Kill()
		b.Kill()
		third.Expire("ORDERS", "evicted")
		if err := connect(t, third, "client").Cancel(t.Context(), key("cancelled")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		a.Start()
		if why := opensWithin(t, a, time.Second); !strings.HasPrefix(why, "copied the registry of") {
			t.Errorf("a has opened because %s", why)
		}
		third.Kill() // a has not been open for long, but what it has copied was whole
		b.Start()
		opensWithin(t, b, time.Second)
		for _, n := range []*heurekatest.Node{a, b} {
			if got := [...]string{statusOn(n, "stays"), statusOn(n, "evicted"), statusOn(n, "cancelled")}; got != [...]string{"DOWN", "missing", "missing"} {
				t.Errorf("%s has %v", n.Name, got)
			}
		}
	})
}

// What a node had been told by an operator and could not pass on before it was killed wins by its position when it is back.
func TestCommandThatNobodyElseHeard(t *testing.T) {
	keepingRing(t, func(t *testing.T, c *heurekatest.Cluster) {
		a := c.Node("a")
		a.Register(instance("ORDERS", "x"))
		time.Sleep(15 * time.Second)
		c.Partition([]string{"a"}, []string{"b", "c"})
		if err := connect(t, a, "client").SetOverride(t.Context(), key("x"), heureka.StatusOutOfService, 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		a.Kill()
		c.Heal()
		a.Start()
		opensWithin(t, a, 5*time.Second)
		time.Sleep(45 * time.Second)
		for _, name := range []string{"a", "b", "c"} {
			if got := statusOn(c.Node(name), "x"); got != "OUT_OF_SERVICE" {
				t.Errorf("on %s x is %s", name, got)
			}
		}
	})
}

// Peers that have no registry to give do not hold up a node that has kept its own; a silent one does for three seconds.
func TestPeersThatHaveNothingAreNotWaitedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		peer   http.HandlerFunc // nil: it refuses
		url    string
		within time.Duration
	}{
		"refuses":     {nil, "http://b:8761/eureka/", time.Second},
		"starts":      {busy, "http://b:8761/eureka/", time.Second},
		"is silent":   {mute, "http://b:8761/eureka/", 4 * time.Second},
		"has no name": {nil, "dns+http://nowhere:8761/eureka/", 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			keeping(t, func(r *rig) {
				r.register("x")
				r.stop()
				time.Sleep(time.Minute)
				if tt.peer != nil {
					r.serve("b", tt.peer)
				}
				cfg := r.config()
				cfg.ServiceURLs = map[string][]string{"defaultZone": {tt.url}}
				r.start(cfg)
				if got := r.after(func() bool { return r.status("/eureka/apps") == "200" }); got > tt.within.String() || len(got) > 2 || !r.has("x") {
					r.t.Errorf("reads after %s more than a second, x %t", got, r.has("x"))
				}
			})
		})
	}
}

// A Java server that has listed a node of the ring since before the snapshot knows who is gone; one that started since does not.
func TestJavaPeerThatWasUpAllTheTime(t *testing.T) {
	for name, up := range map[string]time.Duration{"was up": time.Hour, "started since": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			keeping(t, func(r *rig) {
				r.register("x")
				r.stop()
				time.Sleep(time.Minute)
				r.serve("b", javaServer(up))
				cfg := r.config()
				cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://b:8761/eureka/"}}
				r.start(cfg)
				time.Sleep(3 * time.Second)
				if gone := up == time.Hour; r.has("x") == gone || !r.has("other") {
					r.t.Errorf("x is there: %t; what the peer has: %t", r.has("x"), r.has("other"))
				}
			})
		})
	}
}

// javaServer answers with a registry of a node that came so long ago, and an instance of ORDERS that came a minute after it.
func javaServer(up time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasSuffix(req.URL.Path, "/eureka/apps/") && !strings.HasSuffix(req.URL.Path, "/eureka/apps") {
			_, _ = io.Copy(io.Discard, req.Body)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		began := time.Now().Add(-up)
		node, other := instance("EUREKA", "b"), instance("ORDERS", "other")
		node.Lease.RegistrationMS, other.Lease.RegistrationMS = began.UnixMilli(), began.Add(-2*time.Hour).UnixMilli()
		w.Header().Set("Content-Type", "application/json")
		json := wire.Form{Format: wire.JSON}
		_, _ = fmt.Fprintf(w, `{"applications":{"versions__delta":"1","apps__hashcode":"","application":[{"name":"EUREKA","instance":[%s]},{"name":"ORDERS","instance":[%s]}]}}`,
			json.AppendInstance(nil, node, node.Lease), json.AppendInstance(nil, other, other.Lease))
	}
}
