//go:build unix

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// wait waits for child. Process 1 inherits the processes whose parents have ended, and waits for these too, as they would remain
// as zombies.
func wait(child *exec.Cmd) error {
	if os.Getpid() != 1 {
		return child.Wait()
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case pid != child.Process.Pid || !status.Exited() && !status.Signaled():
			continue
		}
		_ = child.Wait() // for what copies its output; it cannot know the status any more
		return ended(child.Path, status)
	}
}

// ended is outcome for a status that exec did not see.
func ended(name string, status syscall.WaitStatus) error {
	switch {
	case status.Signaled():
		return &failure{status: 128 + int(status.Signal()), err: fmt.Errorf("%s ended with signal: %v", name, status.Signal())}
	case status.ExitStatus() != 0:
		return &failure{status: status.ExitStatus(), err: fmt.Errorf("%s ended with status %d", name, status.ExitStatus())}
	}
	return nil
}
