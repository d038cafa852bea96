// A program of somebody else that calls gRPC services.
package main

import (
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"heureka.internal/heureka/client"
	"heureka.internal/heureka/grpcresolver"
)

func main() {
	c, err := client.New(client.Config{Servers: []string{"http://localhost:8761/eureka/"}})
	if err != nil {
		panic(err)
	}
	services := grpc.WithResolvers(&grpcresolver.Builder{Client: c})
	conn, err := grpc.NewClient("eureka:///ORDERS", services, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	fmt.Println(conn.Close())
}
