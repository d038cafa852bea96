package scenario_test

import (
	"flag"
	"testing"

	"heureka.internal/heureka/internal/scenario"
)

var seeds = flag.Int("seeds", 0, "how many seeds to try in each test of this package; 0: as many as fit into a normal run")

// howMany returns the number of seeds to try: fewer with -short and with the race detector.
func howMany(normal, few int) uint64 {
	switch {
	case *seeds > 0:
		return uint64(*seeds)
	case testing.Short() || raceEnabled:
		return uint64(few)
	}
	return uint64(normal)
}

// Whatever happens to the network, the nodes and the clients: nodes that can talk agree soon, who is heard is listed, who
// has cancelled is not, protection holds, and nothing grows without bound.
func TestSimulations(t *testing.T) {
	n := howMany(40, 40)
	const parts = 4
	for part := range uint64(parts) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := 1 + part; seed <= n; seed += parts {
				if r := scenario.Run(scenario.Options{Seed: seed}); r.Violation != nil {
					t.Fatal(r.Violation)
				}
			}
		})
	}
}

// The same seed is the same simulation, event by event; another seed is another one.
func TestSimulationsRepeat(t *testing.T) {
	seen := map[uint64]uint64{}
	for seed := uint64(1); seed <= 20; seed++ {
		first, second := scenario.Run(scenario.Options{Seed: seed}), scenario.Run(scenario.Options{Seed: seed})
		if first.Hash != second.Hash || first.Events != second.Events {
			t.Errorf("seed %d: %d events with hash %x, then %d with %x", seed, first.Events, first.Hash, second.Events, second.Hash)
		}
		if other, ok := seen[first.Hash]; ok {
			t.Errorf("seeds %d and %d are the same simulation", seed, other)
		}
		seen[first.Hash] = seed
	}
}

// What the simulation is for: a mistake is found. The seed must be one that is fine without it.
func TestBugsAreFound(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine and many simulations: nothing here for the race detector")
	}
	const within = 1000
	first := map[scenario.Bug]uint64{ // shortly before the one that finds it, for those that take long
		scenario.NoIncarnations: 1430, scenario.NoEvictionLimit: 400, scenario.LateBatches: 580, scenario.NoRetry: 265,
	}
	for _, bug := range scenario.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			for i := range uint64(within) {
				seed := first[bug] + i + 1
				r := scenario.Run(scenario.Options{Seed: seed, Bug: bug})
				if r.Violation != nil && scenario.Run(scenario.Options{Seed: seed}).Violation == nil {
					t.Logf("found with seed %d, after %v: %s", seed, r.Violation.At, r.Violation.What)
					return
				}
			}
			t.Errorf("not found with %d seeds", within)
		})
	}
}
