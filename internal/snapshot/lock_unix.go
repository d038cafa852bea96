//go:build !windows

package snapshot

import (
	"os"
	"syscall"
)

// lockFile locks a file for this process until it is closed. It reports false if another one has the lock; a file system that
// has no locks lets everybody.
func lockFile(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err != syscall.EWOULDBLOCK
}
