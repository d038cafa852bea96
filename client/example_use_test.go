package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// One http.Client for all services. Hosts without a dot are names of services; all others are what they always were.
func ExampleTransport() {
	orders := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	}))
	defer orders.Close()
	c, stop := running(client.Config{}, client.InstanceConfig{App: "orders", HostName: "127.0.0.1", Port: port(orders)})
	defer stop()

	web := &http.Client{
		Transport: &client.Transport{Client: c, Balancer: client.PreferZone("eu-1a", client.RoundRobin(nil)), Retries: 2},
		Timeout:   10 * time.Second,
	}
	for _, u := range []string{"http://ORDERS/7", orders.URL + "/8", "http://nobody/"} {
		resp, err := web.Get(u)
		if errors.Is(err, client.ErrNoInstance) {
			fmt.Println(err)
			continue
		}
		if err != nil {
			log.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		fmt.Println(string(body))
	}
	// Output:
	// GET /7
	// GET /8
	// Get "http://nobody/": http://nobody: no instance available
}

// running returns a running client with one instance, which it knows itself.
func running(cfg client.Config, ic client.InstanceConfig) (c *client.Client, stop func()) {
	registry, stopServer := registryURL()
	cfg.Servers = []string{registry}
	c, err := client.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	reg, err := c.Register(ic)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if err := errors.Join(reg.Wait(ctx), c.Refresh(ctx)); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		cancel()
		if err := <-ended; err != nil {
			log.Fatal(err)
		}
		stopServer()
	}
}

// An instance that starts, becomes ready, and tells callers its version. Changes take effect here at once; Wait returns
// when the registry has them.
func ExampleRegistration() {
	registry, stop := registryURL()
	defer stop()
	c, err := client.New(client.Config{Servers: []string{registry}, DisableFetch: true})
	if err != nil {
		log.Fatal(err)
	}
	reg, err := c.Register(client.InstanceConfig{
		App: "orders", ID: "orders-1", HostName: "orders-1", Port: 8080, InitialStatus: heureka.StatusStarting,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()

	reg.SetMetadata(map[string]string{"version": "1.7"})
	if err := reg.SetStatus(heureka.StatusUp); err != nil {
		log.Fatal(err)
	}
	if err := reg.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	in, err := c.API().Instance(ctx, reg.Instance().Key()) // as the server has it
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(in.Status, in.Metadata.Get("version"))

	cancel() // cancels the instance, too
	fmt.Println(<-ended)
	_, err = c.API().Instance(context.Background(), in.Key())
	fmt.Println(errors.Is(err, heureka.ErrNotFound))
	// Output:
	// UP 1.7
	// <nil>
	// true
}

// Hooks feed metrics of any kind; Stats has what can be read at any time, such as the age of the registry copy.
func ExampleHooks() {
	refreshes := map[string]int{}
	c, stop := running(client.Config{Hooks: client.Hooks{
		Refresh: func(i client.RefreshInfo) {
			kind := "delta"
			if i.Full {
				kind = "full"
			}
			refreshes[fmt.Sprintf("%s failed=%t", kind, i.Err != nil)]++
		},
	}}, client.InstanceConfig{App: "orders", HostName: "orders-1", Port: 8080})
	fmt.Println(c.Stats().Instances, time.Since(c.Stats().LastFetch) < time.Minute)
	stop()
	fmt.Println(refreshes)
	// Output:
	// 1 true
	// map[full failed=false:2]
}

// A program that starts while no server can be reached uses what another life of it saved.
func ExampleFileBackup() {
	dir, err := os.MkdirTemp("", "backup")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	registry, stopServer := registryURL()
	cfg := client.Config{Servers: []string{registry}, Backup: client.FileBackup(filepath.Join(dir, "registry.json"))}

	life := func() {
		c, err := client.New(cfg)
		if err != nil {
			log.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		if err := c.Ready(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Snapshot().Apps(), "from", c.Snapshot().Source())
		cancel()
		fmt.Println(<-ended)
	}
	register(registry, "ORDERS")
	life()
	stopServer()
	life()
	// Output:
	// [ORDERS] from server
	// <nil>
	// [ORDERS] from backup
	// <nil>
}

// register puts an instance of app into a registry, as another program would.
func register(registry, app string) {
	c, err := client.New(client.Config{Servers: []string{registry}})
	if err != nil {
		log.Fatal(err)
	}
	err = c.API().Register(context.Background(), &heureka.Instance{
		App: app, ID: "1", HostName: "h1", IPAddr: "192.0.2.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter,
	})
	if err != nil {
		log.Fatal(err)
	}
}

// How many servers there are, and where, can be left to DNS: here, the addresses of a headless service in Kubernetes.
func ExampleConfig_dns() {
	c, err := client.New(client.Config{
		DNS: client.DNSConfig{Records: client.DNSHost, Name: "eureka.platform.svc.cluster.local", Port: 8761},
	})
	fmt.Println(err, c.Stats().Servers) // Run asks DNS, and so does the first call of API
	// Output:
	// <nil> []
}
