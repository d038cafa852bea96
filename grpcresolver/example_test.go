package grpcresolver_test

import (
	"context"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
)

// A program that calls gRPC services by their names needs one client, and one Builder for all its channels.
func Example() {
	c, err := client.New(client.Config{Servers: []string{"http://eureka:8761/eureka/"}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	go func() { log.Println(c.Run(ctx)) }()
	if err := c.Ready(ctx); err != nil {
		log.Fatal(err)
	}

	services := grpc.WithResolvers(&grpcresolver.Builder{Client: c, RoundRobin: true})
	conn, err := grpc.NewClient("eureka:///ORDERS?zone=eu-1a", services, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		log.Print(err)
	}
}
