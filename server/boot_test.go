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
	"heureka.internal/heureka/server"
)

// syncingNode runs a node whose only peer accepts connections and never answers: its start goes on for as long as it likes
// to wait.
func syncingNode(t *testing.T, configure func(*server.Config), story func(t *testing.T, n *heurekatest.Node, client *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 5, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://mute:8761/eureka/"}}
			cfg.PeerReadTimeout = time.Minute
			configure(cfg)
		}})
		ln, err := c.Net.Host("mute").Listen(":8761")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c.Node("a").Kill() // its first life may have begun before the peer was there
		c.Node("a").Start()
		time.Sleep(10 * time.Second)
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		story(t, c.Node("a"), &http.Client{Transport: transport})
	})
}

// ask sends a request and returns the answer without its body.
func ask(t *testing.T, client *http.Client, method, url, body string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer
}

const orders = `{"instance":{"instanceId":"x","hostName":"x","app":"ORDERS","ipAddr":"10.0.0.1","status":"UP",` +
	`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`

// S-BOOT-1, S-BOOT-2, S-BOOT-11, S-BOOT-12 as S-DEF-4 wants it, S-FILTER-2: while the node copies, what could be partial is refused and everything else is
// served.
func TestBoot11WhatIsRefusedDuringTheStart(t *testing.T) {
	for _, setting := range []struct {
		name    string
		compat  server.Compatibility
		refusal int
	}{{"default", server.CompatibilityHeureka, 503}, {"netflix", server.CompatibilityNetflix, 403}} {
		t.Run(setting.name, func(t *testing.T) {
			configure := func(cfg *server.Config) { cfg.Compatibility = setting.compat }
			syncingNode(t, configure, func(t *testing.T, n *heurekatest.Node, client *http.Client) {
				for _, tt := range []struct {
					method, path, body string
					want               int
				}{
					{"POST", "apps/ORDERS", orders, 204},
					{"GET", "apps", "", setting.refusal},
					{"GET", "apps/delta", "", setting.refusal},
					{"GET", "apps/ORDERS", "", setting.refusal},
					{"GET", "vips/orders", "", setting.refusal},
					{"GET", "svips/orders", "", setting.refusal},
					{"GET", "apps/ORDERS/x", "", 200},
					{"GET", "instances/x", "", 200},
					{"GET", "status", "", 200},
					{"PUT", "apps/ORDERS/x", "", 200},
					{"PUT", "apps/ORDERS/x/status?value=DOWN", "", 200},
					{"PUT", "apps/ORDERS/x/metadata?k=v", "", 200},
					{"POST", "peerreplication/batch/", `{"replicationList":[]}`, 200},
					{"DELETE", "apps/ORDERS/x", "", 200},
				} {
					got := ask(t, client, tt.method, n.URL+tt.path, tt.body)
					if got.StatusCode != tt.want {
						t.Errorf("%s %s = %d, want %d", tt.method, tt.path, got.StatusCode, tt.want)
					}
					if got.Header.Get("Retry-After") != "" {
						t.Errorf("%s %s: Retry-After is %q", tt.method, tt.path, got.Header.Get("Retry-After"))
					}
				}
			})
		})
	}
}

// S-BOOT-4: the node's own record is STARTING until it is open. Meanwhile it says that it asks its peers, and since when.
func TestBoot4OwnStatus(t *testing.T) {
	short := func(cfg *server.Config) { cfg.WaitTimeWhenSyncEmpty = 30 * time.Second }
	syncingNode(t, short, func(t *testing.T, n *heurekatest.Node, _ *http.Client) {
		own := heureka.Key{App: "EUREKA", ID: "a:eureka:8761"}
		if in, ok := n.Server().Instance(own); !ok || in.Status != heureka.StatusStarting {
			t.Errorf("while copying, the own record is %+v, want STARTING", in)
		}
		ph, why, since := n.Server().Phase()
		if ph != server.Syncing || !strings.Contains(why, "asking peers") || time.Since(since) > 11*time.Second {
			t.Errorf("ten seconds after the start: %s (%s) for %s, want syncing for 10s", ph, why, time.Since(since))
		}
		time.Sleep(2 * time.Minute) // the silent peer is given up, and the wait is over
		if in, ok := n.Server().Instance(own); !ok || in.Status != heureka.StatusUp {
			t.Errorf("once open, the own record is %+v, want UP", in)
		}
	})
}

// S-BOOT-8: with the reference's count of clients, a node that copied a registry expects all of it to send heartbeats, also
// what it knew before the copy came.
func TestBoot8ExpectsWhatItCopied(t *testing.T) {
	configure := func(_ string, cfg *server.Config) { cfg.Compatibility = server.CompatibilityNetflix }
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 5, Configure: configure})
		a, b := c.Node("a"), c.Node("b")
		time.Sleep(2 * time.Minute)
		b.Kill()
		c.Partition([]string{"a"}, []string{"b"})
		b.Start()
		for i := range 48 {
			for _, n := range []*heurekatest.Node{a, b} {
				register(t, connect(t, n, "client"), instance("ORDERS", fmt.Sprint(i)))
			}
		}
		time.Sleep(10 * time.Second)
		c.Heal()
		time.Sleep(10 * time.Second)
		if _, why, _ := b.Server().Phase(); !strings.Contains(why, "copied") {
			t.Fatalf("b is open because %s", why)
		}
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		if metrics := read(t, b, transport, "/actuator/prometheus"); !strings.Contains(metrics, "\nheureka_renewals_expected 100\n") { // with the nodes' own
			t.Errorf("two heartbeats a minute of 50 instances are not expected:\n%s", metrics)
		}
	})
}

// S-BOOT-10: a peer that falls silent while it is asked does not prolong the wait.
func TestBoot10WaitEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 5, Configure: func(_ string, cfg *server.Config) {
			cfg.ServiceURLs = map[string][]string{"defaultZone": {"http://mute:8761/eureka/"}}
			cfg.WaitTimeWhenSyncEmpty, cfg.PeerReadTimeout = 30*time.Second, time.Minute
		}})
		time.Sleep(2 * time.Second)
		ln, err := c.Net.Host("mute").Listen(":8761")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		time.Sleep(29 * time.Second)
		if ph, why, _ := c.Node("a").Server().Phase(); ph != server.Open || why != "no peer had a registry for 30s" {
			t.Errorf("after the wait the node is %s: %s", ph, why)
		}
	})
}
