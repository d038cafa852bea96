package main

import (
	"os"
	"testing"
)

func TestCgroupMemory(t *testing.T) {
	const (
		v2   = "0::/system.slice/heureka.service\n"
		v1   = "7:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n0::/\n"
		root = "0::/\n"
	)
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64 // 0: none
	}{
		"a container":                   {map[string]string{"/proc/self/cgroup": root, "/sys/fs/cgroup/memory.max": "536870912\n"}, 536870912},
		"a container, first version":    {map[string]string{"/proc/self/cgroup": v1, "/sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n"}, 536870912},
		"a unit":                        {map[string]string{"/proc/self/cgroup": v2, "/sys/fs/cgroup/system.slice/heureka.service/memory.max": "1000\n"}, 1000},
		"a slice above it":              {map[string]string{"/proc/self/cgroup": v2, "/sys/fs/cgroup/system.slice/heureka.service/memory.max": "max\n", "/sys/fs/cgroup/system.slice/memory.max": "2000\n"}, 2000},
		"the least counts":              {map[string]string{"/proc/self/cgroup": v2, "/sys/fs/cgroup/system.slice/heureka.service/memory.max": "3000\n", "/sys/fs/cgroup/system.slice/memory.max": "2000\n"}, 2000},
		"no limit":                      {map[string]string{"/proc/self/cgroup": root, "/sys/fs/cgroup/memory.max": "max\n"}, 0},
		"no limit, first version":       {map[string]string{"/proc/self/cgroup": v1, "/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"no cgroups, or another system": {nil, 0},
	} {
		read := func(name string) ([]byte, error) {
			if text, ok := tt.files[name]; ok {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		}
		if got, ok := cgroupMemory(read); ok != (tt.want != 0) || ok && got != tt.want {
			t.Errorf("%s: %d, %t, want %d", name, got, ok, tt.want)
		}
	}
}
