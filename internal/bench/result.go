package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"heureka.internal/heureka/internal/outbound"
)

// A Result is what one run measured.
type Result struct {
	URL        string        `json:"url"`
	Mode       Mode          `json:"mode"`
	Instances  int           `json:"instances"`
	Seconds    float64       `json:"seconds"`
	Operations int64         `json:"operations"`
	Errors     int64         `json:"errors"`
	FirstError string        `json:"firstError,omitempty"`
	PerSecond  float64       `json:"perSecond"`
	Bytes      int64         `json:"bytes"`
	BytesPerOp float64       `json:"bytesPerOperation"`
	Latency    Percentiles   `json:"latency"`
	Heartbeats *Percentiles  `json:"heartbeatLatency,omitempty"` // of a fleet
	Polls      *Percentiles  `json:"pollLatency,omitempty"`      // likewise
	CPUPerOp   time.Duration `json:"cpuPerOperationNs,omitempty"`
	Resident   int64         `json:"residentBytes,omitempty"`
}

// Percentiles describe a distribution of times.
type Percentiles struct {
	P50 time.Duration `json:"p50Ns"`
	P90 time.Duration `json:"p90Ns"`
	P99 time.Duration `json:"p99Ns"`
	Max time.Duration `json:"maxNs"`
}

func (t *target) result(took time.Duration, before, after Usage) *Result {
	ops := t.ops.Load()
	r := &Result{
		URL: outbound.Hide(t.cfg.URL), Mode: t.cfg.Mode, Instances: t.cfg.Instances, Seconds: took.Seconds(),
		Operations: ops, Errors: t.errs.Load(), Bytes: t.bytes.Load(),
		PerSecond: float64(ops) / took.Seconds(), Latency: t.lat.percentiles(),
	}
	if err := t.firstErr.Load(); err != nil {
		r.FirstError = (*err).Error()
	}
	if t.cfg.Mode == Fleet {
		r.Heartbeats, r.Polls = new(t.beats.percentiles()), new(t.polls.percentiles())
	}
	if ops > 0 {
		r.BytesPerOp = float64(r.Bytes) / float64(ops)
		if before.OK && after.OK {
			r.CPUPerOp = (after.CPU - before.CPU) / time.Duration(ops)
		}
	}
	if after.OK {
		r.Resident = after.Resident
	}
	return r
}

// maxSamples bounds what a run remembers; beyond it, every second sample is forgotten and every second one taken.
const maxSamples = 1 << 18

// latencies collects times. Safe for concurrent use.
type latencies struct {
	mu      sync.Mutex
	samples []time.Duration
	stride  int64
	seen    int64
	max     time.Duration
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.max = max(l.max, d)
	l.seen++
	if l.seen%max(l.stride, 1) != 0 {
		return
	}
	if len(l.samples) == maxSamples {
		for i := range maxSamples / 2 {
			l.samples[i] = l.samples[2*i]
		}
		l.samples = l.samples[:maxSamples/2]
		l.stride = 2 * max(l.stride, 1)
	}
	l.samples = append(l.samples, d)
}

func (l *latencies) percentiles() Percentiles {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := slices.Clone(l.samples)
	slices.Sort(s)
	return Percentiles{P50: at(s, 0.50), P90: at(s, 0.90), P99: at(s, 0.99), Max: l.max}
}

// at returns the q-quantile of sorted values by nearest rank.
func at[T cmp.Ordered](sorted []T, q float64) T {
	var zero T
	if len(sorted) == 0 {
		return zero
	}
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// String returns the distribution on one line.
func (p Percentiles) String() string {
	r := func(d time.Duration) time.Duration { return d.Round(time.Microsecond) }
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, max %s", r(p.P50), r(p.P90), r(p.P99), r(p.Max))
}
