package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/internal/spring"
)

func (p *program) appsCommand() *cobra.Command {
	var at string
	cmd := p.remoteCommand(&cobra.Command{
		Use:     "apps",
		Short:   "List applications with their number of instances by status",
		Example: "  heureka apps --at 14:05",
		Args:    cobra.NoArgs,
	}, allFormats, func(ctx context.Context, r *remote, _ []string) error {
		r.at = at
		apps, err := r.registry(ctx)
		if err != nil {
			return err
		}
		return r.out.apps(apps)
	})
	addAt(cmd, &at)
	return cmd
}

// registry fetches everything, in the order of names; as it was at r.at, if that is set.
func (r *remote) registry(ctx context.Context) (*heureka.Applications, error) {
	var apps *heureka.Applications
	var err error
	if r.at != "" {
		apps, err = r.registryThen(ctx)
	} else {
		apps, err = r.api.Applications(ctx)
	}
	if err != nil {
		return nil, r.failed(err)
	}
	sortApps(apps)
	return apps, nil
}

func sortApps(apps *heureka.Applications) {
	slices.SortFunc(apps.Apps, func(a, b *heureka.Application) int { return cmp.Compare(a.Name, b.Name) })
	for _, a := range apps.Apps {
		slices.SortFunc(a.Instances, func(a, b *heureka.Instance) int { return cmp.Compare(a.ResolvedID(), b.ResolvedID()) })
	}
}

func (o *printer) apps(apps *heureka.Applications) error {
	if done, err := o.machine(registryJSON(apps)); done {
		return err
	}
	if o.format == "name" {
		return o.lines(appNames(apps))
	}
	var rows [][]string
	for _, a := range apps.Apps {
		row := []string{printable(a.Name), strconv.Itoa(len(a.Instances)), o.counts(a)}
		if o.wide() {
			row = append(row, strings.Join(distinct(a, vips), ","), strings.Join(distinct(a, client.Zone), ","))
		}
		rows = append(rows, row)
	}
	head := []string{"APP", "INSTANCES", "STATUS"}
	if o.wide() {
		head = append(head, "VIP", "ZONES")
	}
	return o.table(head, rows)
}

func vips(in *heureka.Instance) string { return in.VIPAddress }

// counts says how many instances are in which status, such as "2 UP, 1 DOWN".
func (o *printer) counts(app *heureka.Application) string {
	c := (&heureka.Applications{Apps: []*heureka.Application{app}}).Count()
	var parts []string
	for _, s := range []heureka.Status{
		heureka.StatusUp, heureka.StatusStarting, heureka.StatusOutOfService, heureka.StatusDown, heureka.StatusUnknown,
	} {
		if c[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c[s], o.status(s)))
		}
	}
	return strings.Join(parts, ", ")
}

// distinct returns the values of f that are not empty, each once, in ascending order.
func distinct(app *heureka.Application, f func(*heureka.Instance) string) []string {
	var list []string
	for _, in := range app.Instances {
		if v := f(in); v != "" {
			list = append(list, printable(v))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// A filter says which instances to list; what is empty admits all.
type filter struct {
	status    []heureka.Status
	zone, vip string
	metadata  selector
	expired   map[heureka.Key]bool // nil: all
}

func (f *filter) admits(in *heureka.Instance) bool {
	return (f.expired == nil || f.expired[in.Key()]) && (len(f.status) == 0 || slices.Contains(f.status, in.Status)) &&
		f.metadata.admits(in) && (f.zone == "" || strings.EqualFold(f.zone, client.Zone(in))) &&
		(f.vip == "" || listed(in.VIPAddress, f.vip) || listed(in.SecureVIPAddress, f.vip))
}

func listed(list, name string) bool {
	return slices.ContainsFunc(spring.SplitList(list), func(v string) bool { return strings.EqualFold(v, name) })
}

// apply returns apps without what f does not admit, and without applications that are empty then.
func (f *filter) apply(apps *heureka.Applications) *heureka.Applications {
	kept := &heureka.Applications{Version: apps.Version}
	for _, a := range apps.Apps {
		var list []*heureka.Instance
		for _, in := range a.Instances {
			if f.admits(in) {
				list = append(list, in)
			}
		}
		if len(list) > 0 {
			kept.Apps = append(kept.Apps, &heureka.Application{Name: a.Name, Instances: list})
		}
	}
	kept.Hash = kept.Count().Hash()
	return kept
}

func (p *program) instancesCommand() *cobra.Command {
	var f filter
	var statuses, selectors []string
	var at string
	var expired bool
	cmd := p.remoteCommand(&cobra.Command{
		Use:     "instances [APP]",
		Aliases: []string{"list"},
		Short:   "List instances",
		Example: `  heureka instances ORDERS --status DOWN,OUT_OF_SERVICE
  heureka instances --zone eu-1a -l version!=2.0 -o name`,
		Args: cobra.MaximumNArgs(1),
	}, allFormats, func(ctx context.Context, r *remote, args []string) error {
		for _, name := range statuses {
			s, err := parseStatus(name)
			if err != nil {
				return err
			}
			f.status = append(f.status, s)
		}
		var err error
		if f.metadata, err = parseSelector(selectors); err != nil {
			return err
		}
		r.at = at
		apps, err := r.registryOf(ctx, args)
		if err != nil {
			return err
		}
		if expired {
			if f.expired, err = r.expired(ctx); err != nil {
				return err
			}
		}
		return r.out.instances(f.apply(apps))
	})
	cmd.Flags().BoolVar(&expired, "expired", false, "only instances whose lease has expired (heureka nodes only)")
	cmd.Flags().StringSliceVar(&statuses, "status", nil, "only instances with one of these statuses")
	addSelector(cmd, &selectors)
	cmd.Flags().StringVar(&f.zone, "zone", "", "only in this zone")
	addAt(cmd, &at)
	cmd.Flags().StringVar(&f.vip, "vip", "", "only with this VIP address or secure VIP address")
	return cmd
}

// registryOf fetches everything, or the application that args name.
func (r *remote) registryOf(ctx context.Context, args []string) (*heureka.Applications, error) {
	apps, err := r.registry(ctx)
	if err != nil || len(args) == 0 {
		return apps, err
	}
	app := findApp(apps, args[0])
	if app == nil {
		return nil, noApp(args[0], apps)
	}
	return &heureka.Applications{Version: apps.Version, Apps: []*heureka.Application{app}}, nil
}

func (o *printer) instances(apps *heureka.Applications) error {
	if done, err := o.machine(registryJSON(apps)); done {
		return err
	}
	var names []string
	var rows [][]string
	for _, a := range apps.Apps {
		for _, in := range a.Instances {
			names = append(names, in.Key().String())
			rows = append(rows, o.instanceRow(in))
		}
	}
	if o.format == "name" {
		return o.lines(names)
	}
	head := []string{"APP", "ID", "STATUS", "ADDRESS", "ZONE"}
	if o.wide() {
		head = append(head, "OVERRIDE", "VIP", "LEASE", "CHANGED", "METADATA")
	}
	return o.table(head, rows)
}

func (o *printer) instanceRow(in *heureka.Instance) []string {
	row := []string{printable(in.App), printable(in.ResolvedID()), o.status(in.Status), printable(address(in)), printable(client.Zone(in))}
	if o.wide() {
		row = append(row, override(in), printable(in.VIPAddress), lease(in), instant(in.LastUpdatedMS), printable(metadata(in)))
	}
	return row
}

// address is where an instance is called: host and the port that is in use.
func address(in *heureka.Instance) string {
	port := in.Port
	if !port.Enabled && in.SecurePort.Enabled {
		port = in.SecurePort
	}
	return net.JoinHostPort(in.HostName, strconv.Itoa(port.Number))
}

func override(in *heureka.Instance) string {
	if in.OverriddenStatus == heureka.StatusUnknown {
		return "-"
	}
	return in.OverriddenStatus.String()
}

func lease(in *heureka.Instance) string {
	return fmt.Sprintf("%ds/%ds", in.Lease.RenewalIntervalSecs, in.Lease.DurationSecs)
}

// instant shows a time of the wire, which is in milliseconds.
func instant(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func metadata(in *heureka.Instance) string {
	var parts []string
	for k, v := range in.Metadata.All() {
		parts = append(parts, k+"="+v)
	}
	return strings.Join(parts, " ")
}

func (p *program) getCommand() *cobra.Command {
	return p.remoteCommand(&cobra.Command{
		Use:   "get APP ID...",
		Short: "Show instances as the server has them now",
		Long: `Show one instance, or several, as the server has them now.

The output of -o json or -o yaml can be given to heureka register -f; of several instances, to heureka import.`,
		Example: "  heureka get ORDERS host1:orders:8080\n  heureka get ORDERS/host1:orders:8080 -o json",
		Args:    cobra.MinimumNArgs(1),
	}, []string{"table", "json", "yaml", "name"}, func(ctx context.Context, r *remote, args []string) error {
		keys, err := keysOf(args)
		if err != nil {
			return err
		}
		var found []*heureka.Instance
		err = r.each(ctx, keys, func(key heureka.Key) error {
			in, err := r.api.Instance(ctx, key)
			if err == nil {
				found = append(found, in)
			}
			return err
		})
		if len(found) == 0 {
			return err
		}
		return errors.Join(r.out.several(found), err)
	})
}

// registryOf returns instances as a registry.
func registryOf(instances ...*heureka.Instance) *heureka.Applications {
	apps := &heureka.Applications{}
	for _, in := range instances {
		app := findApp(apps, in.App)
		if app == nil {
			app = &heureka.Application{Name: in.App}
			apps.Apps = append(apps.Apps, app)
		}
		app.Instances = append(app.Instances, in)
	}
	apps.Hash = apps.Count().Hash()
	return apps
}

// several prints instances; more than one as a registry, where that is for programs.
func (o *printer) several(list []*heureka.Instance) error {
	if len(list) > 1 && o.format != "table" && o.format != "name" {
		_, err := o.machine(registryJSON(registryOf(list...)))
		return err
	}
	for i, in := range list {
		if i > 0 && o.format == "table" {
			if err := o.say(""); err != nil {
				return err
			}
		}
		if err := o.instance(in); err != nil {
			return err
		}
	}
	return nil
}

func (o *printer) instance(in *heureka.Instance) error {
	if done, err := o.machine(instanceJSON(in)); done {
		return err
	}
	if o.format == "name" {
		return o.lines([]string{in.Key().String()})
	}
	var rows [][]string
	add := func(name, value string) {
		if value != "" && value != "-" {
			rows = append(rows, []string{name, value})
		}
	}
	add("application", printable(in.App))
	add("id", printable(in.ResolvedID()))
	add("status", o.status(in.Status))
	add("override", override(in))
	add("host", printable(in.HostName))
	add("address", printable(in.IPAddr))
	add("port", portText(in.Port))
	add("secure port", portText(in.SecurePort))
	add("VIP", printable(in.VIPAddress))
	add("secure VIP", printable(in.SecureVIPAddress))
	add("zone", printable(client.Zone(in)))
	add("home page", printable(in.HomePageURL))
	add("status page", printable(in.StatusPageURL))
	add("health check", printable(in.HealthCheckURL))
	add("lease", fmt.Sprintf("%ds, renewed every %ds", in.Lease.DurationSecs, in.Lease.RenewalIntervalSecs))
	add("registered", instant(in.Lease.RegistrationMS))
	add("renewed", renewed(in))
	add("up since", instant(in.Lease.ServiceUpMS))
	add("changed", instant(in.LastUpdatedMS))
	for k, v := range in.Metadata.All() {
		rows = append(rows, []string{"metadata " + printable(k), printable(v)})
	}
	return o.table(nil, rows)
}

// renewed is the time of the last heartbeat. Servers add the lease's duration to it, but not before the first (W-FLD-9).
func renewed(in *heureka.Instance) string {
	ms := in.Lease.LastRenewalMS
	if beat := ms - in.Lease.DurationSecs*1000; beat >= in.Lease.RegistrationMS {
		ms = beat
	}
	return instant(ms)
}

func portText(p heureka.Port) string {
	if !p.Enabled {
		return ""
	}
	return strconv.Itoa(p.Number)
}
