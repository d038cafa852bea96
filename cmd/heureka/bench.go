package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"heureka.internal/heureka/internal/bench"
	"heureka.internal/heureka/internal/outbound"
)

// benchFlags are what `heureka bench` takes besides the configuration of the load.
type benchFlags struct {
	cfg      bench.Config
	context  string
	own      access // to --url and --to
	second   access // to --compare
	compare  string
	urlGiven bool
	pid2     int
	rounds   int
	output   string
	yes      bool
}

// An access is how a server under load is trusted, and as whom it is asked.
type access struct {
	files tlsFlags
	login credentialFiles
}

func (a *access) add(fl *pflag.FlagSet, prefix string) {
	a.files.add(fl, prefix)
	a.login.add(fl, prefix)
}

// to lets cfg use the files.
func (a *access) to(cfg *bench.Config) (err error) {
	if cfg.TLS, err = a.files.config(); err != nil {
		return err
	}
	cfg.Show = a.login.remembered()
	return a.login.check()
}

func (p *program) benchCommand() *cobra.Command {
	var f benchFlags
	var modes []string
	for _, m := range bench.Modes {
		modes = append(modes, string(m))
	}
	cmd := &cobra.Command{
		Use:   "bench MODE",
		Short: "Load a Eureka server and measure it",
		Long: `Put load on any Eureka server and measure it.

  register     new instances, then the same ones again
  heartbeat    heartbeats of registered instances
  full         the whole registry, gzip
  delta        deltas, while --changes instances a second change
  app          one application at a time
  churn        the whole registry, gzip, while instances change
  fleet        --clients that heartbeat and poll every --interval, at their own pace
  propagation  a registration on --url until it shows on --to

With --pid, CPU time per operation and resident memory of that local process are measured.
With --compare, two servers are measured in turn, --rounds times, and every figure is divided. Connections are kept. --cacert, --cert,
--key, --user-file and --token-file are for --url and --to, those that begin with --compare- for --compare. The current context does not
count, but --context names one: load goes only where somebody sends it.`,
		Example: `  heureka bench full --instances 10000 --pid $(pgrep -f 'heureka serve')
  heureka bench heartbeat --url http://127.0.0.1:8761/eureka/ --compare http://127.0.0.1:8762/eureka/
  heureka bench heartbeat --url https://localhost:8761/eureka/ --cacert ca.pem --user-file ann.credential --compare http://localhost:8762/eureka/
  heureka bench propagation --url http://127.0.0.1:8761/eureka/ --to http://127.0.0.1:8762/eureka/`,
		ValidArgs: modes,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.cfg.Mode = bench.Mode(args[0])
			f.urlGiven = cmd.Flags().Changed("url")
			return p.bench(cmd.Context(), f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.cfg.URL, "url", "http://127.0.0.1:8761/eureka/", "service URL of the server to load")
	fl.StringVar(&f.cfg.To, "to", "", "propagation: service URL of the server to look at")
	fl.DurationVar(&f.cfg.Duration, "duration", 10*time.Second, "how long to measure, at most 1h")
	fl.IntVar(&f.cfg.Instances, "instances", 1000, "instances in the registry, 20 an application, about 1 kB each")
	fl.IntVar(&f.cfg.Workers, "workers", 4, "requests under way at once")
	fl.Float64Var(&f.cfg.Changes, "changes", 0, "instances a second that change (default 20, in fleet 5)")
	fl.IntVar(&f.cfg.Clients, "clients", 1000, "fleet: how many clients")
	fl.DurationVar(&f.cfg.Interval, "interval", 30*time.Second, "fleet: between a client's heartbeats, and its polls")
	fl.IntVar(&f.cfg.PID, "pid", 0, "process of the server on this machine, to measure its CPU time and memory")
	fl.StringVar(&f.cfg.Format, "format", "json", "format of what is read: json or xml")
	fl.BoolVar(&f.cfg.Plain, "plain", false, "read without compression")
	fl.BoolVar(&f.cfg.NoPrefill, "no-prefill", false, "the instances are registered already")
	p.addContext(cmd, fl, &f.context)
	fl.Lookup("context").Usage = "context with the server to load, its first one, and credentials"
	f.own.add(fl, "")
	f.second.add(fl, "compare-")
	fl.StringVar(&f.compare, "compare", "", "service URL of a second server to measure in turn")
	fl.IntVar(&f.pid2, "compare-pid", 0, "process of the second server")
	fl.IntVar(&f.rounds, "rounds", 5, "with --compare: how often each server is measured")
	fl.StringVarP(&f.output, "output", "o", "table", "table or json")
	fl.BoolVar(&f.yes, "yes-load-this-server", false, "load a server that is not on the loopback interface")
	return cmd
}

func (p *program) bench(ctx context.Context, f benchFlags) error {
	if err := f.fromContext(p); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	other := f.cfg
	other.URL, other.PID = f.compare, f.pid2
	if err := errors.Join(f.own.to(&f.cfg), f.second.to(&other)); err != nil {
		return err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, os.Interrupt)
	defer stop()
	progress := p.progressLine()
	f.cfg.Progress = progress.show
	if f.compare == "" {
		res, err := bench.Run(ctx, f.cfg)
		progress.end()
		return p.printBench(&f, res, err, func(w io.Writer) { writeResult(w, res) })
	}
	other.Progress = progress.show
	cmp, err := bench.Compare(ctx, f.cfg, other, f.rounds)
	progress.end()
	return p.printBench(&f, cmp, err, func(w io.Writer) { writeComparison(w, f, cmp) })
}

// fromContext fills in what the context of --context has.
func (f *benchFlags) fromContext(p *program) error {
	if f.context == "" {
		return nil
	}
	c, name, err := p.contextFor(f.context, nil)
	if err != nil {
		return err
	}
	if !f.urlGiven {
		f.cfg.URL = c.Servers[0]
	}
	f.own.files.orElse(c, name)
	f.own.login.orElse(c, name)
	return nil
}

// check refuses to load somebody else's server by accident, and options that make no sense.
func (f *benchFlags) check() error {
	for _, u := range []string{f.cfg.URL, f.cfg.To, f.compare} {
		if u == "" {
			continue
		}
		if _, err := outbound.ParseURL(u); err != nil {
			return usage("", "service URL %v", err)
		}
		if !f.yes && !bench.Local(u) {
			return &failure{status: statusUsage, err: fmt.Errorf("%s is not on this machine's loopback interface", outbound.Hide(u)),
				hint: "if you may load that server, say so with --yes-load-this-server"}
		}
	}
	if !slices.Contains([]string{"table", "json"}, f.output) {
		return &failure{status: statusUsage, err: fmt.Errorf("output %q", f.output), hint: "want -o table or -o json"}
	}
	if f.rounds < 1 {
		return &failure{status: statusUsage, err: fmt.Errorf("rounds %d: want at least 1", f.rounds)}
	}
	return nil
}

func (p *program) printBench(f *benchFlags, res any, err error, table func(io.Writer)) error {
	if err != nil {
		c := circumstancesOf(&f.own.files, &f.own.login, []string{f.cfg.URL})
		c.whence = "--url"
		return &failure{status: statusFailed, err: err, hint: c.hint(err)}
	}
	if f.output == "json" {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(res)
	}
	w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	table(w)
	return w.Flush()
}

func writeResult(w io.Writer, r *bench.Result) {
	fmt.Fprintf(w, "mode\t%s, %d instances, %.1f s\n", r.Mode, r.Instances, r.Seconds)
	fmt.Fprintf(w, "operations\t%d (%.0f/s)\n", r.Operations, r.PerSecond)
	fmt.Fprintf(w, "latency\t%s\n", r.Latency)
	if r.Heartbeats != nil {
		fmt.Fprintf(w, "heartbeats\t%s\ndeltas\t%s\n", r.Heartbeats, r.Polls)
	}
	fmt.Fprintf(w, "bytes\t%d (%.0f each)\n", r.Bytes, r.BytesPerOp)
	if r.CPUPerOp > 0 {
		fmt.Fprintf(w, "CPU\t%s an operation\n", r.CPUPerOp.Round(100*time.Nanosecond))
	}
	if r.Resident > 0 {
		fmt.Fprintf(w, "resident\t%.1f MB\n", float64(r.Resident)/1e6)
	}
	if r.Errors > 0 {
		fmt.Fprintf(w, "errors\t%d, the first: %s\n", r.Errors, r.FirstError)
	} else {
		fmt.Fprintf(w, "errors\t0\n")
	}
}

func writeComparison(w io.Writer, f benchFlags, c *bench.Comparison) {
	fmt.Fprintf(w, "%s, %d rounds of %s\tA: %s\tB: %s\tA/B\t(min to max)\n", f.cfg.Mode, c.Rounds, f.cfg.Duration, outbound.Hide(f.cfg.URL), outbound.Hide(f.compare))
	for _, r := range c.Ratios {
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.2f\t(%.2f to %.2f)\n", r.Figure, r.A, r.B, r.Median, r.Min, r.Max)
	}
	fmt.Fprintf(w, "errors\t%d\t%d\n", errorsOf(c.A), errorsOf(c.B))
}

func errorsOf(results []*bench.Result) (n int64) {
	for _, r := range results {
		n += r.Errors
	}
	return n
}

// A progressLine is rewritten in place, on a terminal only.
type progressLine struct {
	w    io.Writer
	used bool
}

func (p *program) progressLine() *progressLine {
	if onTerminal(p.stderr) {
		return &progressLine{w: p.stderr}
	}
	return &progressLine{}
}

func (l *progressLine) show(done, total time.Duration, ops int64) {
	if l.w == nil {
		return
	}
	l.used = true
	filled := int(20 * min(done, total) / total)
	steer(l.w, "\r")
	fmt.Fprintf(l.w, "[%s%s] %s of %s, %d operations ", strings.Repeat("=", filled), strings.Repeat(" ", 20-filled), done.Round(time.Second), total, ops)
}

func (l *progressLine) end() {
	if l.used {
		steer(l.w, "\r"+ansi.EraseLineRight)
	}
}
