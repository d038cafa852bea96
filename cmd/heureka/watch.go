package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// A change is what happened to one instance between two looks at the registry.
type change struct {
	Time   time.Time         `json:"time"`
	What   string            `json:"what"` // present, added, changed or removed
	App    string            `json:"app"`
	ID     string            `json:"id"`
	Status string            `json:"status"`
	Fields []fieldDifference `json:"fields,omitempty"`

	status heureka.Status
}

// The kinds of changes. An instance is present at the first look.
const (
	isPresent = "present"
	isAdded   = "added"
	isChanged = "changed"
	isRemoved = "removed"
)

var signs = map[string]string{isPresent: "=", isAdded: "+", isChanged: "~", isRemoved: "-"}

// changes returns what happened between two looks, in the order of keys. Heartbeats are no change.
func changes(old, now map[heureka.Key]*heureka.Instance, at time.Time) []change {
	var all []change
	note := func(what string, in *heureka.Instance, fields []fieldDifference) {
		key := in.Key()
		all = append(all, change{Time: at, What: what, App: key.App, ID: key.ID, Status: in.Status.String(), status: in.Status, Fields: fields})
	}
	for _, key := range sortedKeys(now) {
		if before := old[key]; before == nil {
			note(isAdded, now[key], nil)
		} else if fields := compareFields(before, now[key]); len(fields) > 0 {
			note(isChanged, now[key], fields)
		}
	}
	for _, key := range sortedKeys(old) {
		if now[key] == nil {
			note(isRemoved, old[key], nil)
		}
	}
	return all
}

func sortedKeys(m map[heureka.Key]*heureka.Instance) []heureka.Key {
	return slices.SortedFunc(maps.Keys(m), func(a, b heureka.Key) int { return strings.Compare(a.String(), b.String()) })
}

// watchFlags are those of heureka watch.
type watchFlags struct {
	interval, limit time.Duration
	count           int
	initial         bool
}

func (p *program) watchCommand() *cobra.Command {
	var f watchFlags
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "watch [APP]",
		Short: "Follow changes to the registry",
		Long: `Follow changes to the registry, one line each: time, what (+ added, ~ changed, - removed, = present at the start), which
instance, and its status or what changed. Heureka nodes tell of changes as they happen; others are asked at each interval. With -o json every line is a JSON document. It ends with Ctrl-C, or
after --for or --count.`,
		Example: `  heureka watch ORDERS --initial
  heureka watch -o json --count 1 | jq -r .id`,
		Args: cobra.MaximumNArgs(1),
	}, []string{"table", "json"}, func(ctx context.Context, r *remote, args []string) error {
		if f.interval <= 0 || f.limit < 0 || f.count < 0 {
			return usage("", "--interval must be more than 0, --for and --count not less")
		}
		if f.limit > 0 {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, f.limit)
			defer stop()
		}
		return r.watch(ctx, f, strings.Join(args, ""))
	})
	fl := cmd.Flags()
	fl.DurationVar(&f.interval, "interval", 5*time.Second, "interval between fetches of the registry")
	fl.DurationVar(&f.limit, "for", 0, "stop after this time")
	fl.IntVar(&f.count, "count", 0, "stop after this many lines")
	fl.BoolVar(&f.initial, "initial", false, "start with the current instances")
	return cmd
}

// watch lets a client follow the registry, by deltas, and compares each of its snapshots with the one before.
func (r *remote) watch(parent context.Context, f watchFlags, app string) error {
	ctx, stop := context.WithCancel(parent)
	defer stop()
	cfg := r.cfg
	cfg.FetchInterval = max(time.Hour, f.interval) // the watcher asks; this is also how long a fetch may take
	cfg.DisableRegistration, cfg.EnforceFetch = true, true
	fetched := make(chan struct{}, 1)
	cfg.Hooks.Refresh = func(client.RefreshInfo) {
		select {
		case fetched <- struct{}{}:
		default:
		}
	}
	c, err := client.New(cfg)
	if err != nil {
		return r.failed(err)
	}
	var clientErr error
	var running sync.WaitGroup
	running.Go(func() {
		defer stop()
		clientErr = c.Run(ctx)
	})
	w := watcher{remote: r, fetched: fetched, app: heureka.AppName(app), initial: f.initial, left: f.count}
	err = w.follow(ctx, c, f.interval)
	stop()
	running.Wait()
	if err == nil && parent.Err() == nil {
		err = r.failed(clientErr)
	}
	return err
}

// A watcher prints what differs from its last look.
type watcher struct {
	*remote
	app     string // "": all
	fetched <-chan struct{}
	initial bool
	left    int // lines until it ends; 0: no end
	seen    map[heureka.Key]*heureka.Instance
	failing bool
}

var errEnough = errors.New("enough lines")

// follow looks at every interval, and whenever the client has fetched what a heureka node tells of, until ctx ends or there are enough lines.
func (w *watcher) follow(ctx context.Context, c *client.Client, interval time.Duration) error {
	if c.Ready(ctx) != nil {
		return nil // the client tells why
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		err := w.look(c.Snapshot(), time.Now())
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
			w.complain(ctx, c.Refresh(ctx))
		case <-w.fetched:
		case <-ctx.Done():
			return nil
		}
	}
}

// complain tells once that the registry cannot be fetched, and once that it can be again.
func (w *watcher) complain(ctx context.Context, err error) {
	if failing := err != nil; failing != w.failing && ctx.Err() == nil {
		w.failing = failing
		if err == nil {
			err = errors.New("the registry can be fetched again")
		}
		w.program.complain("warning", err)
	}
}

func (w *watcher) look(s *client.Snapshot, at time.Time) error {
	now := make(map[heureka.Key]*heureka.Instance)
	for in := range s.All() {
		if w.app == "" || heureka.AppName(in.App) == w.app {
			now[in.Key()] = in
		}
	}
	all := changes(w.seen, now, at)
	if w.seen == nil {
		if !w.initial {
			all = nil
		}
		for i := range all {
			all[i].What = isPresent
		}
	}
	w.seen = now
	return w.print(all)
}

func (w *watcher) print(all []change) error {
	for _, c := range all {
		if err := w.out.change(c); err != nil {
			return err
		}
		if w.left--; w.left == 0 {
			return errEnough
		}
	}
	return nil
}

func (o *printer) change(c change) error {
	if o.format == "json" {
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return o.say("%s", line)
	}
	return o.say("%s", o.changeLine(c))
}

func (o *printer) changeLine(c change) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s %s %s", c.Time.Format(time.TimeOnly), signs[c.What], printable(c.App+"/"+c.ID), o.status(c.status))
	for _, f := range c.Fields {
		fmt.Fprintf(&line, "  %s: %s -> %s", printable(f.Field), orNone(f.First), orNone(f.Second))
	}
	return line.String()
}
