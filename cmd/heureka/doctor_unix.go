//go:build unix

package main

import (
	"os"
	"syscall"
)

// fileLimit returns how many files a process may have open. Go's runtime has raised it to the hard limit, as it does in a node.
func fileLimit() (uint64, bool) {
	var r syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &r); err != nil {
		return 0, false
	}
	return uint64(r.Cur), true
}

// everybodys reports whether every user of this machine may read or write a file.
func everybodys(info os.FileInfo) bool { return info.Mode()&0o006 != 0 }
