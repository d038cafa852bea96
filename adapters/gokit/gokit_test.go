package gokit_test

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/kit/endpoint"
	"github.com/go-kit/kit/sd"
	"github.com/go-kit/kit/sd/lb"
	"github.com/go-kit/log"

	"heureka.internal/heureka/adapters/gokit"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// running returns a client of a registry that runs until the test ends, and has a copy.
func running(t *testing.T, registry *heurekatest.Server) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Servers: []string{registry.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { _ = c.Run(ctx) })
	t.Cleanup(func() { cancel(); work.Wait() })
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// Go kit's own balancer calls the instances that the registry has, and follows it.
func TestEndpointsFollowTheRegistry(t *testing.T) {
	registry := heurekatest.NewRegistry(t, heurekatest.Instance("orders", "h1:8080"), heurekatest.Instance("orders", "h2:8080"))
	c := running(t, registry)
	instancer := gokit.NewInstancer(c, client.App("orders"))
	defer instancer.Stop()
	factory := func(address string) (endpoint.Endpoint, io.Closer, error) {
		return func(context.Context, any) (any, error) { return address, nil }, nil, nil
	}
	endpoints := sd.NewEndpointer(instancer, factory, log.NewNopLogger())
	defer endpoints.Close()
	call := lb.Retry(3, time.Second, lb.NewRoundRobin(endpoints))
	answers := func() map[string]bool {
		seen := map[string]bool{}
		for range 10 {
			if who, err := call(t.Context(), nil); err == nil {
				seen[who.(string)] = true
			}
		}
		return seen
	}
	await(t, func() bool { seen := answers(); return len(seen) == 2 && seen["h1:8080"] && seen["h2:8080"] })
	registry.Expire("orders", "orders:h1:8080")
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { seen := answers(); return len(seen) == 1 && seen["h2:8080"] })
}

// An observer that takes nothing holds up neither the others nor Deregister and Stop.
func TestObserverThatHangs(t *testing.T) {
	registry := heurekatest.NewRegistry(t, heurekatest.Instance("orders", "h1:8080"))
	instancer := gokit.NewInstancer(running(t, registry), client.App("orders"))
	stuck, taken := make(chan sd.Event), make(chan sd.Event)
	instancer.Register(stuck)
	instancer.Register(taken)
	if e := <-taken; len(e.Instances) != 1 || e.Err != nil {
		t.Errorf("event %+v, want one instance", e)
	}
	instancer.Deregister(stuck)
	close(stuck) // nothing is sent to it
	instancer.Stop()
}

func TestRegistrar(t *testing.T) {
	registry := heurekatest.NewRegistry(t)
	c := running(t, registry)
	r := gokit.NewRegistrar(c, client.InstanceConfig{App: "orders", ID: "x", HostName: "h", IPAddr: "10.0.0.1", Port: 80})
	r.Failed = func(err error) { t.Error(err) }
	for range 2 { // what was deregistered may come back
		r.Register()
		r.Register()
		await(t, func() bool { return registry.Has("orders", "x") })
		r.Deregister()
		r.Deregister()
		if registry.Has("orders", "x") {
			t.Error("still registered")
		}
	}
}

// await waits for what happens soon, with patience for a machine that is busy.
func await(t *testing.T, done func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("nothing happened for a minute")
		}
	}
}
