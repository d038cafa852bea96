package main

import (
	"bytes"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/scenario"
)

func TestRun(t *testing.T) {
	tests := []struct {
		args     string
		code     int
		out, err string
	}{
		{"-seeds 3", 0, "3 seeds kept all promises", ""},
		{"-seed 1", 0, "events, hash ", ""},
		{"-seeds 20 -bug", 1, "", "again with: go run ./internal/scenario/cmd/sim -seed "},
		{"-what", 2, "", "flag provided but not defined"},
	}
	for _, tt := range tests {
		args := strings.Fields(tt.args)
		if args[len(args)-1] == "-bug" {
			args = append(args, string(scenario.NoProtection))
		}
		var out, err bytes.Buffer
		if code := run(args, &out, &err); code != tt.code || !strings.Contains(out.String(), tt.out) || !strings.Contains(err.String(), tt.err) {
			t.Errorf("sim %s: exit %d, output %q, errors %q; want %d, %q, %q", tt.args, code, out.String(), err.String(), tt.code, tt.out, tt.err)
		}
	}
}

// What a failure prints repeats it, bug and all.
func TestFailureRepeats(t *testing.T) {
	opt := scenario.Options{Bug: scenario.NoProtection}
	for opt.Seed = 1; opt.Seed <= 20; opt.Seed++ {
		first := scenario.Run(opt).Violation
		if first == nil {
			continue
		}
		again := scenario.Run(opt).Violation
		if first.Error() != again.Error() || len(first.Trace) == 0 {
			t.Errorf("seed %d: %v\nthen %v", opt.Seed, first, again)
		}
		return
	}
	t.Error("no failure within 20 seeds")
}
