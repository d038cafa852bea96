// Package cgroup makes memory cgroups for programs under test: what is resident leaves out the kernel's buffers, of which a
// crowd of connections may have more than the program.
package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Group is the directory of a cgroup, of the second version or of the first; "" is none, of which every number is 0.
type Group string

// New makes a cgroup that may have so many bytes. It returns none where that is not possible, as without the right to.
func New(name string, limit int64) Group {
	name = fmt.Sprintf("%s-%d", name, os.Getpid())
	for _, try := range []struct{ root, limit string }{{"/sys/fs/cgroup", "memory.max"}, {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}} {
		dir := filepath.Join(try.root, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if bound(filepath.Join(dir, try.limit), limit) == nil {
			return Group(dir)
		}
		_ = os.Remove(dir)
	}
	return ""
}

// bound writes to a file that is there: else the directory is no cgroup, or has no memory.
func bound(file string, limit int64) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(strconv.FormatInt(limit, 10))
	return err
}

// Wrap returns the arguments that run a program in the group: a shell joins it and becomes the program.
func (g Group) Wrap(argv []string) []string {
	if g == "" {
		return argv
	}
	return append([]string{"sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(string(g), "cgroup.procs")}, argv...)
}

// Used returns the memory of all that is in the group, but files that the kernel may forget at once.
func (g Group) Used() int64 {
	if g == "" {
		return 0
	}
	used := g.read("memory.current") + g.read("memory.usage_in_bytes")
	stat, _ := os.ReadFile(filepath.Join(string(g), "memory.stat"))
	for line := range strings.Lines(string(stat)) {
		if n, ok := strings.CutPrefix(line, "inactive_file "); ok {
			cached, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			used -= cached
		}
	}
	return used
}

// read returns a number, 0 if there is none of this name.
func (g Group) read(name string) int64 {
	text, _ := os.ReadFile(filepath.Join(string(g), name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

// Remove takes the group away once nothing runs in it; the kernel takes a moment to notice.
func (g Group) Remove() {
	for range 50 {
		if g == "" || os.Remove(string(g)) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
