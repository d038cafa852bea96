package main

import (
	"syscall"
	"unsafe"
)

// monotonic returns the microseconds of CLOCK_MONOTONIC, which the time package has but does not show.
func monotonic() (usec int64, ok bool) {
	const clockMonotonic = 1
	var ts syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano() / 1000, errno == 0
}
