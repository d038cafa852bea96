// Command mutate changes the code in small ways, one at a time, and shows which changes no test notices:
//
//	go run ./internal/tools/mutate -n 25 ./internal/registry ./internal/wire
//
// Per package it draws some of all possible mutants, runs the package's own tests with each, and prints those that
// survive. The tree itself is not touched: the go command gets each mutant as an overlay. Some mutants change nothing that
// matters; a survivor is a question, not a fault. The exit status is 1 only if fewer were noticed than -min asks for.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// A session is one run of the command.
type session struct {
	perPackage int
	seed       uint64
	least      float64 // of a hundred mutants, to be killed
	timeout    time.Duration
	until      time.Time
	out        io.Writer
}

func run(args []string, stdout, stderr io.Writer) int {
	s := session{out: stdout}
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.perPackage, "n", 20, "how many mutants to draw in each package")
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "of the draw")
	flags.Float64Var(&s.least, "min", 0, "how many of a hundred mutants must be killed")
	flags.DurationVar(&s.timeout, "timeout", 3*time.Minute, "for the tests of one package")
	limit := flags.Duration("for", time.Hour, "draw no more mutants after this time")
	if flags.Parse(args) != nil || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage: mutate [flags] DIRECTORY...")
		return 2
	}
	s.until = time.Now().Add(*limit)
	fmt.Fprintf(stdout, "again with: -seed %d -n %d\n", s.seed, s.perPackage)
	var all tally
	for _, dir := range flags.Args() {
		t, err := s.try(dir)
		if err != nil {
			fmt.Fprintln(stderr, "mutate:", err)
			return 1
		}
		fmt.Fprintf(stdout, "%s: %v\n", dir, t)
		all.killed, all.survived = all.killed+t.killed, all.survived+t.survived
	}
	fmt.Fprintf(stdout, "together: %v\n", all)
	if float64(100*all.killed) < s.least*float64(all.killed+all.survived) {
		fmt.Fprintf(stderr, "mutate: fewer than %g of a hundred were killed\n", s.least)
		return 1
	}
	return 0
}

// A tally counts mutants by what became of them. Those that do not compile count as none.
type tally struct{ killed, survived int }

func (t tally) String() string {
	return fmt.Sprintf("%d of %d mutants killed", t.killed, t.killed+t.survived)
}

// try draws mutants of one package until there were enough, or the time is over.
func (s *session) try(dir string) (t tally, err error) {
	dir = "./" + strings.TrimPrefix(filepath.ToSlash(filepath.Clean(dir)), "./")
	if _, err := s.test(dir, ""); err != nil {
		return t, fmt.Errorf("%s: its tests fail without any mutant: %w", dir, err)
	}
	mutants, err := mutantsOf(dir)
	if err != nil {
		return t, err
	}
	rng := rand.New(rand.NewPCG(s.seed, 0))
	rng.Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
	for _, m := range mutants {
		if t.killed+t.survived == s.perPackage || time.Now().After(s.until) {
			break
		}
		switch compiled, noticed, err := s.check(dir, m); {
		case err != nil:
			return t, err
		case !compiled:
		case noticed:
			t.killed++
		default:
			t.survived++
			fmt.Fprintf(s.out, "survived: %v\n", m)
		}
	}
	return t, nil
}

// check runs a package's tests with one mutant.
func (s *session) check(dir string, m mutant) (compiled, noticed bool, err error) {
	overlay, clean, err := overlay(m)
	if err != nil {
		return false, false, err
	}
	defer clean()
	out, err := s.test(dir, overlay)
	if err == nil {
		return true, false, nil
	}
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		return false, false, err
	}
	return !strings.Contains(out, "[build failed]"), true, nil
}

// test runs the tests of a package; an overlay replaces one of its files.
func (s *session) test(dir, overlay string) (out string, err error) {
	// The go command's own limit ends a test that hangs; what is added is for compiling.
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout+2*time.Minute)
	defer cancel()
	args := []string{"test", "-short", "-failfast", "-vet=off", "-timeout", s.timeout.String()}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	text, err := exec.CommandContext(ctx, "go", append(args, dir)...).CombinedOutput()
	return string(text), err
}

// overlay writes a mutant where the go command finds it in place of the original.
func overlay(m mutant) (file string, clean func(), err error) {
	dir, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = os.RemoveAll(dir) }
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", clean, err
	}
	mutated := filepath.Join(dir, filepath.Base(m.file))
	config, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", clean, err
	}
	file = filepath.Join(dir, "overlay.json")
	return file, clean, errors.Join(os.WriteFile(mutated, m.source(), 0o600), os.WriteFile(file, config, 0o600))
}
