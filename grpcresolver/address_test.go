package grpcresolver_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
)

// resolve registers instances and returns the addresses of target, in ascending order.
func resolve(t *testing.T, b *grpcresolver.Builder, target string, list ...*heureka.Instance) []string {
	t.Helper()
	w := newWorld(t)
	w.register(list...)
	w.run()
	b.Client = w.client
	_, ch := build(t, b, target)
	return slices.Sorted(slices.Values(addrs(ch.last(t))))
}

func TestPort(t *testing.T) {
	all := []string{"gRPC_port", "9001", "grpc.port", "9002", "gRPC.port", "9003", "grpc", "9004"}
	noPort := func(in *heureka.Instance) { in.Port.Enabled = false }
	for _, tt := range []struct {
		name   string
		target string
		in     *heureka.Instance
		want   []string
	}{
		{"G-GR-3 grpc-spring's entry first", "", orders("h", "10.0.0.1", with(all...)), []string{"10.0.0.1:9001"}},
		{"G-GR-3 then grpc.port", "", orders("h", "10.0.0.1", with(all[2:]...)), []string{"10.0.0.1:9002"}},
		{"G-GR-3 then gRPC.port", "", orders("h", "10.0.0.1", with(all[4:]...)), []string{"10.0.0.1:9003"}},
		{"G-GR-3 then grpc", "", orders("h", "10.0.0.1", with(all[6:]...)), []string{"10.0.0.1:9004"}},
		{"G-GR-3 then the own port", "", orders("h", "10.0.0.1"), []string{"10.0.0.1:8080"}},
		{"G-GR-3 the first that parses", "", orders("h", "10.0.0.1", with("gRPC_port", "none", "grpc.port", "0", "gRPC.port", "65536", "grpc", " 9004 ")), []string{"10.0.0.1:9004"}},
		{"G-GR-3 port=KEY", "?port=grpc", orders("h", "10.0.0.1", with(all...)), []string{"10.0.0.1:9004"}},
		{"G-GR-3 port=KEY of any name", "?port=admin%20port", orders("h", "10.0.0.1", with("admin port", "9")), []string{"10.0.0.1:9"}},
		{"port=KEY without the entry", "?port=admin", orders("h", "10.0.0.1", with(all...)), nil},
		{"G-GR-3 port=instance", "?port=instance", orders("h", "10.0.0.1", with(all...)), []string{"10.0.0.1:8080"}},
		{"G-GR-3 secure port", "?secure=true&port=instance", orders("h", "10.0.0.1", secure), []string{"h:8443"}},
		{"metadata before the secure port", "?secure=true", orders("h", "10.0.0.1", secure, with(all...)), []string{"h:9001"}},
		{"no secure port", "?secure=true", orders("h", "10.0.0.1", with(all...)), nil},
		{"no enabled port", "", orders("h", "10.0.0.1", noPort, secure), nil},
		{"no enabled port, but metadata", "", orders("h", "10.0.0.1", noPort, with(all...)), []string{"10.0.0.1:9001"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := resolve(t, &grpcresolver.Builder{}, "eureka:///orders"+tt.target, tt.in)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("addresses of %s (-want +got):\n%s", tt.target, diff)
				}
			})
		})
	}
}

func TestAddress(t *testing.T) {
	vips := func(vip, svip string) func(*heureka.Instance) {
		return func(in *heureka.Instance) { in.VIPAddress, in.SecureVIPAddress = vip, svip }
	}
	down := func(in *heureka.Instance) { in.Status = heureka.StatusDown }
	pair := []*heureka.Instance{
		orders("far", "10.0.0.1", with("zone", "eu-1a")),
		orders("near", "10.0.0.2", with("zone", "eu-1b")),
	}
	for _, tt := range []struct {
		name    string
		builder *grpcresolver.Builder
		target  string
		list    []*heureka.Instance
		want    []string
	}{
		{"G-GR-2 application", &grpcresolver.Builder{}, "eureka:///Orders", pair, []string{"10.0.0.1:8080", "10.0.0.2:8080"}},
		{"G-GR-2 vip=true", &grpcresolver.Builder{}, "eureka:///shop?vip=true",
			[]*heureka.Instance{orders("x", "10.0.0.1", vips("pay,shop", "")), orders("y", "10.0.0.2")}, []string{"10.0.0.1:8080"}},
		{"G-GR-2 vip=false", &grpcresolver.Builder{}, "eureka:///shop?vip=false",
			[]*heureka.Instance{orders("x", "10.0.0.1", vips("shop", ""))}, nil},
		{"G-GR-2 secure vip", &grpcresolver.Builder{}, "eureka:///shop?vip=true&secure=true",
			[]*heureka.Instance{orders("x", "10.0.0.1", vips("shop", "")), orders("y", "10.0.0.2", vips("", "shop"), secure)}, []string{"y:8443"}},
		{"G-GR-2 zone", &grpcresolver.Builder{}, "eureka:///orders?zone=EU-1B", pair, []string{"10.0.0.2:8080"}},
		{"nobody in the zone", &grpcresolver.Builder{}, "eureka:///orders?zone=us-1a", pair, []string{"10.0.0.1:8080", "10.0.0.2:8080"}},
		{"only what is up", &grpcresolver.Builder{}, "eureka:///orders",
			[]*heureka.Instance{orders("x", "10.0.0.1", down), orders("y", "10.0.0.2")}, []string{"10.0.0.2:8080"}},
		{"G-GR-4 host name", &grpcresolver.Builder{HostName: true}, "eureka:///orders", pair, []string{"far:8080", "near:8080"}},
		{"G-GR-4 host name by secure=true", &grpcresolver.Builder{}, "eureka:///orders?secure=true",
			[]*heureka.Instance{orders("x", "10.0.0.1", secure)}, []string{"x:8443"}},
		{"IPv6", &grpcresolver.Builder{}, "eureka:///orders", []*heureka.Instance{orders("x", "fe80::1")}, []string{"[fe80::1]:8080"}},
		{"one address, two instances", &grpcresolver.Builder{}, "eureka:///orders",
			[]*heureka.Instance{orders("old", "10.0.0.1"), orders("new", "10.0.0.1")}, []string{"10.0.0.1:8080"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := resolve(t, tt.builder, tt.target, tt.list...)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("addresses of %s (-want +got):\n%s", tt.target, diff)
				}
			})
		})
	}
}

// G-GR-4
func TestAttributes(t *testing.T) {
	for _, tt := range []struct {
		weight string
		want   int
	}{{"7", 7}, {"", 1}, {"0", 1}, {"-2", 1}, {"1.5", 1}, {"99999999999", 1}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.register(orders("h", "10.0.0.1", with("zone", "eu-1a", "weight", tt.weight)))
			w.run()
			_, ch := build(t, &grpcresolver.Builder{Client: w.client}, "eureka:///orders")
			a := ch.last(t).Addresses[0]
			got, ok := grpcresolver.InstanceOf(ch.last(t).Endpoints[0])
			if want := (grpcresolver.Instance{ID: "h", Zone: "eu-1a", Weight: tt.want}); !ok || got != want {
				t.Errorf("InstanceOf = %+v, %v, want %+v", got, ok, want)
			}
			if a.ServerName != "" {
				t.Errorf("the registry decides about certificates: ServerName is %q", a.ServerName)
			}
			_, ch = build(t, &grpcresolver.Builder{Client: w.client, ServerName: true}, "eureka:///orders")
			if a := ch.last(t).Addresses[0]; a.ServerName != "h" || a.Addr != "10.0.0.1:8080" {
				t.Errorf("with ServerName: %+v, want h at 10.0.0.1", a)
			}
		})
	}
}

// Servers refuse instances without an address; other sources of a registry may not. Port 8080 of nowhere is this machine's.
func TestNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cluster.Node("a").Kill()
		c, err := client.New(client.Config{
			Servers: w.cluster.URLs(), Transport: w.cluster.Transport("client"),
			Backup: backup{orders("nowhere", ""), orders("x", "10.0.0.1")},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.client = c
		w.run()
		_, ch := build(t, &grpcresolver.Builder{Client: c}, "eureka:///orders")
		if diff := cmp.Diff([]string{"10.0.0.1:8080"}, addrs(ch.last(t))); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
	})
}

// A backup is a registry with one application.
type backup []*heureka.Instance

func (b backup) Load(context.Context) (*heureka.Applications, error) {
	return &heureka.Applications{Apps: []*heureka.Application{{Name: b[0].App, Instances: b}}}, nil
}

func (b backup) Save(context.Context, *heureka.Applications) error { return nil }

func TestInstanceOfStranger(t *testing.T) {
	if in, ok := grpcresolver.InstanceOf(endpointOfStranger); ok {
		t.Errorf("InstanceOf an endpoint of another resolver = %+v", in)
	}
}
