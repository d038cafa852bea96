// Package examples is a gRPC service and its caller, who finds it by name:
//
//	(cd .. && go run ./cmd/heureka serve)      # a registry on port 8761
//	go run ./examples/service -listen :9090    # registers itself; start several
//	go run ./examples/caller
package examples
