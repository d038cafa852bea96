// Package heurekatest runs Eureka nodes inside a test: a real server on a free port in one line, and clusters whose network
// is in memory, with partitions and crashes, under the virtual time of testing/synctest. Whole tests are in
// heureka.internal/heureka/examples/testing.
//
// # One server
//
//	srv := heurekatest.NewRegistry(t, heurekatest.Instance("orders", "127.0.0.1:8080"))
//	c, err := client.New(client.Config{Servers: []string{srv.URL}, Logger: heurekatest.Logger(t)})
//	…
//	srv.Expire("orders", "orders:127.0.0.1:8080") // as if its heartbeats had stopped
//
// The test's cleanup stops the server. srv.Node is the server itself, for tests that look inside. NewServer starts one
// that is empty, with settings chosen by the test. Server logs are shown only if the test fails.
//
// # A cluster, and hours in milliseconds
//
//	synctest.Test(t, func(t *testing.T) {
//		cluster := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 1})
//		cluster.WaitOpen()
//		transport := cluster.Transport("client")
//		defer transport.CloseIdleConnections()
//		c, err := client.New(client.Config{Servers: cluster.URLs(), Transport: transport})
//		…
//		cluster.Node("a").Kill() // as a crash does: its registry is gone
//		time.Sleep(10 * time.Minute)
//		cluster.Partition([]string{"client"}, []string{"b"})
//		time.Sleep(time.Hour)
//		cluster.Heal()
//		cluster.Node("a").Start()
//	})
//
// A client in a bubble must stop before the bubble ends: cancel the context of its Run and wait for it. Services of
// the test listen on hosts of the same network: cluster.Host("orders-1").Listen(":8080"). SetLink sets the latency, speed or
// failure rate of a link between two hosts; see package memnet.
package heurekatest
