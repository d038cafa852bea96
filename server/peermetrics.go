package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka/internal/replication"
)

// A peerNumber is one figure of a peer as a metric.
type peerNumber struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(p *replication.Status) float64
}

func peerMetric(name, help string, kind prometheus.ValueType, read func(*replication.Status) float64) peerNumber {
	return peerNumber{prometheus.NewDesc("heureka_peer_"+name, help, []string{"peer"}, nil), kind, read}
}

var peerNumbers = []peerNumber{
	peerMetric("up", "1 if the last batch to the peer arrived.", prometheus.GaugeValue, func(p *replication.Status) float64 { return oneIf(available(p)) }),
	peerMetric("refusing", "1 if the peer refuses batches for good, as with wrong credentials.", prometheus.GaugeValue, func(p *replication.Status) float64 { return oneIf(p.Permanent) }),
	peerMetric("pending", "Instances with operations queued for the peer.", prometheus.GaugeValue, func(p *replication.Status) float64 { return float64(p.Pending) }),
	peerMetric("lag_seconds", "Age of the oldest operation queued for the peer.", prometheus.GaugeValue, func(p *replication.Status) float64 { return p.Lag.Seconds() }),
	peerMetric("batches_total", "Batches that the peer accepted.", prometheus.CounterValue, func(p *replication.Status) float64 { return float64(p.Batches) }),
	peerMetric("failed_batches_total", "Batches that failed.", prometheus.CounterValue, func(p *replication.Status) float64 { return float64(p.Failed) }),
	peerMetric("dropped_total", "Operations dropped because they expired, overflowed the queue or were rejected.", prometheus.CounterValue, func(p *replication.Status) float64 {
		return float64(p.Counts.Expired + p.Counts.Overflowed + p.Counts.Refused)
	}),
	peerMetric("exchanges_total", "Detailed comparisons with a heureka peer.", prometheus.CounterValue, func(p *replication.Status) float64 { return float64(p.Exchanges) }),
	peerMetric("healed_total", "Instances updated from this peer by anti-entropy.", prometheus.CounterValue, func(p *replication.Status) float64 { return float64(p.Healed) }),
	peerMetric("refused_records_total", "Records of the peer that this node's limits do not allow.", prometheus.CounterValue, func(p *replication.Status) float64 { return float64(p.Refused) }),
	peerMetric("clock_skew_seconds", "How far the peer's clock is ahead of this node's.", prometheus.GaugeValue, func(p *replication.Status) float64 {
		if p.ClockSkew == nil {
			return 0
		}
		return p.ClockSkew.Seconds()
	}),
}

func describePeers(ch chan<- *prometheus.Desc) {
	for _, n := range peerNumbers {
		ch <- n.desc
	}
}

func (st *status) collectPeers(ch chan<- prometheus.Metric) {
	for i := range st.Peers {
		p := &st.Peers[i]
		for _, n := range peerNumbers {
			ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.read(p), p.URL)
		}
	}
}
