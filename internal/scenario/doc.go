// Package scenario simulates whole clusters from a seed: it checks what the registry, the replication queue and anti-entropy
// guarantee together, whatever the network does. It is for tests and for cmd/sim; no product code imports it.
package scenario
