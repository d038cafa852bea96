package registry_test

import (
	"fmt"
	"testing"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// S-RULE-2, S-RULE-1, W-REG-10: the truth table of a registration, every cell. The instance is first brought to the
// previous status and override, then registered.
func TestRule2TruthTable(t *testing.T) {
	const (
		up   = heureka.StatusUp
		oos  = heureka.StatusOutOfService
		down = heureka.StatusDown
		strt = heureka.StatusStarting
		unkn = heureka.StatusUnknown
		none = heureka.Status(255)
	)
	origins := []registry.Origin{registry.FromClient, registry.FromPeer, registry.FromSync}
	want := func(record, override, previous heureka.Status, origin registry.Origin) heureka.Status {
		switch {
		case record == down || record == strt || record == unkn:
			return record
		case override != none:
			return override
		case origin == registry.FromClient && (previous == up || previous == oos):
			return previous
		}
		return record
	}
	// possible says which rows there are: an override lives with its lease, a registration brings any but UNKNOWN, and it
	// has become the status of an instance that was UP or OUT_OF_SERVICE.
	possible := func(override, previous heureka.Status) bool {
		declared := previous == up || previous == oos
		return override == none || override != unkn && previous != none && (!declared || override == previous)
	}
	for _, origin := range origins {
		for _, record := range allStatuses {
			for _, override := range append(allStatuses, none) {
				for _, previous := range append(allStatuses, none) {
					if !possible(override, previous) {
						continue
					}
					name := fmt.Sprintf("origin %v/record %v/override %d/previous %d", origin, record, override, previous)
					t.Run(name, func(t *testing.T) {
						w := newWorld(t, registry.Config{})
						if previous != none {
							w.registerFrom(registry.FromPeer, instance("x", status(previous)))
						}
						if override != none {
							w.registerFrom(registry.FromPeer, instance("x", status(previous), overridden(override)))
						}
						w.registerFrom(origin, instance("x", status(record)))
						w.wantStatus("x", want(record, override, previous, origin))
					})
				}
			}
		}
	}
}

// S-RULE-2, S-DEF-7: the two surprising rows, as a story.
func TestRule2OutOfServiceBelongsToTheOperator(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x", status(heureka.StatusOutOfService)))
	w.register(instance("x", dirty(2000)))
	w.wantStatus("x", heureka.StatusOutOfService)
	w.register(instance("x", dirty(3000), status(heureka.StatusStarting)))
	w.register(instance("x", dirty(4000)))
	w.wantStatus("x", heureka.StatusUp)
	w.register(instance("x", dirty(5000), status(heureka.StatusOutOfService)))
	w.wantStatus("x", heureka.StatusUp)
}

// S-RULE-4: an override never hides DOWN or STARTING, and comes through again with UP.
func TestRule4OverrideDoesNotMaskDown(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusOutOfService)
	for i, s := range []heureka.Status{heureka.StatusStarting, heureka.StatusUp, heureka.StatusDown, heureka.StatusUp} {
		want := s
		if s == heureka.StatusUp {
			want = heureka.StatusOutOfService
		}
		w.register(instance("x", dirty(int64(2000+i)), status(s)))
		w.wantStatus("x", want)
		w.renew("x")
		w.wantStatus("x", want)
		if got := w.find("x").Instance().OverriddenStatus; got != heureka.StatusOutOfService {
			t.Errorf("OverriddenStatus with own status %v = %v, want OUT_OF_SERVICE", s, got)
		}
	}
}

// S-RULE-4: an override of DOWN persists through registrations with UP.
func TestRule4OverrideOfDownPersists(t *testing.T) {
	w := newWorld(t, registry.Config{})
	w.register(instance("x"))
	w.setStatus("x", heureka.StatusDown)
	w.register(instance("x", dirty(2000)))
	w.wantStatus("x", heureka.StatusDown)
}

// S-RULE-5, differing: an override does not age, however long no heartbeat asks for it.
func TestRule5OverridesDoNotAge(t *testing.T) {
	inBothSettings(t, registry.Config{}, func(t *testing.T, w *world) {
		w.register(instance("x", leased(30, 90)))
		w.setStatus("x", heureka.StatusDown)
		for range 300 {
			w.renewAfter("x", 30e9)
		}
		w.register(instance("x", dirty(2000)))
		w.wantStatus("x", heureka.StatusDown)
	})
}
