// Package orders_test shows how to test programs that register and discover: with a real server, in real time or, for what
// takes hours, in virtual time.
package orders_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// start registers one instance with a client that runs until the test ends, or until stop is called.
func start(t *testing.T, cfg client.Config, ic client.InstanceConfig) (c *client.Client, reg *client.Registration, stop func()) {
	t.Helper()
	cfg.Logger = heurekatest.Logger(t)
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	reg, err = c.Register(ic)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return c, reg, stop
}

// A service is registered with a real server, and called by its name.
func TestCallByName(t *testing.T) {
	registry := heurekatest.NewServer(t)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "order 7")
	}))
	defer service.Close()
	c, reg, _ := start(t, client.Config{Servers: []string{registry.URL}},
		client.InstanceConfig{App: "orders", HostName: "127.0.0.1", Port: port(t, service.URL)})

	// A test need not wait for the intervals: the registration is over when Wait returns, and Refresh fetches at once.
	if err := reg.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	web := &http.Client{Transport: &client.Transport{Client: c}}
	resp, err := web.Get("http://orders/7")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "order 7" {
		t.Errorf("orders answers %q", body)
	}
}

// A day in the life of a cluster takes milliseconds: inside a bubble of package synctest, time is virtual and so is the
// cluster's network.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 1})
		transport := cluster.Transport("client")
		defer transport.CloseIdleConnections()
		c, _, stop := start(t, client.Config{Servers: cluster.URLs(), Transport: transport},
			client.InstanceConfig{App: "orders", ID: "orders-1", HostName: "orders-1", IPAddr: "10.0.0.1", Port: 8080})

		time.Sleep(10 * time.Minute)
		if !cluster.Node("a").Has("orders", "orders-1") || !cluster.Node("b").Has("orders", "orders-1") {
			t.Error("not registered at both nodes after ten minutes")
		}
		cluster.Node("a").Kill()
		cluster.Node("b").Kill()
		time.Sleep(24 * time.Hour)
		if _, err := c.Pick(client.App("orders")); err != nil {
			t.Errorf("after a day without a registry: %v", err)
		}
		cluster.Node("a").Start()
		time.Sleep(10 * time.Minute)
		if !cluster.Node("a").Has("orders", "orders-1") {
			t.Error("not registered again ten minutes after the registry came back")
		}
		stop()
		if cluster.Node("a").Has("orders", "orders-1") {
			t.Error("still registered after the client has stopped")
		}
	})
}

func port(t *testing.T, rawURL string) int {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
