// Package replication sends the operations of one node to its peers, and repairs differences between nodes that could not
// reach each other.
//
// What to do is decided by pure code: a Link says what to send to one peer, and when, and when to compare registries with
// it; a Pull merges newer entries from a peer; a Join says when a node that starts may answer reads; a Guard rejects
// stale batches. Peers owns the goroutines around them: one that sends for each peer, one that compares digests with
// each peer that is a heureka node, and one that keeps the list of peers current. Driven is the same set without goroutines:
// package scenario drives it over a simulated network. Changing the registry and serving the Eureka API is left to packages
// server and httpapi.
//
// Peers speak the protocol of the reference (batches of operations, POST peerreplication/batch/), so that Java servers
// and heureka nodes can be mixed in one ring. What heureka nodes say to each other in addition travels in headers and on
// two resources beside the batch, which Java servers ignore or do not have; Protocol is its version.
package replication
