package main

import (
	"log/slog"
	"math"
	"os"
	"path"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// obeyCgroup makes the collector keep within the memory of the cgroup, with a part left for what it does not manage, and for
// large garbage that comes faster than it collects.
// GOMEMLIMIT wins.
func obeyCgroup(log *slog.Logger) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if limit, ok := cgroupMemory(os.ReadFile); ok {
		debug.SetMemoryLimit(limit / 20 * 17)
		log.Info("memory limit taken from the cgroup", "bytes", limit)
	}
}

// cgroupMemory returns the memory that the process may use, and whether that is limited: the least of what its cgroup and those
// above it say, in the second version of cgroups or in the first.
func cgroupMemory(read func(name string) ([]byte, error)) (limit int64, ok bool) {
	limit = math.MaxInt64 / 2 // "no limit" is about twice that in the first version
	for _, dir := range cgroups(read) {
		for _, file := range []string{"memory.max", "memory.limit_in_bytes"} {
			text, err := read(dir + "/" + file)
			if err != nil {
				continue
			}
			if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 && n < limit {
				limit, ok = n, true
			}
		}
	}
	return limit, ok
}

// cgroups returns the directories of the memory cgroup of the process and of all above it. In a container the path is often one
// of the host, and only the root is there.
func cgroups(read func(name string) ([]byte, error)) (dirs []string) {
	text, _ := read("/proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) < 3 {
			continue
		}
		root := "/sys/fs/cgroup"
		switch {
		case slices.Contains(strings.Split(parts[1], ","), "memory"):
			root = "/sys/fs/cgroup/memory"
		case parts[0] != "0":
			continue
		}
		for at := path.Clean("/" + parts[2]); at != "/"; at = path.Dir(at) {
			dirs = append(dirs, root+at)
		}
		dirs = append(dirs, root)
	}
	return dirs
}
