// Package client is a client of a Eureka registry: it keeps a copy of the registry fresh, keeps instances registered, and
// sends HTTP requests to services by their name. It needs nothing but the standard library, and works with Spring Cloud,
// Netflix and heureka servers. It follows the rules of the Java client; where it differs, a comment says so.
//
// # Importing it
//
// The module is not hosted anywhere yet. With a checkout beside the importing program, this is enough:
//
//	go mod edit -require=heureka.internal/heureka@v0.1.0 -replace=heureka.internal/heureka@v0.1.0=../heureka
//
// Patch versions of v0 keep the API; a minor version may change it, and CHANGELOG.md says how to follow.
//
// # A program that is registered
//
// New starts nothing. Register adds instances, Run does all the work and returns when its context ends, after it has
// cancelled them. A program calls Run once, in a goroutine of its own, and waits for it at its end:
//
//	c, err := client.New(client.Config{
//		Servers: []string{"http://eureka:8761/eureka/"},
//	})
//	if err != nil {
//		return err
//	}
//	reg, err := c.Register(client.InstanceConfig{App: "orders", Port: 8080})
//	if err != nil {
//		return err
//	}
//	ended := make(chan error, 1)
//	go func() { ended <- c.Run(ctx) }()
//	if err := reg.Wait(ctx); err != nil { // until the registry has accepted it; optional
//		return err
//	}
//	…
//	return <-ended // after ctx has ended: the instance is cancelled now
//
// Registration.SetStatus, SetMetadata and Update change the instance. A HealthCheck does so automatically. Several instances
// may be registered with one client.
//
// # A program that calls services
//
// Snapshot is the registry copy: immutable, in memory, as fresh as the last fetch. Pick chooses an instance, Watch
// reports changes, and Transport lets an http.Client use names of services as hosts:
//
//	if err := c.Ready(ctx); err != nil { // until the first registry was fetched; before that, nothing is found
//		return err
//	}
//	web := &http.Client{Transport: &client.Transport{Client: c}}
//	resp, err := web.Get("http://ORDERS/orders/7")
//
//	in, err := c.Pick(client.App("ORDERS")) // for all that is not HTTP: in.HostName, in.Port.Number, client.URL(in)
//	for u := range c.Watch(client.App("ORDERS")).All(ctx) { … }
//
// Lookups return the instances that are UP. When the registry cannot be fetched, the copy stays as it is: an old list of
// instances is better than none, and Transport copes with those that are gone. An instance registered a moment ago is found
// after the next refresh; Refresh triggers one at once. Heureka servers tell the client of changes, so that it refreshes within half a second.
//
// A program that only calls registers nothing; one that is only called sets Config.DisableFetch.
//
// # What happens when
//
// Run fetches the whole registry, or asks the Backup if no server answers, then registers the instances. From then on three
// timers run: a heartbeat every RenewalInterval, which registers the instance again if the answer is 404; a refresh every
// FetchInterval, by delta if possible, followed by a full fetch if the hashes differ; health check and unsent changes every
// ReplicationInterval. Changes of an instance are sent at once, within a rate limit. A failed operation is retried at its
// next turn; only one that has never succeeded is retried after 1, 2, 4 … seconds.
//
// # Which server
//
// Servers of the client's own zone come first, in random order. Calls stay with the server that worked last. When a call fails,
// by connection, time-out or status, up to Config.Attempts servers are tried; failed servers are avoided until too few
// are left. After SessionDuration the choice is made again. After a change of server the whole registry is fetched.
//
// # Who the client is
//
// User and password stand in the URL of a server; a certificate and the roots to trust in the files of HTTPConfig, which are read
// again for each new connection. For tokens that end there is HTTPConfig.Credential, a function that is asked again when the last
// one expires and when a server refuses it; a token that is rotated in a file takes this:
//
//	cfg.HTTP.Credential = func(context.Context) (client.Credential, error) {
//		token, err := os.ReadFile("/var/run/secrets/registry/token")
//		return client.Credential{
//			Authorization: "Bearer " + strings.TrimSpace(string(token)), Expires: time.Now().Add(time.Minute),
//		}, err
//	}
//
// # For operators
//
// Config.Logger gets one line when something begins to fail, when it works again, and when another server is used.
// Config.Hooks and Stats are for metrics. Credentials in URLs become basic authentication; no error, log or hook shows
// them. ParseConfig reads the eureka.client.* and eureka.instance.* settings of Java programs.
//
// # Tests
//
// Package heurekatest starts a registry in one line. All waiting here uses package time and contexts, so programs can also
// be tested in testing/synctest bubbles, where hours take milliseconds. Whole programs to copy from are in
// heureka.internal/heureka/examples; gRPC is in heureka.internal/heureka/grpcresolver; metrics of Prometheus and OpenTelemetry, and
// service discovery of Go kit and Kratos, in modules below heureka.internal/heureka/adapters.
package client
