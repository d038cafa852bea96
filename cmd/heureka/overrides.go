package main

import (
	"context"
	"slices"

	"heureka.internal/heureka"
)

// overridden returns the part of a registry that operators have spoken about.
func overridden(apps *heureka.Applications) *heureka.Applications {
	out := new(heureka.Applications)
	for _, app := range apps.Apps {
		none := func(in *heureka.Instance) bool { return in.OverriddenStatus == heureka.StatusUnknown }
		if left := slices.DeleteFunc(slices.Clone(app.Instances), none); len(left) > 0 {
			out.Apps = append(out.Apps, &heureka.Application{Name: app.Name, Instances: left})
		}
	}
	return out
}

// decideOverrides says which overrides of an exported registry the server lacks. An override there is left alone, because
// whoever set it may have come after the export.
func decideOverrides(wanted, present *heureka.Applications) []decision {
	have := byKey(present)
	var all []decision
	for _, app := range overridden(wanted).Apps {
		for _, in := range app.Instances {
			d := decision{in: in, override: true}
			switch there := have[in.Key()]; {
			case there == nil:
				d.skip = "not registered there"
			case there.OverriddenStatus == in.OverriddenStatus:
				d.skip = "there already"
			case there.OverriddenStatus != heureka.StatusUnknown:
				d.skip = "overridden there as " + there.OverriddenStatus.String()
			}
			all = append(all, d)
		}
	}
	return all
}

// apply does what was decided about one instance.
func (r *remote) apply(ctx context.Context, d *decision) error {
	if d.override {
		return r.api.SetOverride(ctx, d.in.Key(), d.in.OverriddenStatus)
	}
	return r.api.Register(ctx, d.in)
}

// subject counts what import is about.
func subject(overrides bool, n int) string {
	if overrides {
		return count(n, "override", "overrides")
	}
	return count(n, "instance", "instances")
}
