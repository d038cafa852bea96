package scenario

import (
	"testing"
	"time"

	"heureka.internal/heureka/internal/replication"
)

// A reading is like those of time.Now: what people set is shown, what went by is measured.
func TestReadings(t *testing.T) {
	var c clock
	before := c.read(time.Minute)
	c.offset = -time.Hour
	after := c.read(time.Minute + time.Second)
	if got := after.Sub(before); got != time.Second {
		t.Errorf("a second after %v the clock shows %v, and %v have passed", before, after, got)
	}
	if got, want := after.UnixMilli(), epoch.Add(time.Minute+time.Second-time.Hour).UnixMilli(); got != want {
		t.Errorf("the clock was set to %v, and shows %v", time.UnixMilli(want).UTC(), after)
	}
	if got := after.Add(time.Second).Round(0); !got.Equal(epoch.Add(time.Minute + 2*time.Second - time.Hour)) {
		t.Errorf("a second later it shows %v", got)
	}
}

// A start looks at how long ago clients have come, whatever people do to the clock meanwhile.
func TestStartsIgnoreClocks(t *testing.T) {
	for _, set := range []time.Duration{-26 * time.Hour, -time.Minute, time.Minute, 26 * time.Hour} {
		var c clock
		var a replication.Arrivals
		for i := range time.Duration(30) {
			a.Add(c.read(i*time.Second), 30)
		}
		c.offset = set
		for waited, want := range map[time.Duration]bool{40 * time.Second: false, 80 * time.Second: true} {
			if got := a.Ebbed(waited, 30*time.Second, 90*time.Second, c.read(waited)); got != want {
				t.Errorf("clock set by %v: after %v arrivals have ebbed: %v, want %v", set, waited, got, want)
			}
		}
	}
}
