package bench

import (
	"context"
	"fmt"
	"slices"

	"heureka.internal/heureka/internal/outbound"
)

// A Comparison is the same load on two servers, in turn.
type Comparison struct {
	A, B   []*Result `json:"-"`
	Rounds int       `json:"rounds"`
	Ratios []Ratio   `json:"ratios"`
}

// A Ratio is one figure of A divided by the same of B, round by round.
type Ratio struct {
	Figure           string  `json:"figure"`
	A, B             float64 // medians
	Min, Median, Max float64 // of A/B
}

// Compare measures a and b in turn, rounds times, so that what disturbs the machine disturbs both. It fails if any answer
// was not what the run expects: a server that refuses is cheap, and says nothing about one that serves.
func Compare(ctx context.Context, a, b Config, rounds int) (*Comparison, error) {
	c := &Comparison{Rounds: rounds}
	for i := range rounds {
		a.NoPrefill = a.NoPrefill || i > 0
		b.NoPrefill = b.NoPrefill || i > 0
		ra, err := faultless(ctx, a)
		if err != nil {
			return nil, err
		}
		rb, err := faultless(ctx, b)
		if err != nil {
			return nil, err
		}
		c.A, c.B = append(c.A, ra), append(c.B, rb)
	}
	c.Ratios = ratios(c.A, c.B)
	return c, nil
}

// faultless measures once; a wrong answer is an error, and so is a run without any answer.
func faultless(ctx context.Context, cfg Config) (*Result, error) {
	r, err := Run(ctx, cfg)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", outbound.Hide(cfg.URL), err)
	case r.Errors > 0:
		return nil, fmt.Errorf("%s: %d of %d answers were wrong, the first: %s", outbound.Hide(cfg.URL), r.Errors, r.Operations, r.FirstError)
	case r.Operations == 0:
		return nil, fmt.Errorf("%s: nothing was answered", outbound.Hide(cfg.URL))
	}
	return r, nil
}

// figures are what is compared.
var figures = []struct {
	name string
	of   func(*Result) float64
}{
	{"operations/s", func(r *Result) float64 { return r.PerSecond }},
	{"latency p50 µs", func(r *Result) float64 { return float64(r.Latency.P50.Nanoseconds()) / 1e3 }},
	{"latency p99 µs", func(r *Result) float64 { return float64(r.Latency.P99.Nanoseconds()) / 1e3 }},
	{"bytes/operation", func(r *Result) float64 { return r.BytesPerOp }},
	{"CPU µs/operation", func(r *Result) float64 { return float64(r.CPUPerOp.Nanoseconds()) / 1e3 }},
	{"resident MB", func(r *Result) float64 { return float64(r.Resident) / 1e6 }},
}

// ratios leaves out figures that were not measured on both sides.
func ratios(a, b []*Result) []Ratio {
	var out []Ratio
	for _, f := range figures {
		var as, bs, quotients []float64
		for i := range a {
			x, y := f.of(a[i]), f.of(b[i])
			as, bs = append(as, x), append(bs, y)
			if x > 0 && y > 0 {
				quotients = append(quotients, x/y)
			}
		}
		if len(quotients) == 0 {
			continue
		}
		out = append(out, Ratio{Figure: f.name, A: median(as), B: median(bs),
			Min: slices.Min(quotients), Median: median(quotients), Max: slices.Max(quotients)})
	}
	return out
}

func median(v []float64) float64 {
	s := slices.Clone(v)
	slices.Sort(s)
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
