package client

import (
	"log/slog"

	"heureka.internal/heureka"
)

// maxDifferences limits how many instances logDifference names.
const maxDifferences = 20

// logDifference says where a delta led elsewhere than the whole registry.
func logDifference(log *slog.Logger, byDelta, whole *Snapshot) {
	named := 0
	name := func(what string, in *heureka.Instance) {
		if named++; named <= maxDifferences {
			log.Info("delta differs", "how", what, "app", in.App, "id", in.ResolvedID(), "status", in.Status)
		}
	}
	for in := range whole.All() {
		had, ok := byDelta.Instance(in.App, in.ResolvedID())
		switch {
		case !ok:
			name("missing", in)
		case !sameRecord(had, in):
			name("different", in)
		}
	}
	for in := range byDelta.All() {
		if _, ok := whole.Instance(in.App, in.ResolvedID()); !ok {
			name("surplus", in)
		}
	}
	if named > maxDifferences {
		log.Info("delta differs further", "instances", named-maxDifferences)
	}
}
