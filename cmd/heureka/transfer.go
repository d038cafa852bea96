package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

func (p *program) exportCommand() *cobra.Command {
	var overrides bool
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the whole registry to a file, for heureka import",
		Long: `Write the whole registry to a file or to standard output, in the JSON of GET /eureka/apps. That has
neither the owners of instances nor the times of operators' commands: whoever imports an instance owns it, and an imported override counts as
set at the time of the import. To restart a node with all that it knows, use heureka.data-dir.

With --overrides, write only the instances whose status is overridden: what a restart of all servers at once would lose, because
no program can tell it again.`,
		Example: `  heureka export --overrides overrides.json`,
		Args:    cobra.MaximumNArgs(1),
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		apps, err := r.registry(ctx)
		if err != nil {
			return err
		}
		if overrides {
			apps = overridden(apps)
		}
		if len(args) == 0 || args[0] == "-" {
			return writeJSON(r.stdout, registryJSON(apps))
		}
		if err := replaceFile(args[0], registryJSON(apps)); err != nil {
			return &failure{status: statusFailed, err: err}
		}
		return r.out.say("exported %s of %s to %s", instancesIn(apps), count(len(apps.Apps), "application", "applications"), args[0])
	})
	cmd.Flags().BoolVar(&overrides, "overrides", false, "only instances whose status is overridden")
	return cmd
}

func instancesIn(apps *heureka.Applications) string {
	return count(int(apps.Count().Total()), "instance", "instances")
}

// replaceFile writes doc to a new file, which then takes the place of the old one: nobody finds half a registry.
func replaceFile(name string, doc []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(writeJSON(f, doc), f.Sync()); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

func (p *program) importCommand() *cobra.Command {
	var dryRun, overrides bool
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "import [FILE]",
		Short: "Register every instance of an exported registry",
		Long: `Register every instance of an exported registry, read from a file or standard input. Instances that the server already
has in the same or a newer state are left alone. Imported instances stay until their leases expire, unless their programs send
heartbeats to the server.

With --overrides, register nothing and set the overrides in the file, on instances that are registered and have none. Run it
again for instances that were not there yet.`,
		Example: `  heureka export --server http://old:8761/eureka/ | heureka import --server http://new:8761/eureka/
  heureka import --overrides overrides.json`,
		Args: cobra.MaximumNArgs(1),
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		wanted, err := r.exported(args)
		if err != nil {
			return err
		}
		present, err := r.registry(ctx)
		if err != nil {
			return err
		}
		all := decide(wanted, present)
		if overrides {
			all = decideOverrides(wanted, present)
		}
		return r.importAll(ctx, all, overrides, dryRun)
	})
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only print what would be done")
	cmd.Flags().BoolVar(&overrides, "overrides", false, "set overrides instead of registering instances")
	return cmd
}

// exported reads what export wrote.
func (p *program) exported(args []string) (*heureka.Applications, error) {
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	if name == "-" && onTerminal(p.stdin) {
		return nil, usage("heureka import FILE", "standard input is a terminal")
	}
	body, err := p.readFile(name)
	if err != nil {
		return nil, err
	}
	doc, err := asJSON(body)
	if err != nil {
		return nil, usage("want what heureka export writes", "%s: %v", name, err)
	}
	apps, err := wire.DecodeApplications(wire.JSON, doc)
	if err != nil {
		return nil, usage("want what heureka export writes", "%s: %v", name, err)
	}
	sortApps(apps)
	return apps, nil
}

// A decision is what import does with one instance.
type decision struct {
	in   *heureka.Instance
	skip string // why nothing is done; "" if it is registered
	new  bool   // the server does not have it yet

	override bool // it is about the override alone
}

// decide compares dirty timestamps: both are of the instance's own clock, so the greater one is the newer state. Overrides
// and metadata that were set from outside leave it as it is, so equal ones do not mean that nothing is to do: the exported
// data win then, as they do on the server (W-REG-9).
func decide(wanted, present *heureka.Applications) []decision {
	have := byKey(present)
	var all []decision
	for _, app := range wanted.Apps {
		for _, in := range app.Instances {
			d := decision{in: in}
			switch old := have[in.Key()]; {
			case old == nil:
				d.new = true
			case old.LastDirtyMS > in.LastDirtyMS:
				d.skip = "newer there"
			case old.LastDirtyMS == in.LastDirtyMS && len(compareFields(in, old)) == 0:
				d.skip = "there already"
			}
			all = append(all, d)
		}
	}
	return all
}

func byKey(apps *heureka.Applications) map[heureka.Key]*heureka.Instance {
	m := make(map[heureka.Key]*heureka.Instance)
	for _, app := range apps.Apps {
		for _, in := range app.Instances {
			m[in.Key()] = in
		}
	}
	return m
}

func (d *decision) String() string {
	switch {
	case d.skip != "":
		return "leave " + d.in.Key().String() + " (" + d.skip + ")"
	case d.override:
		return "set " + d.in.Key().String() + " " + d.in.OverriddenStatus.String()
	case d.new:
		return "register " + d.in.Key().String()
	}
	return "replace " + d.in.Key().String()
}

func (r *remote) importAll(ctx context.Context, all []decision, overrides, dryRun bool) error {
	progress := r.liveLine()
	defer progress.end()
	verb, past := "register", "registered"
	if overrides {
		verb, past = "set", "set"
	}
	done, skipped := 0, 0
	for i, d := range all {
		progress.show("%d of %d", i+1, len(all))
		switch {
		case d.skip != "":
			skipped++
		case !dryRun:
			if err := r.apply(ctx, &d); err != nil {
				progress.end()
				return r.importStopped(d.in, done, overrides, err)
			}
			done++
		}
		if dryRun {
			if err := r.out.say("%s", printable(d.String())); err != nil {
				return err
			}
		}
	}
	progress.end()
	if dryRun {
		return r.out.say("would %s %s, leave %d alone", verb, subject(overrides, len(all)-skipped), skipped)
	}
	return r.out.say("%s %s, left %d alone", past, subject(overrides, done), skipped)
}

func (r *remote) importStopped(in *heureka.Instance, done int, overrides bool, err error) error {
	return &failure{status: statusFailed, err: fmt.Errorf("after %s: %s: %w", subject(overrides, done), in.Key(), err),
		hint: "run the same command again: it goes on where it stopped"}
}
