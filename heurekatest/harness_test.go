package heurekatest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/heurekatest/memnet"
)

// A fakeT is a test that is looked at from outside. It ends in the middle of a method, as a real one does.
type fakeT struct {
	testing.TB
	failed   bool
	said     []string
	cleanups []func()
}

type ended struct{}

func (f *fakeT) Helper()                  {}
func (f *fakeT) Context() context.Context { return context.Background() }
func (f *fakeT) Fatal(args ...any)        { f.Fatalf("%s", fmt.Sprint(args...)) }
func (f *fakeT) Failed() bool             { return f.failed }
func (f *fakeT) Log(args ...any)          { f.said = append(f.said, fmt.Sprint(args...)) }
func (f *fakeT) Cleanup(fn func())        { f.cleanups = append(f.cleanups, fn) }

func (f *fakeT) Fatalf(format string, args ...any) {
	f.failed = true
	f.Log(fmt.Sprintf(format, args...))
	panic(ended{})
}

// run runs a test with its cleanups, and returns what it said.
func (f *fakeT) run(test func()) string {
	func() {
		defer func() {
			if p := recover(); p != nil && p != (ended{}) {
				panic(p)
			}
		}()
		test()
	}()
	for _, fn := range slices.Backward(f.cleanups) {
		fn()
	}
	return strings.Join(f.said, "\n")
}

// What a node logs is for tests that fail.
func TestLoggerSpeaksWhenTheTestFails(t *testing.T) {
	for _, failed := range []bool{false, true} {
		f := &fakeT{TB: t, failed: failed}
		said := f.run(func() {
			log := heurekatest.Logger(f)
			for i := range 20_005 {
				log.Info("line written", "i", i)
			}
		})
		first, last := strings.Contains(said, "i=10005\n"), strings.Contains(said, "i=20004\n")
		if first != failed || last != failed || strings.Contains(said, "i=10004\n") {
			t.Errorf("failed %t: it has the lines of the end %t, %t; the first one is %.80q", failed, first, last, said)
		}
	}
}

// A misspelt name ends the test.
func TestUnknownNames(t *testing.T) {
	tests := map[string]func(c *heurekatest.Cluster){
		`no node "x"`:      func(c *heurekatest.Cluster) { c.Node("x") },
		`no host "clinet"`: func(c *heurekatest.Cluster) { c.Partition([]string{"a"}, []string{"b", "clinet"}) },
		`no host "y"`:      func(c *heurekatest.Cluster) { c.PartitionOneWay([]string{"y"}, []string{"b"}) },
		`no host "z"`:      func(c *heurekatest.Cluster) { c.SetLink("a", "z", memnet.Link{}) },
		`has no instance`:  func(c *heurekatest.Cluster) { c.Node("a").Expire("orders", "1") },
		`node a is down`:   func(c *heurekatest.Cluster) { c.Node("a").Stop(); c.Node("a").WaitOpen() },
	}
	for want, mistake := range tests {
		synctest.Test(t, func(t *testing.T) {
			f := &fakeT{TB: t}
			said := f.run(func() {
				mistake(heurekatest.NewCluster(f, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}}))
				t.Errorf("want %q, but the test goes on", want)
			})
			if !strings.Contains(said, want) {
				t.Errorf("the test says\n%s\nwant %q", said, want)
			}
		})
	}
}

// A service of the test's own answers on a host of the network, which can be cut off one way and heals.
func TestHostsOfTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a"}, Seed: 2})
		ln, err := c.Host("orders-1").Listen(":8080")
		if err != nil {
			t.Fatal(err)
		}
		service := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func() { _ = service.Serve(ln) }()
		defer service.Close()
		transport := c.Transport("client")
		defer transport.CloseIdleConnections()
		web := &http.Client{Transport: transport, Timeout: time.Minute}

		call := func() (time.Duration, error) {
			began := time.Now()
			resp, err := web.Get("http://orders-1:8080/")
			if err == nil {
				err = resp.Body.Close()
			}
			transport.CloseIdleConnections()
			return time.Since(began), err
		}
		if took, err := call(); err != nil || took == 0 {
			t.Errorf("a call takes %v: %v", took, err)
		}
		c.SetLink("client", "orders-1", memnet.Link{Latency: time.Second})
		if took, err := call(); err != nil || took < 2*time.Second {
			t.Errorf("a call over a slow link takes %v: %v", took, err)
		}
		c.PartitionOneWay([]string{"orders-1"}, []string{"client"})
		if _, err := call(); err == nil {
			t.Error("a call over a cut link succeeds")
		}
		c.Heal()
		if _, err := call(); err != nil {
			t.Errorf("a call after the cut: %v", err)
		}
	})
}

// An instance that is registered stays without heartbeats; one that expires is unknown to the node, and to it alone.
func TestRegisterAndExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 3})
		c.WaitOpen()
		a, b := c.Node("a"), c.Node("b")
		a.Register(heurekatest.Instance("orders", "orders-1:8080"))
		time.Sleep(3 * time.Hour)
		if !a.Has("orders", "orders:orders-1:8080") || !b.Has("orders", "orders:orders-1:8080") {
			t.Error("three hours later it is gone")
		}
		a.Expire("orders", "orders:orders-1:8080")
		if a.Has("orders", "orders:orders-1:8080") || !b.Has("orders", "orders:orders-1:8080") {
			t.Error("it has not expired at a, or not at a alone")
		}
		err := a.Conn("client").Renew(t.Context(), heureka.Key{App: "ORDERS", ID: "orders:orders-1:8080"}, heureka.StatusUp, 0)
		if !errors.Is(err, heureka.ErrNotFound) {
			t.Errorf("a heartbeat of the instance that expired: %v, want ErrNotFound", err)
		}
	})
}

func TestInstanceAddresses(t *testing.T) {
	tests := []struct {
		address, host string
		port          int
		secure        bool
	}{
		{"127.0.0.1:8080", "127.0.0.1", 8080, false},
		{"http://127.0.0.1:8080", "127.0.0.1", 8080, false},
		{"https://orders-1:8443/", "orders-1", 8443, true},
		{"[::1]:80", "::1", 80, false},
		{"orders-1", "orders-1", 0, false},
	}
	for _, tt := range tests {
		in := heurekatest.Instance("orders", tt.address)
		port := in.Port
		if tt.secure {
			port = in.SecurePort
		}
		if in.HostName != tt.host || port.Number != tt.port || !port.Enabled || in.Port.Enabled == in.SecurePort.Enabled {
			t.Errorf("Instance(%q) = %+v", tt.address, in)
		}
	}
}

// The registry of one line has what it was given, and a client finds it.
func TestNewRegistry(t *testing.T) {
	srv := heurekatest.NewRegistry(t, heurekatest.Instance("orders", "127.0.0.1:8080"), heurekatest.Instance("billing", "127.0.0.1:8081"))
	apps, err := srv.Conn().Applications(t.Context())
	if err != nil || len(apps.Apps) != 2 {
		t.Errorf("Applications = %+v, %v", apps, err)
	}
	srv.Expire("orders", "orders:127.0.0.1:8080")
	if _, err := srv.Conn().Application(t.Context(), "orders"); !errors.Is(err, heureka.ErrNotFound) {
		t.Errorf("orders after it has expired: %v", err)
	}
	var noServers *client.FailoverError
	srv.Stop()
	if _, err := srv.Conn().Applications(t.Context()); !errors.As(err, &noServers) {
		t.Errorf("a server that was stopped answers %v", err)
	}
}
