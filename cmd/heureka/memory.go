package main

import (
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// limitFiles say how much memory the cgroup of the process may use, in its second and its first version.
var limitFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// obeyCgroup makes the collector keep within the memory of the cgroup, with a tenth left for what it does not manage.
// GOMEMLIMIT wins.
func obeyCgroup(log *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := cgroupMemory(os.ReadFile); ok {
		debug.SetMemoryLimit(limit / 10 * 9)
		log.Info("memory limit taken from the cgroup", "bytes", limit)
	}
}

// cgroupMemory returns the memory that the cgroup may use, and whether it is limited.
func cgroupMemory(read func(name string) ([]byte, error)) (limit int64, ok bool) {
	for _, name := range limitFiles {
		text, err := read(name)
		if err != nil {
			continue
		}
		limit, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return limit, err == nil && limit > 0 && limit < math.MaxInt64/2 // "max", or as large as the first version can say
	}
	return 0, false
}
