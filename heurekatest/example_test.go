package heurekatest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/heurekatest/memnet"
)

// A registry with what the code under test looks for, in one line.
func ExampleNewRegistry() {
	t := &fakeT{} // the *testing.T of the test
	t.run(func() {
		registry := heurekatest.NewRegistry(t, heurekatest.Instance("orders", "127.0.0.1:8080"))

		c, err := client.New(client.Config{Servers: []string{registry.URL}})
		if err != nil {
			t.Fatal(err)
		}
		apps, err := c.API().Application(context.Background(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(apps.Name, apps.Instances[0].Port.Number)

		registry.Expire("orders", "orders:127.0.0.1:8080")
		fmt.Println(registry.Has("orders", "orders:127.0.0.1:8080"))
	})
	// Output:
	// ORDERS 8080
	// false
}

// A cluster in virtual time. Give the function to go test as it is.
func ExampleNewCluster() {
	_ = func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			cluster := heurekatest.NewCluster(t, heurekatest.ClusterConfig{Nodes: []string{"a", "b"}, Seed: 1})
			cluster.WaitOpen()
			cluster.Node("a").Register(heurekatest.Instance("orders", "orders-1:8080"))

			cluster.Partition([]string{"a"}, []string{"b"})
			cluster.SetLink("client", "a", memnet.Link{Latency: time.Second, ResetChance: 0.1})
			time.Sleep(time.Hour) // of the bubble
			cluster.Heal()
			cluster.Node("a").Kill()

			if !cluster.Node("b").Has("orders", "orders:orders-1:8080") {
				t.Error("the instance is gone")
			}
		})
	}
}
