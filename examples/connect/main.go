// Command connect is a service of connect-go and its caller, which knows no more than the service's name: an http.Client with
// a client.Transport is all that connect-go needs. It is a module of its own, so that the client needs nothing but the
// standard library.
//
//	go run . -listen :8090     # registers itself as GREETER; start several
//	go run .                   # calls them by that name
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"heureka.internal/heureka/client"
)

// Generated code has this name and the messages; the example does with ready ones.
const greet = "/greet.v1.Greeter/Greet"

type (
	name     = wrapperspb.StringValue
	greeting = wrapperspb.StringValue
)

func main() {
	eureka := flag.String("eureka", cmp.Or(os.Getenv("EUREKA_URL"), "http://localhost:8761/eureka/"), "`URL` of the registry; also EUREKA_URL")
	listen := flag.String("listen", "", "`address` to serve on; without one, calls the service")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, client.Config{Servers: []string{*eureka}}, *listen); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, cfg client.Config, listen string) error {
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	if listen == "" {
		return call(ctx, c)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	return serve(ctx, c, ln)
}

// serve answers and keeps itself registered until ctx ends; the registry forgets it before it stops answering.
func serve(ctx context.Context, c *client.Client, ln net.Listener) error {
	port := ln.Addr().(*net.TCPAddr).Port
	if _, err := c.Register(client.InstanceConfig{App: "greeter", Port: port}); err != nil {
		return err
	}
	srv := &http.Server{Handler: greeter(fmt.Sprint("port ", port)), Protocols: protocols(), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = srv.Serve(ln) }()
	err := c.Run(ctx)
	_ = srv.Shutdown(context.WithoutCancel(ctx))
	return err
}

// protocols are HTTP/1.1 and HTTP/2 without TLS: connect-go speaks its own protocol over either, gRPC's over the latter.
func protocols() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	return p
}

func greeter(who string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(greet, connect.NewUnaryHandler(greet,
		func(_ context.Context, req *connect.Request[name]) (*connect.Response[greeting], error) {
			return connect.NewResponse(wrapperspb.String("hello " + req.Msg.Value + ", this is " + who)), nil
		},
		connect.WithIdempotency(connect.IdempotencyNoSideEffects)))
	return mux
}

// newGreeter returns a caller of the service of that name in the registry. A call without side effects is a GET, which
// Transport sends to another instance when one hangs or fails; others are sent again only if they never arrived.
func newGreeter(t *client.Transport, options ...connect.ClientOption) *connect.Client[name, greeting] {
	options = append(options, connect.WithIdempotency(connect.IdempotencyNoSideEffects), connect.WithHTTPGet())
	return connect.NewClient[name, greeting](&http.Client{Transport: t}, "http://greeter"+greet, options...)
}

// call greets once a second until ctx ends.
func call(ctx context.Context, c *client.Client) error {
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if err := c.Ready(ctx); err != nil {
		return err
	}
	caller := newGreeter(&client.Transport{Client: c})
	for {
		answer, err := caller.CallUnary(ctx, connect.NewRequest(wrapperspb.String("you")))
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(answer.Msg.Value)
		}
		select {
		case <-ctx.Done():
			return <-ended
		case <-time.After(time.Second):
		}
	}
}
