package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka/internal/spring"
)

// A harm is how bad a finding is. The order is that of the report.
type harm string

const (
	fatal   harm = "fatal"   // the node does not start, or does not answer
	harmful harm = "harmful" // it starts, and something goes wrong now or soon
	note    harm = "note"    // worth knowing; the exit status does not count it
)

var harms = []harm{fatal, harmful, note}

// A finding is something wrong, and what mends it.
type finding struct {
	Harm    harm   `json:"harm"`
	About   string `json:"about"` // settings, files, ports, peers, limits; of a node its URL
	Problem string `json:"problem"`
	Mend    string `json:"mend"`
}

// A diagnosis is what heureka doctor found, and what it looked at.
type diagnosis struct {
	Findings []finding `json:"findings"`
	LookedAt []string  `json:"lookedAt"`
}

func (d *diagnosis) add(h harm, about, mend, problem string, args ...any) {
	d.Findings = append(d.Findings, finding{h, about, printable(oneLine(fmt.Sprintf(problem, args...))), printable(oneLine(mend))})
}

// A doctor looks for what is wrong. What it knows of the machine is replaced by tests.
type doctor struct {
	*remote
	diagnosis
	now      func() time.Time
	machine  machine
	resolver resolver
}

func (p *program) doctorCommand() *cobra.Command {
	r := &remote{program: p}
	cmd := &cobra.Command{
		Use:   "doctor [--server URL] [--key=value ...]",
		Short: "Find what is wrong with the settings, this machine and its peers, or with nodes that run",
		Long: `Find what is wrong here, in order of harm, each with the command or the setting that mends it. Without --server, doctor looks at the
settings that heureka serve would use with the same arguments, environment and files: mistakes, certificates and their dates, who may read
files with secrets, ports that are taken, directories that cannot be written, peers (names, ports, credentials, clocks), limits of files and
memory. It starts no node and changes nothing, but opens the ports for a moment. Run it as the user that the node runs as.

With --server, it asks nodes that run: health, protection, peers, clocks, registrations, certificates, open files. If settings are
given too, it looks at both.

The exit status is 0 if nothing harmful was found, 1 if something was, and 2 for a mistake in the command line. Notes do not count.`,
		Example: `  heureka doctor --config=/etc/heureka/
  heureka doctor --eureka.client.service-url.defaultZone=http://eureka-1:8761/eureka/,http://eureka-2:8761/eureka/
  heureka doctor --server http://eureka-1:8761/eureka/ -o json`,
	}
	fl := cmd.Flags()
	fl.StringSliceVar(&r.servers, "server", nil, "service URL of a node that runs; may be repeated or be a list with commas; --context names all of a context")
	fl.DurationVar(&r.timeout, "timeout", 5*time.Second, "how long to wait for each server, peer and name")
	fl.StringVarP(&r.output, "output", "o", "text", "text, json, yaml")
	p.addContext(cmd, fl, &r.context)
	r.files.add(fl, "")
	r.login.add(fl, "")
	return takesSettings(cmd, func(_ *cobra.Command, args settingsArgs) error { return r.examine(args) })
}

func (r *remote) examine(args settingsArgs) error {
	if len(args.positional) > 0 {
		return unexpected(args.positional[0])
	}
	if !slices.Contains([]string{"text", "json", "yaml"}, r.output) {
		return usage("want text, json or yaml", "unknown output %q", r.output)
	}
	live := len(r.servers) > 0 || r.context != ""
	if err := r.prepare(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	d := &doctor{remote: r, now: time.Now, machine: thisMachine(r.program), resolver: systemResolver()}
	if !live || len(args.settings) > 0 {
		if err := d.settings(ctx, args.settings); err != nil {
			return err
		}
	}
	for i := 0; live && i < len(r.servers); i++ {
		d.node(ctx, r.servers[i])
	}
	return d.report()
}

// report prints the findings, the worst first, and fails if one does harm.
func (d *doctor) report() error {
	slices.SortStableFunc(d.Findings, func(a, b finding) int {
		return cmp.Compare(slices.Index(harms, a.Harm), slices.Index(harms, b.Harm))
	})
	if d.Findings == nil {
		d.Findings = []finding{} // an empty list for scripts, not null
	}
	done, err := d.out.value(&d.diagnosis)
	if !done && err == nil {
		err = d.print()
	}
	bad := slices.IndexFunc(d.Findings, func(f finding) bool { return f.Harm == note })
	if bad < 0 {
		bad = len(d.Findings)
	}
	if err == nil && bad > 0 {
		err = &failure{status: statusFailed, err: fmt.Errorf("%s that %s", count(bad, "finding", "findings"), map[bool]string{true: "does harm", false: "do harm"}[bad == 1])}
	}
	return err
}

func (d *doctor) print() error {
	for _, f := range d.Findings {
		if err := d.out.say("%s: %s: %s", d.out.good(f.Harm == note, string(f.Harm)), f.About, f.Problem); err != nil {
			return err
		}
		if f.Mend == "" {
			continue
		}
		if err := d.out.say("    %s", f.Mend); err != nil {
			return err
		}
	}
	what := "looked at: "
	if len(d.Findings) == 0 {
		what = "nothing found; looked at: "
	}
	return d.out.say("%s%s", what, strings.Join(d.LookedAt, ", "))
}

func (d *doctor) looked(at string) { d.LookedAt = append(d.LookedAt, at) }

// within gives what asks others no longer than --timeout.
func (d *doctor) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, d.timeout)
}

// urls splits lists of URLs as Spring does.
func urls(lists map[string][]string) (all []string) {
	for _, list := range lists {
		for _, item := range list {
			all = append(all, spring.SplitList(item)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
