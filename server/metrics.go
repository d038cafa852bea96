package server

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// numbers are all the node has to tell. Each server has a registry of its own, so that several can live in one process.
func (s *Server) numbers() prometheus.Gatherer {
	reg := prometheus.NewRegistry()
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{s},
	)
	return reg
}

func metricsHandler(from prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(from, promhttp.HandlerOpts{})
}

// A number is one figure of the registry's statistics as a metric.
type number struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(st *registry.Stats) float64
}

func gauge(name, help string, read func(*registry.Stats) float64) number {
	return number{prometheus.NewDesc("heureka_"+name, help, nil, nil), prometheus.GaugeValue, read}
}

func counter(name, help string, read func(*registry.Stats) uint64) number {
	return number{prometheus.NewDesc("heureka_"+name+"_total", help, nil, nil), prometheus.CounterValue,
		func(st *registry.Stats) float64 { return float64(read(st)) }}
}

var numbers = []number{
	gauge("applications", "Applications with at least one instance.", func(st *registry.Stats) float64 { return float64(st.Apps) }),
	gauge("renewals_last_minute", "Heartbeats a minute of the instances that are not overdue.", func(st *registry.Stats) float64 { return float64(st.RenewalsLastMinute) }),
	gauge("renewals_expected", "Heartbeats a minute that the registered leases promise.", func(st *registry.Stats) float64 { return st.RenewalsExpected }),
	gauge("renewal_threshold", "Heartbeats a minute below which nothing is evicted.", func(st *registry.Stats) float64 { return float64(st.RenewalThreshold) }),
	gauge("eviction_allowed", "1 while expired leases are evicted, 0 while self-preservation holds them.", func(st *registry.Stats) float64 { return oneIf(st.EvictionAllowed) }),
	gauge("renewals_below_threshold", "1 while fewer heartbeats arrive than the threshold.", func(st *registry.Stats) float64 { return oneIf(st.BelowThreshold) }),
	gauge("instances_overdue", "Instances whose heartbeat is late by more than half an interval.", func(st *registry.Stats) float64 { return float64(st.Overdue) }),
	gauge("replications_last_minute", "Operations of the last minute that came from peers.", func(st *registry.Stats) float64 { return float64(st.ReplicationsLastMinute) }),
	counter("renewals", "Heartbeats that renewed a lease.", func(st *registry.Stats) uint64 { return st.Renewals }),
	counter("registrations", "Registrations, new and repeated.", func(st *registry.Stats) uint64 { return st.Registrations }),
	counter("cancels", "Instances removed on request.", func(st *registry.Stats) uint64 { return st.Cancels }),
	counter("evictions", "Instances removed because their lease ran out.", func(st *registry.Stats) uint64 { return st.Evictions }),
	counter("renewals_not_found", "Heartbeats of instances that are not registered.", func(st *registry.Stats) uint64 { return st.NotFound }),
}

var (
	instancesDesc = prometheus.NewDesc("heureka_instances", "Instances by status.", []string{"status"}, nil)
	refusedDesc   = prometheus.NewDesc("heureka_requests_refused_total", "Requests answered with 400 and above, by the word in X-Heureka-Reason.", []string{"reason"}, nil)
	expiredDesc   = prometheus.NewDesc("heureka_instances_expired", "Instances whose lease ran out and that are still listed, by application; those without any are left out.", []string{"application"}, nil)
	phaseDesc     = prometheus.NewDesc("heureka_phase", "1 for the phase the node is in.", []string{"phase"}, nil)
)

// collector reads everything at the moment it is asked.
type collector struct{ s *Server }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, n := range numbers {
		ch <- n.desc
	}
	ch <- instancesDesc
	ch <- expiredDesc
	ch <- phaseDesc
	ch <- refusedDesc
	describePeers(ch)
	describeCrowd(ch)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.s.status(0, time.Now()).collect(ch)
}

func (st *status) collect(ch chan<- prometheus.Metric) {
	for _, n := range numbers {
		ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.read(&st.Registry))
	}
	for s := heureka.StatusUnknown; s <= heureka.StatusUp; s++ {
		ch <- prometheus.MustNewConstMetric(instancesDesc, prometheus.GaugeValue, float64(st.Registry.Statuses[s]), s.String())
	}
	for app, n := range st.Registry.Expired {
		ch <- prometheus.MustNewConstMetric(expiredDesc, prometheus.GaugeValue, float64(n), app)
	}
	for _, ph := range []Phase{Syncing, Waiting, Open, Stopping} {
		ch <- prometheus.MustNewConstMetric(phaseDesc, prometheus.GaugeValue, oneIf(ph == st.Phase.Now), string(ph))
	}
	for _, r := range st.Refused {
		ch <- prometheus.MustNewConstMetric(refusedDesc, prometheus.CounterValue, float64(r.Count), r.Reason)
	}
	st.collectPeers(ch)
	st.collectCrowd(ch)
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
