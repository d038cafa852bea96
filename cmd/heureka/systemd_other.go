//go:build !linux

package main

// monotonic is for systemd, which is not here.
func monotonic() (usec int64, ok bool) { return 0, false }
