package kratos_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	nethttp "net/http"

	"github.com/go-kratos/kratos/v2/registry"
	"github.com/go-kratos/kratos/v2/transport/http"

	"heureka.internal/heureka/adapters/kratos"
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

// Kratos' own HTTP client finds the service by its name.
func TestCallByName(t *testing.T) {
	orders := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
	}))
	defer orders.Close()
	r := kratos.New(running(t, heurekatest.NewRegistry(t, heurekatest.Instance("orders", orders.URL))))
	caller, err := http.NewClient(t.Context(), http.WithEndpoint("discovery:///orders"), http.WithDiscovery(r),
		http.WithBlock(), http.WithTimeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	var answer struct{ Path string }
	if err := caller.Invoke(t.Context(), nethttp.MethodGet, "/orders/7", nil, &answer); err != nil || answer.Path != "/orders/7" {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

// What is registered is found as it was, by name and by a watch, until it is deregistered.
func TestRegister(t *testing.T) {
	c := running(t, heurekatest.NewRegistry(t))
	r := kratos.New(c)
	for _, endpoints := range [][]string{{"http://10.0.0.1:8000", "grpc://10.0.0.1:9000"}, {"grpc://10.0.0.1:9000"}, {"https://10.0.0.1:8443"}} {
		in := &registry.ServiceInstance{ID: "x", Name: "orders", Version: "v2", Metadata: map[string]string{"colour": "green"}, Endpoints: endpoints}
		if err := r.Register(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		w, err := r.Watch(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		found, err := w.Next()
		if err != nil || len(found) != 1 || found[0].ID != "x" || found[0].Version != "v2" || found[0].Metadata["colour"] != "green" ||
			!slices.Equal(found[0].Endpoints, endpoints) {
			t.Errorf("found %+v, %v, want %v", found, err, in)
		}
		if err := r.Deregister(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		if err := c.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if found, err := w.Next(); err != nil || len(found) != 0 {
			t.Errorf("found %+v, %v, want none", found, err)
		}
		_ = w.Stop()
		if _, err := w.Next(); err == nil {
			t.Error("a watch that was stopped goes on")
		}
	}
	if err := r.Register(t.Context(), &registry.ServiceInstance{ID: "y", Name: "orders", Endpoints: []string{"http://10.0.0.1"}}); err == nil {
		t.Error("an endpoint without a port is no error")
	}
}
