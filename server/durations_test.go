package server

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// nativeCounts are the native buckets of a histogram by their index.
func nativeCounts(h *dto.Histogram) map[int32]int64 {
	counts, deltas := map[int32]int64{}, h.GetPositiveDelta()
	var i int32
	var n int64
	for _, span := range h.GetPositiveSpan() {
		i += span.GetOffset()
		for range span.GetLength() {
			n += deltas[0]
			if deltas = deltas[1:]; n != 0 {
				counts[i] = n
			}
			i++
		}
	}
	return counts
}

func classicCounts(h *dto.Histogram) map[float64]uint64 {
	counts := map[float64]uint64{}
	for _, b := range h.GetBucket() {
		counts[b.GetUpperBound()] = b.GetCumulativeCount()
	}
	return counts
}

// Both kinds of buckets hold what client_golang's own histogram has in them.
func TestDurationsAsInPrometheus(t *testing.T) {
	seed := time.Now().UnixNano()
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	reference := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: classicBounds, NativeHistogramBucketFactor: 1.1})
	var d durations
	observe := func(took time.Duration) {
		reference.Observe(took.Seconds())
		d.observe(took)
	}
	for _, bound := range classicBounds { // on a bound and beside it
		on := time.Duration(bound * float64(time.Second))
		observe(on)
		observe(on - 1)
		observe(on + 1)
	}
	for range 20_000 {
		observe(time.Duration(1000<<rnd.IntN(28)) + time.Duration(rnd.IntN(1_000_000)))
	}
	var m dto.Metric
	if err := reference.Write(&m); err != nil {
		t.Fatal(err)
	}
	want, got := m.GetHistogram(), d.histogram()
	if diff := cmp.Diff(classicCounts(want), classicCounts(got)); diff != "" {
		t.Errorf("seed %d: classic buckets (-want +got):\n%s", seed, diff)
	}
	wantNative := nativeCounts(want)
	for i, n := range wantNative { // what lasts a microsecond or less is one bucket here
		if i <= lowestPower*perPower {
			delete(wantNative, i)
			*want.ZeroCount += uint64(n)
		}
	}
	if diff := cmp.Diff(wantNative, nativeCounts(got)); diff != "" {
		t.Errorf("seed %d: native buckets (-want +got):\n%s", seed, diff)
	}
	if want.GetSchema() != got.GetSchema() || want.GetSampleCount() != got.GetSampleCount() || want.GetZeroCount() != got.GetZeroCount() {
		t.Errorf("seed %d: schema, count and zeros are %d, %d, %d, want %d, %d, %d", seed, got.GetSchema(), got.GetSampleCount(), got.GetZeroCount(),
			want.GetSchema(), want.GetSampleCount(), want.GetZeroCount())
	}
	if diff := want.GetSampleSum() - got.GetSampleSum(); max(diff, -diff) > 1e-6*want.GetSampleSum() {
		t.Errorf("seed %d: sum %v, want %v", seed, got.GetSampleSum(), want.GetSampleSum())
	}
}

// What is out of all bounds is counted too: the clock may stand still, or a request last for ever.
func TestDurationsOutOfBounds(t *testing.T) {
	var d durations
	for _, took := range []time.Duration{0, -time.Second, time.Hour} {
		d.observe(took)
	}
	h := d.histogram()
	if got := h.GetSampleCount(); got != 3 {
		t.Errorf("counted %d, want 3", got)
	}
	if got := classicCounts(h); got[0.0005] != 2 || got[5] != 2 {
		t.Errorf("%v, want two below all bounds and one beyond", got)
	}
}

// BenchmarkDurations shows what counting a request costs, beside client_golang's histogram.
func BenchmarkDurations(b *testing.B) {
	b.Run("own", func(b *testing.B) {
		var d durations
		b.ReportAllocs()
		for b.Loop() {
			d.observe(40 * time.Microsecond)
		}
	})
	b.Run("client_golang", func(b *testing.B) {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: classicBounds, NativeHistogramBucketFactor: 1.1})
		b.ReportAllocs()
		for b.Loop() {
			h.Observe((40 * time.Microsecond).Seconds())
		}
	})
}
