package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/wire"
)

// instanceFlags describe an instance on the command line.
type instanceFlags struct {
	client.InstanceConfig
	metadata []string
	status   string
}

func (f *instanceFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.App, "app", "", "application name")
	fl.StringVar(&f.ID, "id", "", "instance id (default HOST:APP:PORT)")
	fl.StringVar(&f.HostName, "host", "", "host name under which callers reach the instance (default: this machine's)")
	fl.StringVar(&f.IPAddr, "ip", "", "IP address (default: this machine's)")
	fl.IntVar(&f.Port, "port", 0, "port for http")
	fl.IntVar(&f.SecurePort, "secure-port", 0, "port for https")
	fl.StringVar(&f.VIPAddress, "vip", "", "VIP address (default: the application name)")
	fl.StringVar(&f.SecureVIPAddress, "secure-vip", "", "secure VIP address (default: the application name)")
	fl.StringArrayVar(&f.metadata, "metadata", nil, "key=value; may be repeated")
	fl.DurationVar(&f.LeaseDuration, "lease", 90*time.Second, "how long the registry waits for a heartbeat")
	fl.DurationVar(&f.RenewalInterval, "renewal-interval", 30*time.Second, "pause between heartbeats")
}

// config returns the description, after a check of what a client would not check.
func (f *instanceFlags) config() (client.InstanceConfig, error) {
	ic := f.InstanceConfig
	if ic.App == "" || ic.Port == 0 && ic.SecurePort == 0 {
		return ic, usage("for example --app orders --port 8080", "an instance needs --app, and --port or --secure-port")
	}
	m, err := pairs(f.metadata)
	ic.Metadata = m
	return ic, err
}

// instance returns the record as a client would send it.
func (f *instanceFlags) instance() (*heureka.Instance, error) {
	status, err := parseStatus(f.status)
	if err != nil {
		return nil, err
	}
	ic, err := f.config()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	reg, err := c.Register(ic)
	if err != nil {
		return nil, usage("", "%s", oneLine(err.Error()))
	}
	in := reg.Instance().Clone()
	in.Status = status // also OUT_OF_SERVICE, which programs must not say of themselves
	return in, nil
}

func (p *program) registerCommand() *cobra.Command {
	var f instanceFlags
	var file string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "register --app APP --port N | -f FILE",
		Short: "Register an instance once, without heartbeats",
		Long: `Register an instance once. Nothing sends heartbeats for it, so it disappears when its lease expires;
heureka run keeps a program registered.`,
		Example: `  heureka register --app orders --port 8080 --metadata zone=eu-1a --lease 1h
  heureka get ORDERS host1:orders:8080 -o json | heureka register --server http://other:8761/eureka/ -f -`,
		Args: cobra.NoArgs,
	}, nil, func(ctx context.Context, r *remote, _ []string) error {
		in, err := r.described(&f, file)
		if err != nil {
			return err
		}
		if err := r.api.Register(ctx, in); err != nil {
			return r.failed(err)
		}
		return r.out.say("registered %s as %s, for %ds unless somebody sends heartbeats", in.Key(), in.Status, in.Lease.DurationSecs)
	})
	p.act(cmd)
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&f.status, "status", "UP", "UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN")
	cmd.Flags().StringVarP(&file, "file", "f", "", `read the instance from this file, as heureka get -o json or -o yaml writes it ("-": standard input)`)
	for _, name := range []string{"app", "port", "secure-port", "id", "host", "ip", "vip", "secure-vip", "metadata", "status", "lease", "renewal-interval"} {
		cmd.MarkFlagsMutuallyExclusive("file", name)
	}
	return cmd
}

func (p *program) described(f *instanceFlags, file string) (*heureka.Instance, error) {
	if file == "" {
		return f.instance()
	}
	body, err := p.readFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := asJSON(body)
	if err != nil {
		return nil, usage("want what heureka get -o json or -o yaml writes", "%s: %v", file, err)
	}
	in, err := wire.DecodeInstance(wire.JSON, doc)
	if err == nil {
		err = wire.CheckRegistration(in, in.App)
	}
	if err != nil {
		return nil, usage("want what heureka get -o json or -o yaml writes", "%s: %v", file, err)
	}
	return in, nil
}

// readFile reads a file, "-" standing for standard input.
func (p *program) readFile(name string) (body []byte, err error) {
	if name == "-" {
		body, err = io.ReadAll(p.stdin)
	} else {
		body, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, usage("", "%v", err)
	}
	return body, nil
}

func (p *program) deregisterCommand() *cobra.Command {
	var expired bool
	var selectors []string
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "deregister APP ID... | [APP] --selector KEY=VALUE | --expired",
		Short: "Remove instances, or all whose leases have expired",
		Long: `Remove instances. If the program of one still runs, its next heartbeat brings it back: to keep callers away from it,
use heureka status set APP ID OUT_OF_SERVICE.

With --expired, remove all instances whose leases have expired on the server, which must be a heureka node. Use it when
self-preservation keeps instances that are known to be dead; heureka instances --expired lists them first. A node lists 10,000 at a time.`,
		Example: "  heureka deregister ORDERS host1:orders:8080 host2:orders:8080\n  heureka deregister ORDERS -l zone=eu-1a\n  heureka deregister --expired",
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		if expired && len(args)+len(selectors) == 0 {
			return r.deregisterExpired(ctx)
		}
		if expired {
			return usage("", "--expired stands alone: unexpected argument %q", append(args, selectors...)[0])
		}
		keys, err := r.targets(ctx, args, selectors)
		if err != nil {
			return err
		}
		return r.each(ctx, keys, func(key heureka.Key) error {
			if err := r.api.Cancel(ctx, key); err != nil {
				return err
			}
			return r.out.say("removed %s", key)
		})
	})
	p.act(cmd)
	addSelector(cmd, &selectors)
	cmd.Flags().BoolVar(&expired, "expired", false, "remove all instances whose leases have expired")
	return cmd
}

func (p *program) metadataCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "metadata", Short: "Change the metadata of an instance"}
	cmd.Args = needSubcommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	var selectors []string
	set := p.act(p.remoteCommand(&cobra.Command{
		Use:   "set APP ID... KEY=VALUE...",
		Short: "Add or replace metadata",
		Long:  `Add or replace metadata on the servers. It lasts until the instance registers again, for instance when its program restarts.`,
		Args:  cobra.MinimumNArgs(1),
	}, nil, func(ctx context.Context, r *remote, args []string) error {
		names, entries := entriesOf(args)
		set, err := pairs(entries)
		if err != nil {
			return err
		}
		if len(set) == 0 {
			return usage("heureka metadata set "+strings.Join(names, " ")+" zone=eu-1a", "nothing to set")
		}
		keys, err := r.targets(ctx, names, selectors)
		if err != nil {
			return err
		}
		return r.each(ctx, keys, func(key heureka.Key) error {
			if err := r.api.SetMetadata(ctx, key, set); err != nil {
				return err
			}
			return r.out.say("set %s of %s", count(len(set), "entry", "entries"), key)
		})
	}))
	addSelector(set, &selectors)
	cmd.AddCommand(set)
	return cmd
}

// entriesOf parts the names of instances from the KEY=VALUE after them.
func entriesOf(args []string) (names, entries []string) {
	for i, arg := range args {
		if strings.Contains(arg, "=") {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

// needSubcommand is for commands that do nothing themselves.
func needSubcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage(cmd.CommandPath()+" --help lists the commands", "unknown command %q", cmd.Name()+" "+args[0])
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
