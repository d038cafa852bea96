package registry

import "heureka.internal/heureka"

// declares reports whether s is a status that an override or an earlier status may replace; DOWN, STARTING and UNKNOWN
// always stand (S-RULE-1, rule 1).
func declares(s heureka.Status) bool {
	return s == heureka.StatusUp || s == heureka.StatusOutOfService
}

// effective returns the status that others see of a record at p: that of a command about this very record (S-STATUS-3, -5),
// else rules 1 and 2 of S-RULE-1. The registry keeps every instance at it, so that a heartbeat has nothing to apply (S-RULE-3).
func effective(own heureka.Status, p position, o overrideState) heureka.Status {
	if o.rules(p) || o.set && declares(own) {
		return o.status
	}
	return own
}

// ownStatus returns the status that a registration stores under the override: rules 1, 4 and 5 of S-RULE-1. A client
// that was UP or OUT_OF_SERVICE cannot change between the two by itself: OUT_OF_SERVICE belongs to the operator
// (S-DEF-7). Peers hand on what somebody has already decided. Where that is their override, they do not say what the instance
// says: it is taken for what it was, or for UP, which any override may replace.
func ownStatus(in *heureka.Instance, previous *version, origin Origin) heureka.Status {
	declared := in.Status
	if origin.By == ByPeer && declared == in.OverriddenStatus && declared != heureka.StatusUnknown {
		if previous != nil && previous.instance.LastDirtyMS == in.LastDirtyMS {
			return previous.own
		}
		return heureka.StatusUp
	}
	if previous == nil || previous.override().set || !origin.Replicates() || !declares(declared) {
		return declared
	}
	if s := previous.instance.Status; declares(s) {
		return s
	}
	return declared
}
