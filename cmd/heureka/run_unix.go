//go:build unix

package main

import (
	"os"
	"syscall"
)

// forwarded are the signals that a program run by heureka run gets.
var forwarded = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2}

// statusOfSignal is the exit status by which shells tell that a signal killed a program.
func statusOfSignal(state *os.ProcessState) int {
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return statusFailed
}
