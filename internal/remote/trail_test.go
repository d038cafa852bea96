package remote

import (
	"bytes"
	"testing"
	"time"
)

func TestTrail(t *testing.T) {
	const s = time.Second
	start := time.Unix(1_700_000_000, 0)
	tests := []struct {
		name  string
		trail Trail
		reach time.Duration // of the delta that arrives
		after time.Duration // the state was asked for
		worth bool          // to ask
		ok    bool          // to apply what arrives then
	}{
		{"half the usual retention", Trail{}, NoReach, 90 * s, true, true},
		{"later", Trail{}, NoReach, 91 * s, false, false},
		{"half the configured retention", Trail{Retention: 60 * s}, NoReach, 31 * s, false, false},
		{"the server says that it reaches less far", Trail{}, 29 * s, 30 * s, true, false},
		{"the server has said that it reaches further", Trail{reach: 600 * s}, 600 * s, 599 * s, true, true},
		{"the server has started anew", Trail{reach: 600 * s}, 5 * s, 30 * s, true, false},
		{"the whole is due", Trail{Whole: 20 * s}, NoReach, 20 * s, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reach := tt.trail.reach
			tt.trail.Take(start, true)
			tt.trail.reach = reach
			now := start.Add(tt.after)
			if got := tt.trail.Worth(now); got != tt.worth {
				t.Errorf("Worth = %v, want %v", got, tt.worth)
			}
			if got := tt.trail.Continues(&Document{Reach: tt.reach}, now); got != tt.ok {
				t.Errorf("Continues = %v, want %v", got, tt.ok)
			}
		})
	}
	if (&Trail{}).Worth(start) {
		t.Error("a delta is worth asking for without a state")
	}
}

// The monotonic clock of a machine that sleeps stands still; the wall clock may be set back.
func TestElapsedIsTheLongerTime(t *testing.T) {
	asked := time.Now()
	woken := asked.Round(0).Add(time.Hour) // as the wall clock has it
	if got := elapsed(asked, woken); got != time.Hour {
		t.Errorf("elapsed = %v, want %v", got, time.Hour)
	}
	if got := elapsed(asked, asked.Add(time.Minute)); got != time.Minute {
		t.Errorf("elapsed = %v, want %v", got, time.Minute)
	}
}

// The buffer of an answer that was far too large is not kept for the next.
func TestLargeBuffersAreLetGo(t *testing.T) {
	large := bytes.NewBuffer(make([]byte, 0, maxPooled+1))
	for range 100 {
		(&Reply{buf: large}).Release()
		if got := buffers.Get().(*bytes.Buffer); got == large {
			t.Fatalf("a buffer of %d bytes was kept", got.Cap())
		}
	}
}
