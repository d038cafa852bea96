package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// member starts a client on a host of the cluster's network.
func member(t *testing.T, cl *heurekatest.Cluster, host string, cfg client.Config) (*client.Client, func() error) {
	t.Helper()
	tr := cl.Transport(host)
	cfg.Transport, cfg.Rand = tr, rand.NewPCG(uint64(len(host)), uint64(host[0]))
	if cfg.Servers == nil {
		cfg.Servers = cl.URLs()
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	var result error
	stop := func() error {
		cancel()
		if err, ok := <-done; ok {
			result = err
			close(done)
			tr.CloseIdleConnections()
		}
		return result
	}
	t.Cleanup(func() { _ = stop() })
	return c, stop
}

// TestLifeInACluster is rows 13 and 14 of the brief with real servers: an instance stays registered and a watch stays
// right while the server that both use dies, comes back, and another one dies.
func TestLifeInACluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 3})
		sleep(time.Minute)
		caller, _ := member(t, cl, "caller", client.Config{})
		var seen journal[news]
		go func() {
			for u := range caller.Watch(client.App("orders")).All(t.Context()) {
				seen.add(short(u))
			}
		}()
		provider, stop := member(t, cl, "provider", client.Config{DisableFetch: true})
		reg, err := provider.Register(orders("provider"))
		if err != nil {
			t.Fatal(err)
		}
		if err := reg.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		const id = "provider:orders:8080"
		everywhere := func() {
			t.Helper()
			for _, n := range []string{"a", "b", "c"} {
				if srv := cl.Node(n).Server(); srv != nil && !cl.Node(n).Has("ORDERS", id) {
					t.Errorf("%s does not list the instance", n)
				}
			}
			if got := ids(caller.Instances(client.App("orders"))); !slices.Equal(got, []string{id}) {
				t.Errorf("the caller sees %v", got)
			}
		}
		sleep(time.Minute)
		everywhere()
		for range 3 {
			used := provider.Stats().WriteServer
			i := slices.Index(cl.URLs(), used)
			if i < 0 {
				t.Fatalf("in use: %q", used)
			}
			node := cl.Node(string(rune('a' + i)))
			node.Kill()
			sleep(3 * time.Minute)
			if now := provider.Stats().WriteServer; now == used || now == "" {
				t.Errorf("still uses %q", now)
			}
			node.Start()
			sleep(3 * time.Minute)
			everywhere()
		}
		if got := provider.Stats(); got.Reregistrations > 3 {
			t.Errorf("registered again %d times", got.Reregistrations)
		}
		if err := stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		sleep(35 * time.Second)
		no := []string{}
		want := []news{{no, no, no, no}, {[]string{id}, []string{id}, no, no}, {no, no, no, []string{id}}}
		got := seen.take()
		if len(got) == 2 { // the watch began when the instance was there already
			want = want[1:]
		}
		if !slices.EqualFunc(want, got, func(a, b news) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("the watch told %v, want %v", got, want)
		}
	})
}

// TestCopyOfARealServer is G-TS-2 with a real server: through registrations, cancellations, overrides and evictions,
// the copy is the registry after every refresh, and deltas suffice.
func TestCopyOfARealServer(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cl := heurekatest.NewCluster(t, heurekatest.ClusterConfig{
					Nodes: []string{"a"}, Seed: seed, Configure: func(_ string, cfg *server.Config) { cfg.DisableSelfPreservation = true },
				})
				sleep(time.Second)
				c, _ := member(t, cl, "copy", client.Config{FetchInterval: 10 * time.Second})
				writer, _ := member(t, cl, "writer", client.Config{DisableFetch: true})
				sleep(time.Second)
				r := rand.New(rand.NewPCG(seed, 9))
				for step := range 60 {
					for range r.IntN(4) {
						churn(t, writer.API(), r, step)
					}
					sleep(time.Duration(r.IntN(90)) * time.Second)
					if err := c.Refresh(t.Context()); err != nil {
						t.Fatal(err)
					}
					sameRegistry(t, cl.Node("a").Server().Applications(), c.Snapshot())
				}
				got := c.Stats()
				t.Logf("%d refreshes, %d whole, %d mismatches", got.Fetches, got.FullFetches, got.Mismatches)
				if got.Mismatches > 0 || got.FetchFailures > 0 {
					t.Errorf("stats %+v", got)
				}
			})
		})
	}
}

// churn does something to one of a few instances.
func churn(t *testing.T, api *client.API, r *rand.Rand, step int) {
	in := inst(string(rune('a'+r.IntN(3))), fmt.Sprint(r.IntN(5)), up)
	in.LastDirtyMS = time.Now().UnixMilli()
	in.Metadata = heureka.NewMetadata(map[string]string{"step": fmt.Sprint(step)})
	in.VIPAddress = []string{"x", "x,y", "y"}[r.IntN(3)]
	var err error
	switch r.IntN(5) {
	case 0, 1:
		in.Status = []heureka.Status{up, heureka.StatusDown, heureka.StatusStarting}[r.IntN(3)]
		err = api.Register(t.Context(), in)
	case 2:
		_ = api.Cancel(t.Context(), in.Key())
	case 3:
		_ = api.SetOverride(t.Context(), in.Key(), heureka.StatusOutOfService)
	case 4:
		_ = api.SetMetadata(t.Context(), in.Key(), map[string]string{"later": fmt.Sprint(step)})
	}
	if err != nil {
		t.Error(err)
	}
}

func sameRegistry(t *testing.T, want *heureka.Applications, got *client.Snapshot) {
	t.Helper()
	if got.Hash() != want.Hash {
		t.Fatalf("hash %s, want %s", got.Hash(), want.Hash)
	}
	for _, app := range want.Apps {
		for _, in := range app.Instances {
			has, ok := got.Instance(in.App, in.ResolvedID())
			if !ok || has.Status != in.Status || has.LastUpdatedMS != in.LastUpdatedMS || !slices.Equal(has.Metadata, in.Metadata) {
				t.Fatalf("%s = %+v, want %+v", in.Key(), has, in)
			}
		}
	}
}

// TestOtherPrefixes is G-RQ-10: the base URL is all that differs between kinds of servers.
func TestOtherPrefixes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cl := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}})
		sleep(time.Second)
		for i, path := range []string{"/eureka/", "/eureka", "/eureka/v2/", "/v2"} {
			c, _ := member(t, cl, fmt.Sprint("app", i), client.Config{Servers: []string{"http://a:8761" + path}})
			reg, err := c.Register(orders(fmt.Sprint("app", i)))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := reg.Wait(ctx); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if err := c.Refresh(ctx); err != nil || len(c.Instances(client.App("orders"))) != i+1 {
				t.Errorf("%s: %d instances, %v", path, len(c.Instances(client.App("orders"))), err)
			}
		}
	})
}

// TestEverythingIsReleased is G-CL-1, G-CL-3 and G-RQ-7: after Run no goroutine is left, though connections were open, a check was running,
// a watch waited and a refresh was under way. The bubble fails the test otherwise.
func TestEverythingIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		eureka := w.server("eureka")
		eureka.interfere(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				time.Sleep(2 * time.Second)
			}
			return false
		})
		ic := orders("h1")
		ic.HealthCheck = func(ctx context.Context, s heureka.Status) (heureka.Status, error) {
			select {
			case <-ctx.Done():
			case <-time.After(3 * time.Second):
			}
			return s, ctx.Err()
		}
		for _, at := range []time.Duration{0, time.Second, 3 * time.Second, 6 * time.Second, 41 * time.Second, 71 * time.Second} {
			c := w.client(client.Config{Servers: []string{url("eureka")}, FetchInterval: 5 * time.Second})
			if _, err := c.Register(ic); err != nil {
				t.Fatal(err)
			}
			go func() { _, _ = c.Watch(client.App("none")).Next(context.Background()) }()
			go func() { _ = c.Refresh(context.Background()) }()
			stop := w.run(c)
			time.Sleep(at)
			begin := time.Now()
			if err := stop(); err != nil {
				t.Errorf("after %v: %v", at, err)
			}
			if took := time.Since(begin); took > 0 { // Java takes three seconds (C-SD-3)
				t.Errorf("after %v: stopping took %v", at, took)
			}
		}
	})
}
