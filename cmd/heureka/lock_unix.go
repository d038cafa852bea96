//go:build unix && !solaris && !aix

package main

import (
	"os"
	"syscall"
)

// lockFile waits until this process alone has the lock of f, which ends when f is closed. A file system that has no locks lets everybody.
func lockFile(f *os.File) {
	for syscall.Flock(int(f.Fd()), syscall.LOCK_EX) == syscall.EINTR {
	}
}
