package grpcresolver_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"heureka.internal/heureka"
	"heureka.internal/heureka/grpcresolver"
)

// serve runs a gRPC server on a host of the world's network, until the test ends or stop is called.
func (w *world) serve(host, port string) (stop func()) {
	w.t.Helper()
	ln, err := w.cluster.Net.Host(host).Listen(":" + port)
	if err != nil {
		w.t.Fatal(err)
	}
	var serving sync.WaitGroup
	srv := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	serving.Go(func() { _ = srv.Serve(ln) })
	stop = sync.OnceFunc(func() { srv.Stop(); serving.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// dial makes a channel that uses the network of the world.
func (w *world) dial(target string, b *grpcresolver.Builder, more ...grpc.DialOption) *grpc.ClientConn {
	w.t.Helper()
	b.Client = w.client
	options := append([]grpc.DialOption{
		grpc.WithResolvers(b),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return w.cluster.Net.Host("client").DialContext(ctx, "tcp", addr)
		}),
	}, more...)
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// call makes one call and returns who answered.
func call(t *testing.T, conn *grpc.ClientConn, options ...grpc.CallOption) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var p peer.Peer
	options = append(options, grpc.Peer(&p))
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, options...)
	if err != nil {
		return "", err
	}
	return p.Addr.String(), nil
}

// calls counts who answers n calls.
func calls(t *testing.T, conn *grpc.ClientConn, n int) map[string]int {
	t.Helper()
	count := map[string]int{}
	for range n {
		who, err := call(t, conn)
		if err != nil {
			t.Fatal(err)
		}
		count[who]++
	}
	return count
}

// at is an instance of ORDERS whose gRPC server is on that host's port 9000.
func at(host string) *heureka.Instance { return orders(host, host, with("gRPC_port", "9000")) }

func TestCallsFollowTheRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, host := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
			w.serve(host, "9000")
		}
		w.register(at("10.0.0.1"), at("10.0.0.2"))
		w.run()
		conn := w.dial("eureka:///ORDERS", &grpcresolver.Builder{RoundRobin: true})
		calls(t, conn, 2) // until both connections stand
		synctest.Wait()
		if got := calls(t, conn, 10); got["10.0.0.1:9000"] != 5 || got["10.0.0.2:9000"] != 5 {
			t.Errorf("two instances answer %v, want 5 times each", got)
		}
		w.cancel(at("10.0.0.1"), at("10.0.0.2"))
		w.register(at("10.0.0.3"))
		w.fetch()
		if got := calls(t, conn, 10); got["10.0.0.3:9000"] != 10 {
			t.Errorf("after they were replaced %v answer, want 10.0.0.3 alone", got)
		}
		w.cancel(at("10.0.0.3"))
		w.fetch()
		if who, err := call(t, conn); status.Code(err) != codes.Unavailable {
			t.Errorf("call without an instance: %q, %v, want Unavailable", who, err)
		}
	})
}

// A server that is gone but still listed does not stop calls, and its failure brings the news that it was replaced.
func TestConnectionFailureRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.serve("10.0.0.1", "9000")
		w.serve("10.0.0.2", "9000")
		w.register(at("10.0.0.1"))
		w.run()
		time.Sleep(fetchInterval + time.Second) // the next refresh by itself is far
		conn := w.dial("eureka:///ORDERS", &grpcresolver.Builder{})
		calls(t, conn, 1)
		w.cancel(at("10.0.0.1"))
		w.register(at("10.0.0.2"))
		stop()
		time.Sleep(10 * time.Millisecond) // until the channel has noticed
		began := time.Now()
		who, err := call(t, conn, grpc.WaitForReady(true))
		if err != nil || who != "10.0.0.2:9000" {
			t.Errorf("call = %q, %v, want 10.0.0.2:9000", who, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("the call took %v, so that no refresh out of turn can have helped", took)
		}
	})
}

// G-GR-6 as callers see it.
func TestCallBeforeTheFirstRegistry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve("10.0.0.1", "9000")
		w.register(at("10.0.0.1"))
		conn := w.dial("eureka:///ORDERS", &grpcresolver.Builder{})
		_, err := call(t, conn)
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), grpcresolver.ErrNotReady.Error()) {
			t.Errorf("call before the first registry: %v, want Unavailable with %q", err, grpcresolver.ErrNotReady)
		}
		w.run()
		if who, err := call(t, conn, grpc.WaitForReady(true)); err != nil {
			t.Errorf("call after it: %q, %v", who, err)
		}
	})
}

// G-GR-7: an idle channel closes its resolver and builds another one when it is used again.
func TestIdleChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve("10.0.0.1", "9000")
		w.serve("10.0.0.2", "9000")
		w.register(at("10.0.0.1"))
		w.run()
		conn := w.dial("eureka:///ORDERS", &grpcresolver.Builder{}, grpc.WithIdleTimeout(time.Minute))
		calls(t, conn, 1)
		time.Sleep(10 * time.Minute)
		w.cancel(at("10.0.0.1"))
		w.register(at("10.0.0.2"))
		w.fetch()
		if got := calls(t, conn, 3); got["10.0.0.2:9000"] != 3 {
			t.Errorf("after an idle time %v answer, want 10.0.0.2 alone", got)
		}
	})
}

// A mistake in a target shows when the channel is used first.
func TestBadTargetOfChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		conn := w.dial("eureka:///ORDERS?vpi=true", &grpcresolver.Builder{})
		if _, err := call(t, conn); err == nil || !strings.Contains(err.Error(), "vpi") {
			t.Errorf("call = %v, want an error that names the parameter", err)
		}
	})
}

// weighing is at with a weight.
func weighing(host, weight string) *heureka.Instance {
	return orders(host, host, with("gRPC_port", "9000", "weight", weight))
}

// A change of weight opens no connection of a real channel, whatever its policy.
func TestWeightsOpenNoConnection(t *testing.T) {
	for _, spread := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.serve("10.0.0.1", "9000")
			w.serve("10.0.0.2", "9000")
			w.register(weighing("10.0.0.1", "1"), weighing("10.0.0.2", "1"))
			w.run()
			var dials atomic.Int32
			conn := w.dial("eureka:///ORDERS", &grpcresolver.Builder{RoundRobin: spread},
				grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
					dials.Add(1)
					return w.cluster.Net.Host("client").DialContext(ctx, "tcp", addr)
				}))
			calls(t, conn, 4)
			synctest.Wait()
			before := dials.Load()
			for _, weight := range []string{"2", "3", "5", "8"} {
				w.register(weighing("10.0.0.1", weight), weighing("10.0.0.2", "1"))
				w.fetch()
				calls(t, conn, 4)
				synctest.Wait()
			}
			if got := dials.Load() - before; got != 0 {
				t.Errorf("round robin %v: %d connections for four changes of weight", spread, got)
			}
		})
	}
}

// While the own zone has no instance the others answer, and it answers again when it has one: no call fails.
func TestZoneSpills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.serve("10.0.0.1", "9000")
		w.serve("10.0.0.2", "9000")
		near := orders("10.0.0.1", "10.0.0.1", with("gRPC_port", "9000", "zone", "eu-1a"))
		far := orders("10.0.0.2", "10.0.0.2", with("gRPC_port", "9000", "zone", "eu-1b"))
		w.register(near, far)
		w.run()
		conn := w.dial("eureka:///ORDERS?zone=eu-1a", &grpcresolver.Builder{RoundRobin: true})
		for _, step := range []struct {
			change func()
			want   string
		}{
			{func() {}, "10.0.0.1:9000"},
			{func() { w.cancel(near) }, "10.0.0.2:9000"},
			{func() { w.register(near) }, "10.0.0.1:9000"},
		} {
			step.change()
			w.fetch()
			if got := calls(t, conn, 100); got[step.want] != 100 {
				t.Errorf("%v answer, want %s alone", got, step.want)
			}
		}
	})
}
