package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"heureka.internal/heureka/internal/bench"
)

// A report collects what the parts measured.
type report struct {
	ratios []ratioRow
	facts  [][2]string
}

type ratioRow struct {
	what, goal string
	cmp        *bench.Comparison
}

func (r *report) ratio(what, goal string, c *bench.Comparison) {
	r.ratios = append(r.ratios, ratioRow{what, goal, c})
}

// fact adds a row, and shows it: a part that fails later writes no page.
func (r *report) fact(what, value string) {
	fmt.Fprintf(os.Stderr, "bench: %s: %s\n", what, value)
	r.facts = append(r.facts, [2]string{what, value})
}

// markdown writes the page.
func (r *report) markdown(o options) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Performance\n\nWritten by `go run ./bench%s` on %s, %d processors, %s. Each pair ran in turn, %d times %s; the figure is the\n"+
		"ratio of CPU time per operation, its median and its spread. Absolute times say more about the machine than about a server.\n"+
		"A Java server is loaded in the same way for %s before it is measured, so that its compiler is done.\n\n",
		javaFlag(o), processor(), runtime.NumCPU(), runtime.Version(), o.rounds, o.dur, o.warm)
	b.WriteString("| What | Goal | Ratio | Spread | CPU per operation |\n|---|---|---|---|---|\n")
	for _, row := range r.ratios {
		if q, ok := cpu(row.cmp); ok {
			fmt.Fprintf(&b, "| %s | %s | **%.2f** | %.2f to %.2f | %.1f µs / %.1f µs |\n", row.what, row.goal, q.Median, q.Min, q.Max, q.A, q.B)
		}
	}
	b.WriteString("\n| What | Measured |\n|---|---|\n")
	for _, f := range r.facts {
		fmt.Fprintf(&b, "| %s | %s |\n", f[0], f[1])
	}
	b.WriteString(sizing)
	return b.Bytes()
}

func cpu(c *bench.Comparison) (bench.Ratio, bool) {
	for _, q := range c.Ratios {
		if strings.HasPrefix(q.Figure, "CPU") {
			return q, true
		}
	}
	return bench.Ratio{}, false
}

func javaFlag(o options) string {
	if o.java == "" {
		return ""
	}
	return ` -java "-jar server.jar"`
}

// processor returns the model of the machine's processor.
func processor() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

func median(v []time.Duration) time.Duration {
	s := slices.Clone(v)
	slices.Sort(s)
	return s[len(s)/2]
}

// sizing turns the measured costs into advice. It is arithmetic, not measurement, and says so.
const sizing = `
## Sizing

Arithmetic from the figures above, with 30 s heartbeats and polls: a client costs one heartbeat and one delta every 30 s on one node;
each heartbeat costs another coalesced one on every other node.

| Clients | Nodes | Memory a node | Requests a second on all nodes |
|---|---|---|---|
| 1,000 | 2 | 64 MB | 70 |
| 10,000 | 3 | 128 MB | 700 |
| 50,000 | 3 | 512 MB | 3,300 |
| 100,000 | 5 | 1 GB | 6,700 |

Bandwidth is what deltas weigh: the changes of the last three minutes, about 60 bytes each compressed, for every poll.
`
