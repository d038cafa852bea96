package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/server"
)

// registryURL is a real, empty registry for the examples.
func registryURL() (serviceURL string, stop func()) {
	node, err := server.New(server.Config{})
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(node.Handler())
	return srv.URL + "/eureka/", srv.Close
}

// A program that registers itself, calls another service by its name, and says goodbye when it ends.
func Example() {
	registry, stop := registryURL()
	defer stop()
	orders := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "order %s", strings.TrimPrefix(r.URL.Path, "/orders/"))
	}))
	defer orders.Close()

	c, err := client.New(client.Config{Servers: []string{registry}})
	if err != nil {
		log.Fatal(err)
	}
	reg, err := c.Register(client.InstanceConfig{App: "orders", HostName: "127.0.0.1", Port: port(orders)})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()

	if err := reg.Wait(ctx); err != nil { // the registry has it
		log.Fatal(err)
	}
	if err := c.Refresh(ctx); err != nil { // and now so does our copy, half a minute early
		log.Fatal(err)
	}
	web := &http.Client{Transport: &client.Transport{Client: c}, Timeout: 10 * time.Second}
	resp, err := web.Get("http://ORDERS/orders/7")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	fmt.Println(resp.Status)

	cancel()
	fmt.Println(<-ended)
	// Output:
	// 200 OK
	// <nil>
}

func port(srv *httptest.Server) int {
	var n int
	_, _ = fmt.Sscanf(srv.URL[strings.LastIndexByte(srv.URL, ':')+1:], "%d", &n)
	return n
}

// started returns a running client whose registry has two instances of ORDERS.
func started() (c *client.Client, stop func()) {
	registry, stopServer := registryURL()
	c, err := client.New(client.Config{Servers: []string{registry}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	for i, zone := range []string{"east", "west"} {
		err := c.API().Register(ctx, &heureka.Instance{
			App: "ORDERS", ID: fmt.Sprint("orders-", i+1), HostName: zone + ".example.com", IPAddr: "192.0.2.1", Status: heureka.StatusUp,
			Port: heureka.Port{Number: 8080, Enabled: true}, VIPAddress: "orders", DataCenter: heureka.OwnDataCenter,
			Metadata: heureka.NewMetadata(map[string]string{"zone": zone}),
		})
		if err != nil {
			log.Fatal(err)
		}
	}
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	if err := c.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		cancel()
		<-ended
		stopServer()
	}
}

func ExampleClient_Instances() {
	c, stop := started()
	defer stop()

	east := client.App("orders")
	east.Match = func(in *heureka.Instance) bool { return client.Zone(in) == "east" }
	for _, in := range c.Instances(east) {
		fmt.Println(in.ID, client.URL(in))
	}
	fmt.Println(len(c.Instances(client.VIP("ORDERS"))), "in all")
	// Output:
	// orders-1 http://east.example.com:8080
	// 2 in all
}

func ExampleClient_Watch() {
	c, stop := started()
	defer stop()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for u := range c.Watch(client.App("ORDERS")).All(ctx) {
		fmt.Printf("%d instances: %d new, %d changed, %d gone\n", len(u.Instances), len(u.Added), len(u.Changed), len(u.Removed))
		if len(u.Instances) < 2 {
			return
		}
		if err := c.API().Cancel(ctx, u.Instances[0].Key()); err != nil {
			log.Fatal(err)
		}
		if err := c.Refresh(ctx); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 2 instances: 2 new, 0 changed, 0 gone
	// 1 instances: 0 new, 0 changed, 1 gone
}

func ExampleClient_Pick() {
	c, stop := started()
	defer stop()

	in, err := c.Pick(client.App("ORDERS"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(in.App, in.Port.Number)

	_, err = c.Pick(client.App("NOBODY"))
	fmt.Println(err)
	// Output:
	// ORDERS 8080
	// NOBODY: no instance available
}

// Instances of the own zone first, all others only if there is none.
func ExamplePreferZone() {
	c, stop := started()
	defer stop()

	b := client.PreferZone("west", client.RoundRobin(nil))
	for range 3 {
		fmt.Println(b.Pick(client.PickInfo{Service: "ORDERS", Instances: c.Instances(client.App("ORDERS"))}).Instance.HostName)
	}
	// Output:
	// west.example.com
	// west.example.com
	// west.example.com
}

// A health check decides between UP and DOWN.
func ExampleHealthy() {
	database := func(ctx context.Context) error { return nil } // ping it
	c, err := client.New(client.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Register(client.InstanceConfig{
		App: "orders", Port: 8080, HealthCheck: client.Healthy(database),
		// Tell clients, give them time to notice, and then go.
		DownBeforeCancel: true, DrainTime: 5 * time.Second,
	})
	fmt.Println(err)
	// Output: <nil>
}

// The settings of a Spring application, and what the environment says instead.
func ExampleParseConfig() {
	file, err := client.Properties(strings.NewReader(`
spring.application.name=orders
server.port=8081
eureka.client.service-url.defaultZone=http://eureka-1:8761/eureka/,http://eureka-2:8761/eureka/
eureka.client.registry-fetch-interval-seconds=10
eureka.instance.metadata-map.zone=${ZONE:east}
eureka.client.decoder-name=SomeJavaClass
`))
	if err != nil {
		log.Fatal(err)
	}
	s, err := client.ParseConfig(file, client.Environ([]string{"ZONE=west", "EUREKA_INSTANCE_HOSTNAME=h1"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Client.ServiceURLs["defaultZone"], s.Client.FetchInterval)
	fmt.Println(s.Instance.App, s.Instance.HostName, s.Instance.Port, s.Instance.Metadata)
	fmt.Println("ignored:", s.Ignored)
	// Output:
	// [http://eureka-1:8761/eureka/ http://eureka-2:8761/eureka/] 10s
	// orders h1 8081 map[zone:west]
	// ignored: [eureka.client.decoder-name]
}

// Single calls need no running client.
func ExampleAPI() {
	registry, stop := registryURL()
	defer stop()
	c, err := client.New(client.Config{Servers: []string{registry}})
	if err != nil {
		log.Fatal(err)
	}
	key := heureka.Key{App: "ORDERS", ID: "orders-1"}
	err = c.API().SetOverride(context.Background(), key, heureka.StatusOutOfService)
	fmt.Println(strings.Contains(err.Error(), "answered 404"))
	// Output: true
}

// A token that ends is asked for again when it does, and when a server refuses it.
func ExampleHTTPConfig_credential() {
	registry, stop := registryURL()
	defer stop()
	fromIssuer := func(ctx context.Context) (token string, lasts time.Duration, err error) {
		return "eyJh…", time.Hour, nil
	}
	c, err := client.New(client.Config{Servers: []string{registry}, HTTP: client.HTTPConfig{
		Credential: func(ctx context.Context) (client.Credential, error) {
			token, lasts, err := fromIssuer(ctx)
			return client.Credential{Authorization: "Bearer " + token, Expires: time.Now().Add(lasts - time.Minute)}, err
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.API().Applications(context.Background())
	fmt.Println(err)
	// Output: <nil>
}
