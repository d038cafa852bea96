package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"heureka.internal/heureka"
)

// untilNoticed is how long it takes at most until every caller has seen a change: a Java server's answers are up to 30 s old,
// callers fetch them every 30 s, and Spring's load balancer keeps what they found for another 35 s.
const untilNoticed = 95 * time.Second

func (p *program) statusCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "status", Short: "Override the status of an instance", Args: needSubcommand}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(p.statusSetCommand(), p.statusClearCommand())
	return cmd
}

func (p *program) statusSetCommand() *cobra.Command {
	var drain bool
	var drainTime, term time.Duration
	var selectors []string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "set APP ID... STATUS",
		Short: "Set an override, which takes precedence over the status that the instance reports",
		Long: `Set an override, which takes precedence over the status that the instance reports until heureka status clear.

With --drain, STATUS is OUT_OF_SERVICE and may be left out, and the command waits until callers have had time to notice:
a Java server's responses are up to 30 s old, callers fetch them every 30 s, and Spring's load balancer caches the result
for another 35 s. After that no caller should use the instance any more, and its program can be stopped without a failed request.

With --for, the first server, a heureka node that allows actions, removes the override after that time, unless another command
comes first or it is restarted.`,
		Example: `  heureka status set ORDERS host1:orders:8080 --drain && systemctl stop orders
  heureka status set ORDERS -l zone=eu-1a OUT_OF_SERVICE --reason "power cut"
  heureka status set ORDERS host1:orders:8080 OUT_OF_SERVICE --for 30m`,
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		names, status, err := overrideOf(args, drain)
		if err != nil {
			return err
		}
		if drainTime < 0 || term < 0 {
			return usage("", "--drain-time and --for must not be negative: %v", min(drainTime, term))
		}
		keys, err := r.targets(ctx, names, selectors)
		if err != nil {
			return err
		}
		err = r.each(ctx, keys, func(key heureka.Key) error {
			if term > 0 {
				return r.overrideFor(ctx, key, status, term)
			}
			if err := r.api.SetOverride(ctx, key, status); err != nil {
				return err
			}
			return r.out.say("%s is %s until heureka status clear", key, status)
		})
		if err != nil || !drain {
			return err
		}
		return r.drain(ctx, keys, drainTime)
	})
	p.act(cmd)
	addSelector(cmd, &selectors)
	cmd.Flags().BoolVar(&drain, "drain", false, "set OUT_OF_SERVICE and wait until callers have had time to notice")
	cmd.Flags().DurationVar(&drainTime, "drain-time", untilNoticed, "how long to wait")
	cmd.Flags().DurationVar(&term, "for", 0, "after which time the server removes the override (default never)")
	return cmd
}

// overrideOf reads NAME... STATUS.
func overrideOf(args []string, drain bool) (names []string, status heureka.Status, err error) {
	if len(args) > 0 {
		if status, err = parseStatus(args[len(args)-1]); err == nil {
			names = args[:len(args)-1]
		}
	}
	switch {
	case names != nil && drain && status != heureka.StatusOutOfService:
		return nil, 0, usage("leave the status out", "--drain sets OUT_OF_SERVICE, not %s", status)
	case names != nil:
		return names, status, nil
	case drain:
		return args, heureka.StatusOutOfService, nil
	}
	return nil, 0, usage("want UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN as the last argument", "no status given")
}

func (r *remote) drain(ctx context.Context, keys []heureka.Key, wait time.Duration) error {
	what := keys[0].String()
	if len(keys) > 1 {
		what = count(len(keys), "instance", "instances")
	}
	if err := r.out.say("waiting %v: callers may call %s until they fetch the registry anew", wait, what); err != nil {
		return err
	}
	if err := r.pause(ctx, wait); err != nil {
		return &failure{status: statusFailed, err: fmt.Errorf("interrupted: callers may still call %s", what),
			hint: "the override stays; heureka status clear " + keys[0].String() + " removes it"}
	}
	return r.out.say("drained %s", what)
}

// pause waits, with a countdown on a terminal.
func (p *program) pause(ctx context.Context, wait time.Duration) error {
	done := time.NewTimer(wait)
	defer done.Stop()
	ends := time.Now().Add(wait)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	l := p.liveLine()
	defer l.end()
	for {
		select {
		case <-done.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			l.show("%v left", ends.Sub(now).Round(time.Second))
		}
	}
}

func (p *program) statusClearCommand() *cobra.Command {
	var as string
	var selectors []string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "clear APP ID...",
		Short: "Remove overrides",
		Long: `Remove overrides. An instance is then shown as UNKNOWN, or with the status of --as, until its program registers again;
UNKNOWN makes it do so at its next heartbeat.`,
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		status, err := parseStatus(as)
		if err != nil {
			return err
		}
		keys, err := r.targets(ctx, args, selectors)
		if err != nil {
			return err
		}
		return r.each(ctx, keys, func(key heureka.Key) error {
			if err := r.api.ClearOverride(ctx, key, status); err != nil {
				return err
			}
			// Where there was no override, servers change nothing and still say that all is well (S-STATUS-5).
			if in, err := r.api.Instance(ctx, key); err == nil && in.Status != status {
				return r.out.say("%s has no override, and is %s", key, in.Status)
			}
			return r.out.say("%s has no override any more, and is %s until it registers again", key, status)
		})
	})
	p.act(cmd)
	addSelector(cmd, &selectors)
	cmd.Flags().StringVar(&as, "as", "UNKNOWN", "status to show until then")
	return cmd
}

// A liveLine is a line on the terminal that is written over again and again. Elsewhere it is nothing.
type liveLine struct {
	w    io.Writer // nil: not on a terminal
	used bool
}

func (p *program) liveLine() *liveLine {
	if !onTerminal(p.stderr) {
		return &liveLine{}
	}
	return &liveLine{w: p.stderr}
}

func (l *liveLine) show(format string, args ...any) {
	if l.w != nil {
		l.used = true
		steer(l.w, "\r"+ansi.EraseLineRight)
		fmt.Fprintf(l.w, format, args...)
	}
}

func (l *liveLine) end() {
	if l.used {
		steer(l.w, "\r"+ansi.EraseLineRight)
	}
}
