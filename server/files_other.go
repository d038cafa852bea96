//go:build !unix

package server

// fileLimit returns how many files the process may have open: here only memory bounds them.
func fileLimit() uint64 { return maxConnections }
