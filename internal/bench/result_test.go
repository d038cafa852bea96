package bench

import (
	"slices"
	"testing"
	"time"
)

func TestPercentilesByNearestRank(t *testing.T) {
	var l latencies
	for i := 100; i >= 1; i-- {
		l.add(time.Duration(i))
	}
	want := Percentiles{P50: 50, P90: 90, P99: 99, Max: 100}
	if got := l.percentiles(); got != want {
		t.Errorf("percentiles() = %+v, want %+v", got, want)
	}
}

func TestLatenciesStayBoundedAndTrue(t *testing.T) {
	var l latencies
	for i := range 4 * maxSamples {
		l.add(time.Duration(i))
	}
	if len(l.samples) > maxSamples {
		t.Errorf("%d samples kept, want at most %d", len(l.samples), maxSamples)
	}
	p := l.percentiles()
	if middle := time.Duration(2 * maxSamples); p.P50 < middle*9/10 || p.P50 > middle*11/10 {
		t.Errorf("P50 = %d, want about %d", p.P50, middle)
	}
}

func TestParseUsage(t *testing.T) {
	stat := "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0 100 1000 200 18446744073709551615"
	got := parseUsage(stat, "1000 25 10 1 0 500 0\n", 4096)
	if want := (Usage{CPU: 3 * time.Second, Resident: 25 * 4096, OK: true}); got != want {
		t.Errorf("parseUsage() = %+v, want %+v", got, want)
	}
	for _, bad := range []string{"", "42 (x) S 1", "42 (x) S a b c d e f g h i j k l m"} {
		if parseUsage(bad, "1 2", 4096).OK {
			t.Errorf("parseUsage(%q) is ok", bad)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 2, 3}, 2.5}, {[]float64{7}, 7}} {
		before := slices.Clone(c.in)
		if got := median(c.in); got != c.want || !slices.Equal(before, c.in) {
			t.Errorf("median(%v) = %v, want %v and the input unchanged", before, got, c.want)
		}
	}
}

// The made-up records are what the sizes in the documentation are about: about 1 kB each, all different.
func TestRecordsAreRealistic(t *testing.T) {
	ids := map[string]bool{}
	for i := range 1000 {
		in := instanceOf(i)
		ids[in.Key().String()] = true
		if n := len(registrationBody(in)); n < 900 || n > 1300 {
			t.Fatalf("record %d has %d bytes, want about 1 kB", i, n)
		}
	}
	if len(ids) != 1000 {
		t.Errorf("%d different keys, want 1000", len(ids))
	}
}
