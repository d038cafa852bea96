// Package replication carries what happens on one node to its peers, and brings nodes that have lost sight of each other
// together again.
//
// A Queue decides what to send to one peer, and when; it is pure. Peers owns the goroutines around it: one that sends for
// each peer, one that compares digests with each peer that is a heureka node, and one that keeps the list of peers
// current. It also copies the registry of a peer at start-up. Changing the registry, serving the Eureka API and deciding
// when a node may answer reads is left to package server.
//
// Peers speak the protocol of the reference (batches of operations, POST peerreplication/batch/), so that Java servers
// and heureka nodes can be mixed in one ring. What heureka nodes say to each other in addition travels in headers and on
// two resources beside the batch, which Java servers ignore or do not have; Protocol is its version.
package replication
