package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka/internal/httpapi"
)

// A keptNumber is one figure of the snapshots as a metric.
type keptNumber struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*keptStatus) float64
}

func keptGauge(name, help string, read func(*keptStatus) float64) keptNumber {
	return keptNumber{prometheus.NewDesc("heureka_snapshot_"+name, help, nil, nil), prometheus.GaugeValue, read}
}

func keptCounter(name, help string, read func(*keptStatus) uint64) keptNumber {
	return keptNumber{prometheus.NewDesc("heureka_snapshot_"+name+"_total", help, nil, nil), prometheus.CounterValue,
		func(st *keptStatus) float64 { return float64(read(st)) }}
}

// The numbers of a node that keeps its registry on disk; others have none of them.
var keptNumbers = []keptNumber{
	keptGauge("timestamp_seconds", "When the last snapshot of the registry was taken, as a Unix time; 0 if there is none.", func(st *keptStatus) float64 {
		if st.At.IsZero() {
			return 0
		}
		return float64(st.At.UnixMilli()) / 1000
	}),
	keptGauge("records", "Records in the last snapshot: instances and tombstones of cancelled ones.", func(st *keptStatus) float64 { return float64(st.Count) }),
	keptGauge("bytes", "Size of the last snapshot written.", func(st *keptStatus) float64 { return float64(st.Bytes) }),
	keptGauge("write_seconds", "How long the last snapshot took to write.", func(st *keptStatus) float64 { return st.Took.Seconds() }),
	keptGauge("failing", "1 while no snapshot can be written.", func(st *keptStatus) float64 { return oneIf(st.Err != nil) }),
	keptGauge("restored_instances", "Instances restored from a snapshot when the node started.", func(st *keptStatus) float64 { return float64(st.Restored) }),
	keptCounter("writes", "Snapshots written.", func(st *keptStatus) uint64 { return st.Written }),
	keptCounter("write_errors", "Snapshots that could not be written; each is tried again.", func(st *keptStatus) uint64 { return st.Failed }),
}

func describeKept(ch chan<- *prometheus.Desc) {
	for _, n := range keptNumbers {
		ch <- n.desc
	}
}

func (st *status) collectKept(ch chan<- prometheus.Metric) {
	if st.Kept == nil {
		return
	}
	for _, n := range keptNumbers {
		ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.read(st.Kept))
	}
}

// health shows how fresh the copy on disk is. That there is none takes nothing out of service: it is for the next start.
func (st *keptStatus) health(now time.Time) httpapi.Component {
	c := httpapi.Component{Status: httpapi.HealthUp, Details: map[string]any{"directory": st.Dir, "written": st.Written, "restored": st.Restored}}
	if !st.At.IsZero() {
		c.Details["taken"] = st.At.UTC().Format(time.RFC3339)
		c.Details["age"] = max(0, now.Sub(st.At)).Round(time.Second).String()
		c.Details["records"] = st.Count
	}
	if st.Written > 0 {
		c.Details["bytes"], c.Details["took"] = st.Bytes, st.Took.Round(time.Millisecond).String()
	}
	if st.Err != nil {
		c.Status = httpapi.HealthUnknown
		c.Details["error"] = st.Err.Error()
	}
	return c
}
