package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// Operators who command the same instances on nodes that do not hear of each other: a command that was acknowledged is never lost to an
// earlier one, and those about different keys leave each other alone.
func TestTwoOperators(t *testing.T) {
	n := howMany(40, 24)
	const parts = 4
	for part := range uint64(parts) {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			for seed := 1 + part; seed <= n; seed += parts {
				if r := scenario.Run(scenario.Options{Seed: seed, Operators: true}); r.Violation != nil {
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
// fine without it: several, because a change of the product may make another simulation of a seed. -find looks which still do,
// and searches for others where too few are left, which takes minutes.
func TestBugsAreFound(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine and many simulations: nothing here for the race detector")
	}
	const file = "testdata/bugs.seeds"
	if *find {
		if err := os.WriteFile(file, searchBugs(t, recorded(t, file)), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	seeds := recorded(t, file)
	for _, bug := range scenario.Bugs() {
		t.Run(string(bug), func(t *testing.T) {
			t.Parallel()
			if !slices.ContainsFunc(seeds[bug], func(seed uint64) bool { return shows(seed, bug) }) {
				t.Errorf("none of the seeds %v shows it: go test ./internal/scenario -run TestBugsAreFound -find", seeds[bug])
			}
		})
	}
}

// recorded reads the file of seeds.
func recorded(t *testing.T, file string) map[scenario.Bug][]uint64 {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seeds := map[scenario.Bug][]uint64{}
	for line := range strings.Lines(string(text)) {
		bug, numbers, _ := strings.Cut(line, ":")
		for number := range strings.FieldsSeq(numbers) {
			seed, err := strconv.ParseUint(number, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			seeds[scenario.Bug(bug)] = append(seeds[scenario.Bug(bug)], seed)
		}
	}
	return seeds
}

// shows reports whether a seed shows a bug.
func shows(seed uint64, bug scenario.Bug) bool {
	return scenario.Run(scenario.Options{Seed: seed, Bug: bug}).Violation != nil &&
		scenario.Run(scenario.Options{Seed: seed, Story: bug}).Violation == nil
}

// searchBugs returns seeds for each bug, one bug a line: of the recorded ones those that still show it, if there are two, else
// the first that do.
func searchBugs(t *testing.T, old map[scenario.Bug][]uint64) []byte {
	bugs := scenario.Bugs()
	found := make([][]uint64, len(bugs))
	var wg sync.WaitGroup
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, bug := range bugs {
		wg.Go(func() {
			turns <- struct{}{}
			found[i] = search(bug, old[bug])
			<-turns
		})
	}
	wg.Wait()
	var lines []byte
	for i, bug := range bugs {
		if len(found[i]) == 0 {
			t.Errorf("%s: not found", bug)
		}
		lines = fmt.Appendf(lines, "%s: %s\n", bug, strings.Trim(fmt.Sprint(found[i]), "[]"))
	}
	return lines
}

func search(bug scenario.Bug, old []uint64) (found []uint64) {
	const within, enough = 5000, 4
	for _, seed := range old {
		if shows(seed, bug) {
			found = append(found, seed)
		}
	}
	if len(found) >= 2 {
		return found
	}
	found = nil
	for seed := uint64(1); seed < within && len(found) < enough; seed++ {
		if shows(seed, bug) {
			found = append(found, seed)
		}
	}
	return found
}
