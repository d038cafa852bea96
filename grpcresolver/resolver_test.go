package grpcresolver_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/resolver"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
)

var endpointOfStranger = resolver.Endpoint{Addresses: []resolver.Address{{Addr: "10.0.0.1:8080"}}}

// G-GR-2
func TestBadTargets(t *testing.T) {
	for _, tt := range []struct{ target, want string }{
		{"eureka://orders", "third slash"},
		{"eureka://registry:8761/orders", "third slash"},
		{"eureka:///", "not of the form"},
		{"eureka:///orders/v1", "not of the form"},
		{"eureka:///orders#1", "fragment"},
		{"eureka:///orders?%zz", "query"},
		{"eureka:///orders?vpi=true", "parameter vpi: unknown"},
		{"eureka:///orders?vip=yes", "parameter vip"},
		{"eureka:///orders?secure=", "parameter secure"},
		{"eureka:///orders?secure=true&secure=false", "parameter secure: given twice"},
		{"eureka:///orders?port=", "parameter port: is empty"},
		{"eureka:///orders?zone", "parameter zone: is empty"},
		{"eureka:///orders?a=1&b=2", "parameter b"},
	} {
		r, err := (&grpcresolver.Builder{}).Build(parsed(t, tt.target), &channel{}, resolver.BuildOptions{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Build(%s) = %v, %v, want an error with %q", tt.target, r, err, tt.want)
		}
	}
}

// G-GR-5: every change is told, and nothing that is no change to the channel.
func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		first, second := orders("x", "10.0.0.1"), orders("y", "10.0.0.2")
		w.register(first)
		w.run()
		_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		w.register(orders("x", "10.0.0.1", with("colour", "green"))) // a change for a Watch, none for a channel
		w.fetch()
		w.register(orders("other", "10.0.0.9", func(in *heureka.Instance) { in.App = "OTHER" }))
		w.fetch()
		w.cancel(first)
		w.register(second)
		w.fetch()
		w.register(orders("y", "10.0.0.2", with("weight", "3")))
		w.fetch()
		want := [][]string{{"10.0.0.1:8080"}, {"10.0.0.2:8080"}, {"10.0.0.2:8080"}}
		if diff := cmp.Diff(want, ch.updates()); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
		if in, _ := grpcresolver.InstanceOf(ch.last(t).Endpoints[0]); in.Weight != 3 {
			t.Errorf("the last update has weight %d, want 3", in.Weight)
		}
	})
}

// G-GR-6: no registry yet is an error, no instance an empty state.
func TestNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		if errs := ch.errors(); len(errs) != 1 || !errors.Is(errs[0], grpcresolver.ErrNotReady) {
			t.Errorf("errors before the first registry: %v, want ErrNotReady", errs)
		}
		if got := ch.updates(); got != nil {
			t.Errorf("updates before the first registry: %v", got)
		}
		w.run()
		synctest.Wait()
		in := orders("x", "10.0.0.1")
		w.register(in)
		w.fetch()
		w.cancel(in)
		w.fetch()
		if diff := cmp.Diff([][]string{{}, {"10.0.0.1:8080"}, {}}, ch.updates()); diff != "" {
			t.Errorf("updates (-want +got):\n%s", diff)
		}
		if errs := ch.errors(); len(errs) != 3 || !errors.Is(errs[1], client.ErrNoInstance) || !errors.Is(errs[2], client.ErrNoInstance) {
			t.Errorf("errors: %v, want two of no instance besides", errs)
		}
	})
}

// G-GR-6: without a registry, and without a client, the addresses stay.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(orders("x", "10.0.0.1"))
		w.run()
		b := &grpcresolver.Builder{Client: w.client}
		_, ch := build(t, b, "eureka:///orders")
		w.cluster.Node("a").Kill()
		time.Sleep(time.Hour)
		w.end()
		synctest.Wait()
		if got := len(ch.updates()); got != 1 || ch.errors() != nil {
			t.Errorf("%d updates, errors %v in the outage, want the first update only", got, ch.errors())
		}
		_, late := build(t, b, "eureka:///orders") // as after a channel was idle
		if diff := cmp.Diff([][]string{{"10.0.0.1:8080"}}, late.updates()); diff != "" {
			t.Errorf("a channel after the client's end (-want +got):\n%s", diff)
		}
	})
}

func TestClientEndedWithoutRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cluster.Node("a").Kill()
		ended, cancel := canceled()
		defer cancel()
		_ = w.client.Run(ended)
		_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		errs := ch.errors()
		if len(errs) == 0 || !errors.Is(errs[len(errs)-1], client.ErrStopped) {
			t.Errorf("errors: %v, want ErrStopped in the end", errs)
		}
	})
}

// G-GR-7: refreshes do not add up, whatever the number of channels.
func TestResolveNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.run()
		b := &grpcresolver.Builder{Client: w.client}
		one, ch := build(t, b, "eureka:///orders")
		two, _ := build(t, b, "eureka:///payments")
		began := w.refreshes.Load()
		w.register(orders("x", "10.0.0.1"))
		both := func() {
			for range 5 {
				one.ResolveNow(resolver.ResolveNowOptions{})
				two.ResolveNow(resolver.ResolveNowOptions{})
			}
			time.Sleep(time.Second)
		}
		both()
		if diff := cmp.Diff([][]string{{}, {"10.0.0.1:8080"}}, ch.updates()); diff != "" {
			t.Errorf("updates after ResolveNow (-want +got):\n%s", diff)
		}
		for range 9 {
			both()
		}
		if got := w.refreshes.Load() - began; got != 2 {
			t.Errorf("%d refreshes in 10 s, want 2", got)
		}
		two.Close()
		two.ResolveNow(resolver.ResolveNowOptions{})
		time.Sleep(time.Second)
		if got := w.refreshes.Load() - began; got != 2 {
			t.Errorf("%d refreshes, want no other for a channel that is closed", got)
		}
	})
}

// Refreshes that hang do not add up either: before Run they wait for it, for ever if need be.
func TestRefreshesThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, _ := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		before := runtime.NumGoroutine()
		for range 100 {
			r.ResolveNow(resolver.ResolveNowOptions{})
			time.Sleep(time.Minute)
		}
		if more := runtime.NumGoroutine() - before; more > 10 {
			t.Errorf("100 refreshes that hang cost %d goroutines", more)
		}
	})
}

// G-GR-7: Close waits for a refresh that hangs, and ends it; before Run, Refresh would wait for ever.
func TestCloseEndsRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		r, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		r.ResolveNow(resolver.ResolveNowOptions{})
		synctest.Wait()
		began := time.Now()
		r.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		r.ResolveNow(resolver.ResolveNowOptions{}) // does nothing any more
		w.run()
		w.register(orders("x", "10.0.0.1"))
		w.fetch()
		if got := ch.updates(); got != nil {
			t.Errorf("updates after Close: %v", got)
		}
	})
}

// G-GR-8
func TestServiceConfig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(orders("x", "10.0.0.1"))
		w.run()
		_, plain := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		if sc := plain.last(t).ServiceConfig; sc != nil {
			t.Errorf("service config %v without RoundRobin", sc)
		}
		_, spread := build(t, &grpcresolver.Builder{Client: w.client, RoundRobin: true}, "eureka:///orders")
		if sc := spread.last(t).ServiceConfig; sc == nil || !strings.Contains(sc.Config.(config).text, "round_robin") {
			t.Errorf("service config %v, want round_robin", sc)
		}
		const retries = `{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":3}}]}`
		_, both := build(t, &grpcresolver.Builder{Client: w.client, RoundRobin: true, ServiceConfig: retries}, "eureka:///orders")
		if text := both.last(t).ServiceConfig.Config.(config).text; !strings.Contains(text, "round_robin") || !strings.Contains(text, "maxAttempts") {
			t.Errorf("service config %s, want round_robin and the retry policy", text)
		}
		b := &grpcresolver.Builder{Client: w.client, ServiceConfig: "{"}
		if _, err := b.Build(parsed(t, "eureka:///orders"), new(channel), resolver.BuildOptions{}); err == nil {
			t.Error("a broken service config is no error")
		}
	})
}

// The weight of an instance may change without a new connection to it: it is no part of the address.
func TestWeightIsNoPartOfTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(orders("x", "10.0.0.1", with("weight", "1")))
		w.run()
		_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
		before := ch.last(t)
		w.register(orders("x", "10.0.0.1", with("weight", "2")))
		w.fetch()
		after := ch.last(t)
		if !after.Addresses[0].Equal(before.Addresses[0]) || !after.Endpoints[0].Addresses[0].Equal(before.Endpoints[0].Addresses[0]) {
			t.Errorf("another address: %v, before %v", after.Addresses[0], before.Addresses[0])
		}
		if in, _ := grpcresolver.InstanceOf(after.Endpoints[0]); in.Weight != 2 {
			t.Errorf("weight %d, want 2", in.Weight)
		}
	})
}

// Who calls a service without instances is told which.
func TestNoInstanceSaysWhichService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(orders("x", "10.0.0.1"))
		w.run()
		_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///nobody")
		if errs := ch.errors(); len(errs) != 1 || !errors.Is(errs[0], client.ErrNoInstance) || !strings.Contains(errs[0].Error(), "nobody") {
			t.Errorf("errors %v", errs)
		}
	})
}

// G-GR-1
func TestRegister(t *testing.T) {
	c, err := client.New(client.Config{})
	if err != nil {
		t.Fatal(err)
	}
	grpcresolver.Register(c)
	if b, ok := resolver.Get("eureka").(*grpcresolver.Builder); !ok || b.Client != c {
		t.Errorf("the process knows %v for eureka", resolver.Get("eureka"))
	}
}
