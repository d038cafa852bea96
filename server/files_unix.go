//go:build unix

package server

import "syscall"

// fileLimit returns how many files the process may have open. Go's runtime has raised it to the hard limit.
func fileLimit() uint64 {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return maxConnections
	}
	return uint64(r.Cur)
}
