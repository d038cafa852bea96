package dashboard

import (
	"fmt"
	"strings"
	"time"
)

// A Sample is the renewals at one moment.
type Sample struct {
	At                           time.Time
	Present, Expected, Threshold float64
}

// The drawing's size in its own units.
const (
	plotWidth  = 720
	plotHeight = 160
)

// A drawing spans what is known, within these bounds.
const (
	leastSpan = 2 * time.Minute
	mostSpan  = time.Hour
)

// A Plot is the renewals of the last hour as a drawing.
type Plot struct {
	Present, Expected, Threshold string // points of a polyline
	Top                          string // what the upper edge stands for
	Left                         string // and the left one
	Text                         string // for who cannot see it
}

// NewPlot draws samples, oldest first.
func NewPlot(samples []Sample, now time.Time) Plot {
	if len(samples) < 2 {
		return Plot{}
	}
	top, least := 1.0, samples[0].Present
	for _, s := range samples {
		top = max(top, s.Present, s.Expected, s.Threshold)
		least = min(least, s.Present)
	}
	top *= 1.1
	span := min(max(now.Sub(samples[0].At), leastSpan), mostSpan)
	last := samples[len(samples)-1]
	return Plot{
		Present:   line(samples, now, span, top, func(s Sample) float64 { return s.Present }),
		Expected:  line(samples, now, span, top, func(s Sample) float64 { return s.Expected }),
		Threshold: line(samples, now, span, top, func(s Sample) float64 { return s.Threshold }),
		Top:       decimal(top),
		Left:      fmt.Sprintf("%d min ago", int(span.Minutes())),
		Text: fmt.Sprintf("Renewals a minute in the last hour: now %s present, the fewest were %s, threshold %s, expected %s.",
			decimal(last.Present), decimal(least), decimal(last.Threshold), decimal(last.Expected)),
	}
}

func line(samples []Sample, now time.Time, span time.Duration, top float64, of func(Sample) float64) string {
	var b strings.Builder
	for _, s := range samples {
		x := plotWidth * (1 - float64(now.Sub(s.At))/float64(span))
		if x < 0 {
			continue
		}
		fmt.Fprintf(&b, "%.0f,%.1f ", x, plotHeight*(1-of(s)/top))
	}
	return strings.TrimSpace(b.String())
}
