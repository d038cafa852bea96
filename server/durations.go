package server

import (
	"math"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// classicBounds are the buckets, in seconds, of those who scrape no native histogram.
var classicBounds = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}

// The native buckets: eight to a power of two, from about a microsecond, below which all is one, to 512 s, above which nothing
// lasts.
const (
	nativeSchema = 3
	perPower     = 1 << nativeSchema
	lowestPower  = -20
	highestPower = 9
	nativeCount  = (highestPower - lowestPower) * perPower
)

// fractions are the bounds within a power of two.
var fractions = func() (f [perPower]float64) {
	for i := range f {
		f[i] = math.Exp2(float64(i)/perPower - 1)
	}
	return f
}()

// splits are the classic bounds, each in the native bucket it cuts in two, which is one at most; infinite where there is none.
var splits = func() (s [nativeCount + 1]float64) {
	for i := range s {
		s[i] = math.Inf(1)
	}
	for _, bound := range classicBounds {
		s[nativeBucket(bound)] = bound
	}
	return s
}()

// nativeBucket is the bucket of a duration; 0 is the one below all.
func nativeBucket(seconds float64) int {
	if seconds <= 0 {
		return 0
	}
	fraction, power := math.Frexp(seconds)
	return min(max(sort.SearchFloat64s(fractions[:], fraction)+(power-1-lowestPower)*perPower, 0), nativeCount)
}

// durations counts how long requests took. A native bucket that a classic bound cuts has two cells, so that one addition
// counts for both kinds and they never disagree.
type durations struct {
	cells [nativeCount + 1][2]atomic.Uint64
	nanos atomic.Int64
}

func (d *durations) observe(took time.Duration) {
	seconds := took.Seconds()
	i, upper := nativeBucket(seconds), 0
	if seconds > splits[i] {
		upper = 1
	}
	d.cells[i][upper].Add(1)
	d.nanos.Add(int64(took))
}

// histogram is what was counted as both kinds.
func (d *durations) histogram() *dto.Histogram {
	h := &dto.Histogram{Schema: new(int32(nativeSchema)), ZeroThreshold: new(math.Exp2(lowestPower))}
	var total uint64
	native := make([]uint64, len(d.cells))
	for i := range d.cells {
		lower, upper := d.cells[i][0].Load(), d.cells[i][1].Load()
		if bound := splits[i]; !math.IsInf(bound, 1) {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: &bound, CumulativeCount: new(total + lower)})
		}
		native[i] = lower + upper
		total += native[i]
	}
	h.SampleCount, h.SampleSum, h.ZeroCount = new(total), new(time.Duration(d.nanos.Load()).Seconds()), new(native[0])
	addSpan(h, native[1:])
	return h
}

// addSpan adds the native buckets from the first to the last that is not empty, as differences.
func addSpan(h *dto.Histogram, native []uint64) {
	filled := func(n uint64) bool { return n > 0 }
	first := slices.IndexFunc(native, filled)
	if first < 0 {
		return
	}
	before := int64(0)
	last := first
	for i, n := range native {
		if filled(n) {
			last = i
		}
	}
	for _, n := range native[first : last+1] {
		h.PositiveDelta = append(h.PositiveDelta, int64(n)-before)
		before = int64(n)
	}
	h.PositiveSpan = []*dto.BucketSpan{{Offset: new(int32(first + 1 + lowestPower*perPower)), Length: new(uint32(last + 1 - first))}}
}
