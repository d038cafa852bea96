package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// running returns a client that runs until the test ends, and has a copy of the registry.
func running(t *testing.T, registry *heurekatest.Server) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Servers: []string{registry.URL}, Logger: heurekatest.Logger(t)})
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

func instance(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.Protocols = protocols()
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// Whatever protocol connect-go speaks, the service is called by its name, and an instance that is gone fails no call. One
// that answers 503 fails none that may be repeated.
func TestCallByName(t *testing.T) {
	gone := instance(t, greeter("nobody"))
	busy := instance(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	good := instance(t, greeter("one"))
	gone.Close()
	all := []*httptest.Server{gone, busy, good}
	h2c := &http.Transport{Protocols: new(http.Protocols)}
	h2c.Protocols.SetUnencryptedHTTP2(true)
	t.Cleanup(h2c.CloseIdleConnections)
	for _, tt := range []struct {
		name    string
		base    http.RoundTripper
		among   []*httptest.Server
		options []connect.ClientOption
	}{
		{"connect", nil, all, nil},
		{"gRPC", h2c, []*httptest.Server{gone, good}, []connect.ClientOption{connect.WithGRPC()}},
		{"gRPC-Web", nil, []*httptest.Server{gone, good}, []connect.ClientOption{connect.WithGRPCWeb()}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var instances []*heureka.Instance
			for _, srv := range tt.among {
				instances = append(instances, heurekatest.Instance("greeter", srv.URL))
			}
			transport := &client.Transport{Client: running(t, heurekatest.NewRegistry(t, instances...)), Base: tt.base}
			defer transport.CloseIdleConnections()
			caller := newGreeter(transport, tt.options...)
			for range 30 {
				answer, err := caller.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("you")))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := answer.Msg.Value, "hello you, this is one"; got != want {
					t.Fatalf("answer %q, want %q", got, want)
				}
			}
		})
	}
}

// The service registers itself, is called, and is off the list when it ends.
func TestServe(t *testing.T) {
	registry := heurekatest.NewServer(t)
	c, err := client.New(client.Config{Servers: []string{registry.URL}, Logger: heurekatest.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, c, ln) }()
	observer := running(t, registry)
	eventually(t, func() bool { return listed(t, observer) == 1 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := listed(t, observer); n != 0 {
		t.Errorf("%d instances after the end", n)
	}
}

func listed(t *testing.T, c *client.Client) int {
	t.Helper()
	if err := c.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return len(c.Instances(client.App("greeter")))
}

func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing happened for a minute")
		}
	}
}

// A name that the registry does not know is an error that says so.
func TestNobodyThere(t *testing.T) {
	transport := &client.Transport{Client: running(t, heurekatest.NewServer(t))}
	_, err := newGreeter(transport).CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("you")))
	if connect.CodeOf(err) != connect.CodeUnavailable || !strings.Contains(err.Error(), client.ErrNoInstance.Error()) {
		t.Errorf("call = %v, want unavailable: %v", err, client.ErrNoInstance)
	}
}
