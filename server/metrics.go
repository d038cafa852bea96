package server

import (
	"net/http"
	"runtime"
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
		s.requests,
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

// The counters are the registry's own. They do not follow the feed of changes: that leaves out heartbeats, and a follower that
// falls behind loses changes, while a counter must not miss any.
var numbers = []number{
	gauge("applications", "Applications with at least one instance.", func(st *registry.Stats) float64 { return float64(st.Apps) }),
	gauge("renewals_last_minute", "Heartbeats a minute from instances that are not overdue.", func(st *registry.Stats) float64 { return float64(st.RenewalsLastMinute) }),
	gauge("renewals_expected", "Heartbeats a minute expected from the registered leases.", func(st *registry.Stats) float64 { return st.RenewalsExpected }),
	gauge("renewal_threshold", "Heartbeats a minute below which nothing is evicted.", func(st *registry.Stats) float64 { return float64(st.RenewalThreshold) }),
	gauge("eviction_allowed", "1 while expired leases are evicted, 0 while self-preservation holds them.", func(st *registry.Stats) float64 { return oneIf(st.EvictionAllowed) }),
	gauge("renewals_below_threshold", "1 while fewer heartbeats arrive than the threshold.", func(st *registry.Stats) float64 { return oneIf(st.BelowThreshold) }),
	gauge("instances_overdue", "Instances whose heartbeat is late by more than half an interval.", func(st *registry.Stats) float64 { return float64(st.Overdue) }),
	gauge("replications_last_minute", "Operations received from peers in the last minute.", func(st *registry.Stats) float64 { return float64(st.ReplicationsLastMinute) }),
	counter("evictions", "Instances removed because their lease expired.", func(st *registry.Stats) uint64 { return st.Evictions }),
	counter("renewals_not_found", "Heartbeats for instances that are not registered.", func(st *registry.Stats) uint64 { return st.NotFound }),
}

var (
	renewalsDesc      = sourceDesc("renewals", "Heartbeats that renewed a lease.")
	registrationsDesc = sourceDesc("registrations", "Registrations, new and repeated.")
	cancelsDesc       = sourceDesc("cancels", "Instances removed on request.")
	springDesc        = prometheus.NewDesc("eureka_server_instances", "Instances by application and status, as Spring's server counts them; beyond 1,000 applications as \"other\".", []string{"application", "status"}, nil)
	buildDesc         = prometheus.NewDesc("heureka_build_info", "1, with the version of the program and of Go.", []string{"version", "goversion"}, nil)

	instancesDesc = prometheus.NewDesc("heureka_instances", "Instances by status.", []string{"status"}, nil)
	refusedDesc   = prometheus.NewDesc("heureka_requests_refused_total", "Requests answered with a status of 400 or above, by X-Heureka-Reason.", []string{"reason"}, nil)
	expiredDesc   = prometheus.NewDesc("heureka_instances_expired", "Instances still listed although their lease has expired, by application; applications without any are omitted.", []string{"application"}, nil)
	faultsDesc    = prometheus.NewDesc("heureka_registration_faults", "Registrations that will give trouble, by kind, as found within the last half minute, of many, and of those of a node that has started, within the time of 300 searches.", []string{"kind"}, nil)
	phaseDesc     = prometheus.NewDesc("heureka_phase", "1 for the node's current phase.", []string{"phase"}, nil)
)

// collector reads everything at the moment it is asked.
type collector struct{ s *Server }

// Describe implements prometheus.Collector.
func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, n := range numbers {
		ch <- n.desc
	}
	for _, d := range []*prometheus.Desc{renewalsDesc, registrationsDesc, cancelsDesc, springDesc, buildDesc} {
		ch <- d
	}
	ch <- instancesDesc
	ch <- expiredDesc
	ch <- phaseDesc
	ch <- faultsDesc
	ch <- refusedDesc
	describePeers(ch)
	describeCrowd(ch)
	describeTLS(ch)
	describeKept(ch)
	ch <- deniedDesc
	ch <- computedDesc
	ch <- authFailureDesc
	describeAudit(ch)
}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	c.s.statusByApp(time.Now()).collect(ch)
	c.collectAuth(ch)
	c.collectAudit(ch)
}

func (st *status) collect(ch chan<- prometheus.Metric) {
	for _, n := range numbers {
		ch <- prometheus.MustNewConstMetric(n.desc, n.kind, n.read(&st.Registry))
	}
	st.collectOperations(ch)
	collectApps(ch, st.Apps)
	ch <- prometheus.MustNewConstMetric(buildDesc, prometheus.GaugeValue, 1, st.cfg.Version, runtime.Version())
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
	for kind, n := range st.Faults {
		ch <- prometheus.MustNewConstMetric(faultsDesc, prometheus.GaugeValue, float64(n), string(kind))
	}
	st.collectPeers(ch)
	st.collectCrowd(ch)
	st.collectTLS(ch)
	st.collectKept(ch)
}

// sourceDesc describes a counter of operations by who sent them: clients, or peers on behalf of theirs.
func sourceDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("heureka_"+name+"_total", help, []string{"source"}, nil)
}

func (st *status) collectOperations(ch chan<- prometheus.Metric) {
	all, peers := &st.Registry, &st.Registry.OfPeers
	for _, n := range []struct {
		desc       *prometheus.Desc
		all, peers uint64
	}{
		{renewalsDesc, all.Renewals, peers.Renewals}, {registrationsDesc, all.Registrations, peers.Registrations}, {cancelsDesc, all.Cancels, peers.Cancels},
	} {
		ch <- prometheus.MustNewConstMetric(n.desc, prometheus.CounterValue, float64(n.all-min(n.peers, n.all)), "client")
		ch <- prometheus.MustNewConstMetric(n.desc, prometheus.CounterValue, float64(n.peers), "peer")
	}
}

// mostApps is how many applications have numbers of their own: each is as many series as it has statuses.
const mostApps = 1000

// collectApps is what Spring Cloud's server tells, which Java servers' dashboards show.
func collectApps(ch chan<- prometheus.Metric, apps []registry.AppCounts) {
	other := registry.AppCounts{App: "other"}
	for i := range apps {
		if i < mostApps {
			collectApp(ch, &apps[i])
			continue
		}
		for s, n := range apps[i].Statuses {
			other.Statuses[s] += n
		}
	}
	collectApp(ch, &other)
}

// collectApp leaves out the statuses that no instance has.
func collectApp(ch chan<- prometheus.Metric, a *registry.AppCounts) {
	for s := heureka.StatusUnknown; s <= heureka.StatusUp; s++ {
		if n := a.Statuses[s]; n > 0 {
			ch <- prometheus.MustNewConstMetric(springDesc, prometheus.GaugeValue, float64(n), a.App, s.String())
		}
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
