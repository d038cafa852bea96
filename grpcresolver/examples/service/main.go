// Command service is a gRPC service, grpc.health.v1.Health, that registers itself and stops gracefully.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"heureka.internal/heureka/client"
)

func main() {
	eureka := flag.String("eureka", cmp.Or(os.Getenv("EUREKA_URL"), "http://localhost:8761/eureka/"), "`URL` of the registry; also EUREKA_URL")
	name := flag.String("name", "greeter", "`name` of the service")
	ip := flag.String("ip", "", "`address` that others can reach this one by (default: of the first network interface)")
	listen := flag.String("listen", ":9090", "`address` to listen on")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *eureka, *listen, client.InstanceConfig{App: *name, IPAddr: *ip}); err != nil {
		log.Fatal(err)
	}
}

// run serves and stays registered until ctx ends.
func run(ctx context.Context, eureka, listen string, ic client.InstanceConfig) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	ic.Port = ln.Addr().(*net.TCPAddr).Port
	// Java's grpc-spring looks here; a service with an HTTP port beside the gRPC port needs it in any case.
	ic.Metadata = map[string]string{"gRPC_port": strconv.Itoa(ic.Port)}
	c, err := client.New(client.Config{Servers: []string{eureka}, Logger: slog.Default()})
	if err != nil {
		return err
	}
	reg, err := c.Register(ic)
	if err != nil {
		return err
	}

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	srv := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, health.NewServer())
	served := make(chan error, 1)
	go func() {
		served <- srv.Serve(ln)
		stop() // a service that does not serve must not be registered
	}()
	go func() {
		if reg.Wait(ctx) == nil {
			fmt.Println("registered as", reg.Instance().ID, "at", ln.Addr())
		}
	}()

	err = c.Run(ctx) // registers, sends heartbeats, and cancels the registration when ctx ends
	hurry := time.AfterFunc(10*time.Second, srv.Stop)
	defer hurry.Stop()
	srv.GracefulStop() // would wait for ever for streams that never end
	return cmp.Or(err, <-served)
}
