package client

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const sec = time.Second

// TestPace is C-SV-2 and C-SV-3 with the measured example: 2 s, bound 10, a task that takes longer than 2 s.
func TestPace(t *testing.T) {
	tests := []struct {
		name   string
		cutOff []bool
		asked  time.Duration
		want   []time.Duration
	}{
		{"in time", []bool{false, false}, 0, []time.Duration{2 * sec, 2 * sec}},
		{"always cut off", []bool{true, true, true, true, true}, 0, []time.Duration{4 * sec, 8 * sec, 16 * sec, 20 * sec, 20 * sec}},
		{"in time again", []bool{true, true, false, true}, 0, []time.Duration{4 * sec, 8 * sec, 2 * sec, 4 * sec}},
		{"Retry-After", []bool{false, true}, 5 * sec, []time.Duration{5 * sec, 5 * sec}},
		{"Retry-After is shorter", []bool{false}, sec, []time.Duration{2 * sec}},
		{"Retry-After has a bound", []bool{false}, time.Hour, []time.Duration{20 * sec}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := pace{interval: 2 * sec, longest: 20 * sec}
			var got []time.Duration
			for _, cut := range tt.cutOff {
				got = append(got, p.next(cut, tt.asked))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBackoff(t *testing.T) { // G-ST-1
	b := backoff{longest: 10 * sec}
	var got []time.Duration
	for range 6 {
		got = append(got, b.next(0))
	}
	got = append(got, b.next(40*sec), b.next(time.Hour))
	want := []time.Duration{sec, 2 * sec, 4 * sec, 8 * sec, 10 * sec, 10 * sec, 40 * sec, 100 * sec}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

func TestAllowance(t *testing.T) { // C-IR-6
	a := allowance{interval: 30 * sec}
	now := time.Unix(1000, 0)
	steps := []struct {
		after time.Duration
		want  time.Duration
	}{
		{0, 0}, {0, 0}, {0, 15 * sec}, // a burst of two
		{5 * sec, 10 * sec},
		{10 * sec, 0}, {0, 15 * sec},
		{time.Hour, 0}, {0, 0}, {0, 15 * sec}, // no more than two gather
	}
	for i, st := range steps {
		now = now.Add(st.after)
		if got := a.take(now); got != st.want {
			t.Errorf("step %d: take = %v, want %v", i, got, st.want)
		}
	}
}

// TestAllowanceOfLongIntervals is C-IR-7: Java's arithmetic lets everything through beyond two minutes.
func TestAllowanceOfLongIntervals(t *testing.T) {
	a := allowance{interval: time.Hour}
	now := time.Unix(1000, 0)
	a.take(now)
	a.take(now)
	if got := a.take(now); got != 30*time.Minute {
		t.Errorf("third take = %v, want 30 minutes", got)
	}
}

func TestTroubleIsLoggedSparingly(t *testing.T) {
	var log bytes.Buffer
	tr, out := new(trouble), slog.New(slog.NewTextHandler(&log, nil))
	tr.report(out, "fetch", nil)
	for range 21 {
		tr.report(out, "fetch", errors.New("refused"))
	}
	tr.report(out, "fetch", nil)
	tr.report(out, "fetch", nil)
	var got []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), "level=")
		got = append(got, line)
	}
	want := []string{
		`WARN msg="fetch fails" failures=1 err=refused`,
		`WARN msg="fetch fails" failures=11 err=refused`,
		`WARN msg="fetch fails" failures=21 err=refused`,
		`INFO msg="fetch works again" failures=21`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
