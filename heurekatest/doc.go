// Package heurekatest runs Eureka nodes inside a test: a real server on a free port in one line, and clusters whose network
// is in memory, with partitions and crashes, under the virtual time of testing/synctest. heureka.internal/heureka/examples/testing has both
// in full.
//
// # One server
//
//	srv := heurekatest.NewServer(t)
//	c, err := client.New(client.Config{Servers: []string{srv.URL}, Logger: heurekatest.Logger(t)})
//	…
//	if !srv.Has("orders", "orders-1") { … }
//
// The test's cleanup stops the server. srv.Node is the server itself, for tests that look inside.
//
// # A cluster, and hours in milliseconds
//
//	synctest.Test(t, func(t *testing.T) {
//		cluster := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 1})
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
// A client in a bubble must have ended before the bubble does: cancel the context of its Run and wait for it.
package heurekatest
