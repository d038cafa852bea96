package main

import (
	"math"
	"os"
	"runtime/debug"

	"heureka.internal/heureka/internal/config"
)

// A machine is what doctor asks of the one that it runs on.
type machine struct {
	files  func() (limit uint64, ok bool) // that a process may have open
	cgroup func() (bytes int64, ok bool)
	memory int64 // GOMEMLIMIT; math.MaxInt64 for none
}

func thisMachine(p *program) machine {
	m := machine{files: fileLimit, memory: math.MaxInt64}
	m.cgroup = func() (int64, bool) { return cgroupMemory(os.ReadFile) }
	if p.variable("GOMEMLIMIT") != "" {
		m.memory = debug.SetMemoryLimit(-1) // asks, and sets nothing
	}
	return m
}

const (
	fewFiles     = 1024  // below it a node of a small company refuses connections
	enoughFiles  = 16384 // every client holds a connection or two
	littleMemory = 64 << 20
)

// limits looks at what a node started from here may use.
func (d *doctor) limits(s *config.Settings) {
	d.looked("limits")
	d.fileLimits(s)
	d.memoryLimits()
}

func (d *doctor) fileLimits(s *config.Settings) {
	const mend = "LimitNOFILE=65536 in the systemd unit, ulimits: {nofile: 65536} in a compose file, ulimit -n 65536 in a shell"
	limit, ok := d.machine.files()
	wanted := s.Int("server.tomcat.max-connections")
	switch {
	case !ok:
	case limit < fewFiles:
		d.add(harmful, "limits", mend, "a process may have %d files open, and each client needs one", limit)
	case wanted > 0 && uint64(wanted) >= limit && s.Text("server.tomcat.max-connections") != "":
		d.add(note, "limits", mend, "server.tomcat.max-connections is %d, but a process may have %d files open", wanted, limit)
	case limit < enoughFiles:
		d.add(note, "limits", mend, "a process may have %d files open, which limits the clients of this node", limit)
	}
}

func (d *doctor) memoryLimits() {
	const mend = "MemoryMax=512M in the systemd unit, mem_limit in a compose file, resources.limits.memory in Kubernetes, or the variable GOMEMLIMIT; docs/operate.md tells what a registry takes"
	group, limited := d.machine.cgroup()
	own := d.machine.memory
	switch {
	case limited && own != math.MaxInt64 && own > group:
		d.add(harmful, "limits", "unset GOMEMLIMIT: the node takes 85 % of the cgroup's limit", "GOMEMLIMIT is %d MB, the cgroup's limit %d MB: the system ends the node before it holds back", own>>20, group>>20)
	case !limited && own == math.MaxInt64:
		d.add(note, "limits", mend, "memory has no limit: the node refuses nothing before the machine runs out of it")
	case min(own, either(limited, group)) < littleMemory:
		d.add(harmful, "limits", mend, "the limit of memory is %d MB, and a node wants 64 at least", min(own, either(limited, group))>>20)
	}
}

func either(ok bool, limit int64) int64 {
	if ok {
		return limit
	}
	return math.MaxInt64
}
