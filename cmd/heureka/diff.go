package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/outbound"
)

func (p *program) diffCommand() *cobra.Command {
	var ring bool
	cmd := p.remoteCommand(&cobra.Command{
		Use:   "diff URL URL | --ring",
		Short: "Compare the registries of two servers, or of a ring",
		Long: `Compare the registries of two servers, for instance during a migration. Times and what servers record about themselves are
ignored. A Java server lists a change up to 30s late, so a difference may be only temporary. The exit status is 1 if
anything differs.

With --ring, compare the first server with each of the other nodes of its ring.`,
		Annotations: map[string]string{argumentsAreServers: "yes"},
		Example:     "  heureka diff http://old:8761/eureka/ http://new:8761/eureka/\n  heureka diff --ring",
		Args: func(cmd *cobra.Command, args []string) error {
			if ring {
				return cobra.NoArgs(cmd, args)
			}
			return cobra.ExactArgs(2)(cmd, args)
		},
	}, []string{"table", "json", "yaml", "name"}, func(ctx context.Context, r *remote, args []string) error {
		if ring {
			return r.diffRing(ctx)
		}
		a, b, err := r.fetchBoth(ctx, args[0], args[1])
		if err != nil {
			return err
		}
		all := compare(a, b)
		if err := r.out.differences(all, byKey(a), byKey(b)); err != nil {
			return err
		}
		if len(all) > 0 {
			return &failure{status: statusFailed, err: fmt.Errorf("%s", count(len(all), "instance differs", "instances differ")),
				hint: listsLag + ": compare again after that"}
		}
		return nil
	})
	addRing(cmd, &ring)
	return cmd
}

// A comparison is how a node of a ring differs from the first one.
type comparison struct {
	First       string       `json:"first"`
	Second      string       `json:"second"`
	Differences []difference `json:"differences"`

	a, b *heureka.Applications
}

// diffRing compares the first server with the others. One that cannot be read is a failure, and the rest is compared.
func (r *remote) diffRing(ctx context.Context) error {
	r.wholeRing(ctx)
	var all []comparison
	var failures []error
	total := 0
	for _, other := range r.servers[1:] {
		a, b, err := r.fetchBoth(ctx, r.servers[0], other)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		c := comparison{First: outbound.Hide(r.servers[0]), Second: outbound.Hide(other), Differences: compare(a, b), a: a, b: b}
		total += len(c.Differences)
		all = append(all, c)
	}
	if len(r.servers) == 1 {
		if _, err := r.peersOf(ctx, r.servers[0]); err != nil {
			return r.failed(err)
		}
		return &failure{status: statusFailed, err: fmt.Errorf("%s names no peers", outbound.Hide(r.servers[0])), hint: "heureka diff URL URL compares any two servers"}
	}
	if total > 0 {
		failures = append(failures, &failure{status: statusFailed, err: fmt.Errorf("%s", count(total, "instance differs", "instances differ")),
			hint: "heureka nodes agree again by themselves within seconds; " + listsLag})
	}
	return errors.Join(append([]error{r.out.comparisons(all)}, failures...)...)
}

func (o *printer) comparisons(all []comparison) error {
	if done, err := o.value(all); done {
		return err
	}
	for _, c := range all {
		if o.format != "name" {
			if err := o.say("%s -> %s", printable(c.First), printable(c.Second)); err != nil {
				return err
			}
		}
		if err := o.differences(c.Differences, byKey(c.a), byKey(c.b)); err != nil {
			return err
		}
	}
	return nil
}

func (r *remote) fetchBoth(ctx context.Context, urlA, urlB string) (a, b *heureka.Applications, err error) {
	apiA, errA := r.apiFor(urlA)
	apiB, errB := r.apiFor(urlB)
	if err := errors.Join(errA, errB); err != nil {
		return nil, nil, err
	}
	if a, err = apiA.Applications(ctx); err != nil {
		return nil, nil, r.failed(err)
	}
	if b, err = apiB.Applications(ctx); err != nil {
		return nil, nil, r.failed(err)
	}
	return a, b, nil
}

// A difference is one instance that two registries do not have alike.
type difference struct {
	App    string            `json:"app"`
	ID     string            `json:"id"`
	Where  string            `json:"where"` // onlyFirst, onlySecond or both
	Fields []fieldDifference `json:"fields,omitempty"`
}

const (
	onlyFirst  = "only in the first"
	onlySecond = "only in the second"
	inBoth     = "in both"
)

// A fieldDifference is one value that differs.
type fieldDifference struct {
	Field  string `json:"field"`
	First  string `json:"first"`
	Second string `json:"second"`
}

func (d *difference) key() heureka.Key { return heureka.Key{App: d.App, ID: d.ID} }

// compare returns what differs, in the order of keys.
func compare(a, b *heureka.Applications) []difference {
	first, second := byKey(a), byKey(b)
	var all []difference
	for key, in := range first {
		other := second[key]
		if other == nil {
			all = append(all, difference{App: key.App, ID: key.ID, Where: onlyFirst})
		} else if fields := compareFields(in, other); len(fields) > 0 {
			all = append(all, difference{App: key.App, ID: key.ID, Where: inBoth, Fields: fields})
		}
	}
	for key := range second {
		if first[key] == nil {
			all = append(all, difference{App: key.App, ID: key.ID, Where: onlySecond})
		}
	}
	slices.SortFunc(all, func(x, y difference) int { return cmp.Or(cmp.Compare(x.App, y.App), cmp.Compare(x.ID, y.ID)) })
	return all
}

// fields are what compare looks at, under the names of the wire: all but times, and what the answering server adds.
var fields = []struct {
	name  string
	value func(*heureka.Instance) string
}{
	{"hostName", func(in *heureka.Instance) string { return in.HostName }},
	{"ipAddr", func(in *heureka.Instance) string { return in.IPAddr }},
	{"status", func(in *heureka.Instance) string { return in.Status.String() }},
	{"overriddenStatus", func(in *heureka.Instance) string { return in.OverriddenStatus.String() }},
	{"port", func(in *heureka.Instance) string { return portText(in.Port) }},
	{"securePort", func(in *heureka.Instance) string { return portText(in.SecurePort) }},
	{"vipAddress", func(in *heureka.Instance) string { return in.VIPAddress }},
	{"secureVipAddress", func(in *heureka.Instance) string { return in.SecureVIPAddress }},
	{"appGroupName", func(in *heureka.Instance) string { return in.AppGroupName }},
	{"asgName", func(in *heureka.Instance) string { return in.ASGName }},
	{"homePageUrl", func(in *heureka.Instance) string { return in.HomePageURL }},
	{"statusPageUrl", func(in *heureka.Instance) string { return in.StatusPageURL }},
	{"healthCheckUrl", func(in *heureka.Instance) string { return in.HealthCheckURL }},
	{"secureHealthCheckUrl", func(in *heureka.Instance) string { return in.SecureHealthCheckURL }},
	{"dataCenterInfo", dataCenter},
	{"countryId", func(in *heureka.Instance) string { return strconv.Itoa(in.CountryID) }},
	{"renewalIntervalInSecs", func(in *heureka.Instance) string { return strconv.FormatInt(in.Lease.RenewalIntervalSecs, 10) }},
	{"durationInSecs", func(in *heureka.Instance) string { return strconv.FormatInt(in.Lease.DurationSecs, 10) }},
}

func dataCenter(in *heureka.Instance) string {
	if in.DataCenter == nil {
		return ""
	}
	return string(in.DataCenter.Name)
}

func compareFields(a, b *heureka.Instance) []fieldDifference {
	var list []fieldDifference
	for _, f := range fields {
		if x, y := f.value(a), f.value(b); x != y {
			list = append(list, fieldDifference{f.name, x, y})
		}
	}
	list = append(list, compareMaps("metadata.", a.Metadata.Map(), b.Metadata.Map())...)
	if a.DataCenter != nil && b.DataCenter != nil {
		list = append(list, compareMaps("dataCenterInfo.", a.DataCenter.Metadata.Map(), b.DataCenter.Metadata.Map())...)
	}
	return list
}

// compareMaps tells an entry that is missing from one that is empty: an entry that is there is shown quoted.
func compareMaps(prefix string, a, b map[string]string) []fieldDifference {
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	var list []fieldDifference
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if x, y := quoted(a, k), quoted(b, k); x != y {
			list = append(list, fieldDifference{prefix + k, x, y})
		}
	}
	return list
}

func quoted(m map[string]string, key string) string {
	if v, ok := m[key]; ok {
		return strconv.Quote(v)
	}
	return ""
}

func (o *printer) differences(all []difference, first, second map[heureka.Key]*heureka.Instance) error {
	if all == nil {
		all = []difference{}
	}
	if done, err := o.value(all); done {
		return err
	}
	for _, d := range all {
		if err := o.difference(d, first, second); err != nil {
			return err
		}
	}
	if len(all) == 0 && o.format != "name" {
		return o.say("no difference in %s", count(len(first), "instance", "instances"))
	}
	return nil
}

func (o *printer) difference(d difference, first, second map[heureka.Key]*heureka.Instance) error {
	name := printable(d.key().String())
	if o.format == "name" {
		return o.say("%s", name)
	}
	switch d.Where {
	case onlyFirst:
		return o.say("%s %s only in the first, %s", o.good(false, "-"), name, o.status(first[d.key()].Status))
	case onlySecond:
		return o.say("%s %s only in the second, %s", o.good(true, "+"), name, o.status(second[d.key()].Status))
	}
	if err := o.say("~ %s", name); err != nil {
		return err
	}
	for _, f := range d.Fields {
		if err := o.say("    %s: %s -> %s", printable(f.Field), orNone(f.First), orNone(f.Second)); err != nil {
			return err
		}
	}
	return nil
}

func orNone(v string) string {
	if v == "" {
		return "(none)"
	}
	return printable(v)
}
