// Command sim simulates clusters, one per seed, until a promise is broken.
//
//	go run ./internal/scenario/cmd/sim -seeds 100000
//	go run ./internal/scenario/cmd/sim -seed 4711
//	go run ./internal/scenario/cmd/sim -seeds 1000 -operators
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka/internal/scenario"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("sim", flag.ContinueOnError)
	flags.SetOutput(stderr)
	seeds := flags.Uint64("seeds", 10_000, "how many seeds to try")
	first := flags.Uint64("first", 1, "the first seed")
	one := flags.Uint64("seed", 0, "try this seed only, and print what happened last")
	bug := flags.String("bug", "", "put in a bug on purpose, by its description")
	operators := flags.Bool("operators", false, "let operators dispute about instances")
	workers := flags.Int("workers", runtime.GOMAXPROCS(0), "simulations at the same time")
	if flags.Parse(args) != nil {
		return 2
	}
	opt := scenario.Options{Seed: *one, Bug: scenario.Bug(*bug), Operators: *operators}
	if *one != 0 {
		return report(scenario.Run(opt), stdout, stderr)
	}
	return try(opt, *first, *seeds, *workers, stdout, stderr)
}

func report(r scenario.Result, stdout, stderr io.Writer) int {
	if r.Violation != nil {
		fmt.Fprintf(stderr, "sim: %v\n", r.Violation)
		return 1
	}
	fmt.Fprintf(stdout, "%d events, hash %016x\n", r.Events, r.Hash)
	return 0
}

// try runs seeds until all are done or one fails.
func try(opt scenario.Options, first, seeds uint64, workers int, stdout, stderr io.Writer) int {
	var (
		wg           sync.WaitGroup
		next, events atomic.Uint64
		mu           sync.Mutex
		bad          *scenario.Violation
		began        = time.Now()
	)
	for range workers {
		wg.Go(func() {
			for i := next.Add(1); i <= seeds; i = next.Add(1) {
				o := opt
				o.Seed = first + i - 1
				r := scenario.Run(o)
				events.Add(uint64(r.Events))
				mu.Lock()
				if r.Violation != nil && (bad == nil || r.Violation.Options.Seed < bad.Options.Seed) {
					bad = r.Violation
					next.Store(seeds)
				}
				if i%1000 == 0 {
					fmt.Fprintf(stdout, "%d seeds, %d events, %v\n", i, events.Load(), time.Since(began).Round(time.Second))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if bad != nil {
		fmt.Fprintf(stderr, "sim: %v\n", bad)
		return 1
	}
	fmt.Fprintf(stdout, "%d seeds kept all promises, %d events, %v\n", seeds, events.Load(), time.Since(began).Round(time.Millisecond))
	return 0
}
