package grpcresolver_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"heureka.internal/heureka"
	"heureka.internal/heureka/grpcresolver"
)

const (
	nearHost, farHost = "10.0.0.1", "10.0.0.2"
	nearAddr, farAddr = nearHost + ":9000", farHost + ":9000"
)

func zoned(host, zone string) *heureka.Instance {
	return orders(host, host, with("gRPC_port", "9000", "zone", zone))
}

// dials counts by address what a channel connects to, and keeps some connections from ever being there.
type dials struct {
	w     *world
	mu    sync.Mutex
	count map[string]int
	hangs string
}

func (d *dials) option() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		if d.add(addr) == addr {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return d.w.cluster.Net.Host("client").DialContext(ctx, "tcp", addr)
	})
}

// add counts, and returns which address hangs.
func (d *dials) add(addr string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == nil {
		d.count = make(map[string]int)
	}
	d.count[addr]++
	return d.hangs
}

func (d *dials) to(addr string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[addr]
}

// zonePolicies are the ways to have the policy.
var zonePolicies = []struct {
	name    string
	builder func() *grpcresolver.Builder
	options []grpc.DialOption
}{
	{"round robin", func() *grpcresolver.Builder { return &grpcresolver.Builder{RoundRobin: true} }, nil},
	{"pick first", func() *grpcresolver.Builder { return &grpcresolver.Builder{ServiceConfig: "{}"} }, nil},
	{"default service config", func() *grpcresolver.Builder { return &grpcresolver.Builder{} }, []grpc.DialOption{
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"eureka_zone":{"childPolicy":[{"unheard_of":{}},{"round_robin":{}}]}}]}`),
	}},
}

// Instances that are listed but cannot be connected to are no reason to fail: the other zones answer until one can.
func TestUnreachableZoneSpills(t *testing.T) {
	for _, tt := range zonePolicies {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.serve(nearHost, "9000")
				w.serve(farHost, "9000")
				w.register(zoned(nearHost, "eu-1a"), zoned(farHost, "eu-1b"))
				w.run()
				d := &dials{w: w}
				conn := w.dial("eureka:///ORDERS?zone=eu-1a", tt.builder(), append(tt.options, d.option())...)
				expect(t, conn, nearAddr)
				if n := d.to(farAddr); n != 0 {
					t.Errorf("%d connections to the other zone while the own one answers", n)
				}
				stop()
				sleep(time.Second)
				expect(t, conn, farAddr)
				w.cancel(zoned(nearHost, "eu-1a")) // the registry notices, too
				w.fetch()
				expect(t, conn, farAddr)
				stop = w.serve(nearHost, "9000")
				w.register(zoned(nearHost, "eu-1a"))
				w.fetch()
				sleep(2 * time.Minute) // the longest that grpc-go waits before it tries an address again
				expect(t, conn, nearAddr)
				stop()
				sleep(time.Second)
				expect(t, conn, farAddr)
				w.serve(nearHost, "9000") // while it is listed
				sleep(3 * time.Minute)
				expect(t, conn, nearAddr)
			})
		})
	}
}

// A zone that does not even refuse connections costs the first calls two seconds, not the twenty of grpc-go.
func TestHangingZoneSpills(t *testing.T) {
	for _, tt := range zonePolicies {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.serve(farHost, "9000")
				w.register(zoned(nearHost, "eu-1a"), zoned(farHost, "eu-1b"))
				w.run()
				d := &dials{w: w, hangs: nearAddr}
				conn := w.dial("eureka:///ORDERS?zone=eu-1a", tt.builder(), append(tt.options, d.option())...)
				begun := time.Now()
				expect(t, conn, farAddr)
				if took := time.Since(begun); took > 3*time.Second {
					t.Errorf("the first calls took %v", took)
				}
			})
		})
	}
}

// If nobody can be connected to, calls fail as they do without zones, and work again by themselves.
func TestNoZoneReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(zoned(nearHost, "eu-1a"), zoned(farHost, "eu-1b"))
		w.run()
		conn := w.dial("eureka:///ORDERS?zone=eu-1a", &grpcresolver.Builder{RoundRobin: true})
		if who, err := call(t, conn); err == nil {
			t.Fatalf("%s answers, but nobody can", who)
		}
		w.serve(farHost, "9000")
		sleep(3 * time.Minute)
		expect(t, conn, farAddr)
	})
}

func expect(t *testing.T, conn *grpc.ClientConn, want string) {
	t.Helper()
	if got := calls(t, conn, 20); got[want] != 20 {
		t.Errorf("%v answer, want %s alone", got, want)
	}
}

func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestServiceConfigOfZones(t *testing.T) {
	for _, tt := range []struct {
		builder *grpcresolver.Builder
		want    string
	}{
		{&grpcresolver.Builder{}, ""},
		{&grpcresolver.Builder{RoundRobin: true}, `{"loadBalancingConfig":[{"eureka_zone":{"childPolicy":[{"round_robin":{}}]}}]}`},
		{&grpcresolver.Builder{ServiceConfig: "{}"}, `{"loadBalancingConfig":[{"eureka_zone":{"childPolicy":[{"pick_first":{}}]}}]}`},
		{&grpcresolver.Builder{ServiceConfig: `{"loadBalancingConfig":[{"own":{}}]}`, RoundRobin: true},
			`{"loadBalancingConfig":[{"eureka_zone":{"childPolicy":[{"own":{}}]}}]}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.register(zoned(farHost, "eu-1b"))
			w.run()
			tt.builder.Client = w.client
			_, ch := build(t, tt.builder, "eureka:///orders?zone=eu-1a")
			got := ""
			if sc := ch.last(t).ServiceConfig; sc != nil {
				got = sc.Config.(config).text
			}
			if got != tt.want {
				t.Errorf("service config %s, want %s", got, tt.want)
			}
		})
	}
}

// A service config that names no policy that there is keeps the channel from working, and says so.
func TestBadZonePolicy(t *testing.T) {
	for _, text := range []string{`7`, `{}`, `{"childPolicy":[{"unheard_of":{}}]}`, `{"childPolicy":[{"pick_first":7}]}`} {
		_, err := grpc.NewClient("eureka:///ORDERS", grpc.WithResolvers(&grpcresolver.Builder{}),
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"eureka_zone":`+text+`}]}`))
		if err == nil || !strings.Contains(err.Error(), "service config") {
			t.Errorf("%s: %v, want an error about the service config", text, err)
		}
	}
}
