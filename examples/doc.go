// Package examples is the place to start: each directory is a small program to copy from.
//
//	go run ./cmd/heureka serve                  # a registry on port 8761
//	go run ./examples/service -listen :8081     # registers itself as ORDERS; start several
//	go run ./examples/caller                    # calls them by that name
//
// The test in testing shows how to test such programs. The same pair for gRPC is in grpcresolver/examples,
// one for connect-go in connect, a module of its own.
package examples
