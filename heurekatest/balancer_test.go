package heurekatest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
)

// Clients know a ring of three by one URL, that of a balancer, while one of the nodes waits for a copy. A balancer that looks at
// /actuator/health takes it for a node like the others: some reads are refused, and their client goes on with what it has until
// the next one. One that looks at readiness sends it no reader. Either way no client misses anything, nor loses its lease.
func TestThreeNodesBehindABalancer(t *testing.T) {
	for probe, refuses := range map[string]bool{"/actuator/health": true, "/actuator/health/readiness": false} {
		synctest.Test(t, func(t *testing.T) {
			cluster := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Seed: 1})
			cluster.WaitOpen()
			b := startBalancer(t, cluster, probe)
			c, err := client.New(client.Config{Servers: []string{"http://balancer/eureka/"}, Transport: clientTransport(t, cluster),
				FetchInterval: time.Second, DisableWatch: true, Logger: heurekatest.Logger(t)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Register(client.InstanceConfig{App: "ORDERS", ID: "orders", HostName: "client", IPAddr: "192.0.2.1", Port: 80,
				RenewalInterval: 5 * time.Second, LeaseDuration: 15 * time.Second}); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.Run(ctx) }()
			defer func() { stop(); <-ended }()
			sees := func() error {
				if n := len(c.Instances(client.Service{App: "ORDERS"})); n != 1 {
					return fmt.Errorf("the client sees %d instances", n)
				}
				return nil
			}
			time.Sleep(10 * time.Second)

			cluster.Node("c").Kill()
			cluster.Partition([]string{"c"}, []string{"a", "b"}) // so that it waits and waits
			cluster.Node("c").Start()
			refused := b.refused.Load()
			for range 120 {
				time.Sleep(time.Second)
				if err := sees(); err != nil {
					t.Fatalf("%s: while c waits %v", probe, err)
				}
			}
			if got := b.refused.Load() > refused; got != refuses {
				t.Errorf("%s: reads were refused: %v", probe, got)
			}
			if !cluster.Node("a").Has("ORDERS", "orders") || !cluster.Node("b").Has("ORDERS", "orders") {
				t.Errorf("%s: heartbeats were lost", probe)
			}
			cluster.Heal()
			cluster.Node("c").WaitOpen()
			served := b.served[2].Load()
			time.Sleep(time.Minute)
			if err := sees(); err != nil || b.served[2].Load() == served {
				t.Errorf("%s: after all %v; c has answered %d requests", probe, err, b.served[2].Load())
			}
		})
	}
}

// A balancer passes each request on to the next node whose probe answers 200, and the answer back, whatever it is.
type balancer struct {
	probe   string
	nodes   []*url.URL
	http    *http.Transport
	next    atomic.Uint64
	served  [3]atomic.Int64
	refused atomic.Int64 // answers 503
}

func startBalancer(t *testing.T, cluster *heurekatest.Cluster, probe string) *balancer {
	t.Helper()
	b := &balancer{probe: probe, http: cluster.Transport("balancer")}
	b.http.DisableKeepAlives = true
	for _, node := range cluster.URLs() {
		u, err := url.Parse(node)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = ""
		b.nodes = append(b.nodes, u)
	}
	ln, err := cluster.Host("balancer").Listen(":80")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: b}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-ended })
	return b
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for range b.nodes {
		i := int(b.next.Add(1)) % len(b.nodes)
		if !b.healthy(b.nodes[i]) {
			continue
		}
		b.served[i].Add(1)
		proxy := httputil.NewSingleHostReverseProxy(b.nodes[i])
		proxy.Transport = b.http
		proxy.ModifyResponse = func(answer *http.Response) error {
			if answer.StatusCode == http.StatusServiceUnavailable {
				b.refused.Add(1)
			}
			return nil
		}
		proxy.ServeHTTP(w, r)
		return
	}
	w.WriteHeader(http.StatusBadGateway)
}

func (b *balancer) healthy(node *url.URL) bool {
	resp, err := (&http.Client{Transport: b.http}).Get(node.String() + b.probe)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func clientTransport(t *testing.T, cluster *heurekatest.Cluster) *http.Transport {
	transport := cluster.Transport("client")
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
