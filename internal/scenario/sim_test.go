package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/scenario"
)

var seeds = flag.Int("seeds", 0, "how many seeds to try in each test of this package; 0: as many as fit into a normal run")

var find = flag.Bool("find", false, "search for the seeds of testdata/bugs.seeds anew")

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

// What the simulation is for: a mistake is found. testdata/bugs.seeds has seeds for each that show it, and that are
// fine without it: several, because a change of the product may make another simulation of a seed. -find searches for them
// anew, which takes minutes.
func TestBugsAreFound(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine and many simulations: nothing here for the race detector")
	}
	const file = "testdata/bugs.seeds"
	if *find {
		if err := os.WriteFile(file, searchBugs(t), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seeds := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		bug, numbers, _ := strings.Cut(line, ":")
		seeds[bug] = strings.Fields(numbers)
	}
	for _, bug := range scenario.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			if !slices.ContainsFunc(seeds[string(bug)], func(text string) bool {
				seed, err := strconv.ParseUint(text, 10, 64)
				return err == nil && shows(seed, bug)
			}) {
				t.Errorf("none of the seeds %v shows it: go test ./internal/scenario -run TestBugsAreFound -find", seeds[string(bug)])
			}
		})
	}
}

// shows reports whether a seed shows a bug.
func shows(seed uint64, bug scenario.Bug) bool {
	return scenario.Run(scenario.Options{Seed: seed, Bug: bug}).Violation != nil &&
		scenario.Run(scenario.Options{Seed: seed}).Violation == nil
}

// searchBugs returns the first seeds for each bug, one bug a line.
func searchBugs(t *testing.T) []byte {
	const within, enough = 5000, 4
	var lines []byte
	for _, bug := range scenario.Bugs() {
		lines = fmt.Appendf(lines, "%s:", bug)
		found := 0
		for seed := uint64(1); seed < within && found < enough; seed++ {
			if shows(seed, bug) {
				lines = fmt.Appendf(lines, " %d", seed)
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: not found with %d seeds", bug, within)
		}
		lines = append(lines, '\n')
	}
	return lines
}
