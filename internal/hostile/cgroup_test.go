//go:build hostile

package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A cgroup is the directory of one that bounds memory, of the second version or of the first; "" is none.
type cgroup string

// newCgroup makes a cgroup with the memory that the node may have. Where that is not possible it says so: then only what is
// resident counts, and the kernel ends nothing.
func newCgroup(t *testing.T) cgroup {
	name := fmt.Sprintf("heureka-hostile-%d", os.Getpid())
	for _, try := range []struct{ root, limit string }{{"/sys/fs/cgroup", "memory.max"}, {"/sys/fs/cgroup/memory", "memory.limit_in_bytes"}} {
		dir := filepath.Join(try.root, name)
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		if f, err := os.OpenFile(filepath.Join(dir, try.limit), os.O_WRONLY, 0); err == nil { // else it is no cgroup, or has no memory
			_, err = f.WriteString(strconv.Itoa(memory))
			f.Close()
			if err == nil {
				return cgroup(dir)
			}
		}
		_ = os.Remove(dir)
	}
	t.Log("NO CGROUP can be made here: memory is what is resident, without the kernel's buffers")
	return ""
}

func (c cgroup) procs() string { return filepath.Join(string(c), "cgroup.procs") }

// used returns the memory of all that is in the cgroup, but files that the kernel may forget at once.
func (c cgroup) used() int64 {
	used := c.read("memory.current") + c.read("memory.usage_in_bytes")
	stat, _ := os.ReadFile(filepath.Join(string(c), "memory.stat"))
	for line := range strings.Lines(string(stat)) {
		if n, ok := strings.CutPrefix(line, "inactive_file "); ok {
			cached, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			used -= cached
		}
	}
	return used
}

// read returns a number, 0 if there is none of this name.
func (c cgroup) read(name string) int64 {
	text, _ := os.ReadFile(filepath.Join(string(c), name))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n
}

func (c cgroup) remove() {
	for range 50 { // the kernel takes a moment to notice that it is empty
		if c == "" || os.Remove(string(c)) == nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}
