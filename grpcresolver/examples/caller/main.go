// Command caller calls a gRPC service by its name, once a second or as often as told, and prints who answers.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
)

func main() {
	eureka := flag.String("eureka", cmp.Or(os.Getenv("EUREKA_URL"), "http://localhost:8761/eureka/"), "`URL` of the registry; also EUREKA_URL")
	target := flag.String("target", "eureka:///greeter", "gRPC `target`")
	refresh := flag.Duration("refresh", 30*time.Second, "interval between fetches of the registry")
	every := flag.Duration("every", time.Second, "pause between two calls")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, client.Config{Servers: []string{*eureka}, FetchInterval: *refresh, Logger: slog.Default()}, *target, *every); err != nil {
		log.Fatal(err)
	}
}

// run calls the target until ctx ends.
func run(ctx context.Context, cfg client.Config, target string, every time.Duration) error {
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()

	conn, err := grpc.NewClient(target,
		grpc.WithResolvers(&grpcresolver.Builder{Client: c, RoundRobin: true}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := c.Ready(ctx); err != nil { // calls would fail until then
		return <-ended
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return <-ended
		case <-tick.C:
			fmt.Println(call(ctx, conn))
		}
	}
}

func call(ctx context.Context, conn *grpc.ClientConn) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var who peer.Peer
	answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Peer(&who))
	if err != nil {
		return "error: " + status.Convert(err).Message()
	}
	return fmt.Sprintf("%v says %v", who.Addr, answer.Status)
}
