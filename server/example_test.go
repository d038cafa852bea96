package server_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/server"
)

// A registry inside a program of one's own: New checks the configuration, Serve runs until its context ends.
func Example() {
	srv, err := server.New(server.Config{EvictionInterval: 10 * time.Second}) // what is left out has its default
	if err != nil {
		fmt.Println(err)
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ctx, ln) }()

	c, err := client.New(client.Config{Servers: []string{"http://" + ln.Addr().String() + "/eureka/"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	orders := &heureka.Instance{
		App: "orders", ID: "orders-1", HostName: "orders-1", IPAddr: "192.0.2.1", Status: heureka.StatusUp,
		DataCenter: heureka.OwnDataCenter,
	}
	if err := c.API().Register(ctx, orders); err != nil {
		fmt.Println(err)
	}
	for _, app := range srv.Applications().Apps {
		fmt.Println(app.Name, app.Instances[0].ID, app.Instances[0].Status)
	}

	cancel()
	fmt.Println(<-ended)
	// Output:
	// ORDERS orders-1 UP
	// <nil>
}

// All mistakes of a configuration come at once.
func ExampleNew() {
	_, err := server.New(server.Config{RenewalPercentThreshold: 2, ServiceURLs: map[string][]string{"defaultZone": {"ftp://a"}}})
	fmt.Println(err != nil)
	// Output: true
}
