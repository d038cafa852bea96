// Package prometheus shows what a Eureka client does as metrics of Prometheus. It is a module of its own, so that the client
// needs nothing but the standard library.
//
//	m := prometheus.New()
//	c, err := client.New(client.Config{Hooks: m.Hooks(), …})
//	m.Follow(c)
//	registry.MustRegister(m)
//	web := &http.Client{Transport: &client.Transport{Client: c, Hooks: m.TransportHooks()}}
//
// Series have no instance and no host of a server as label: both come and go without end.
package prometheus

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// Metrics is a prometheus.Collector for one client and its transports.
type Metrics struct {
	client   atomic.Pointer[client.Client]
	requests *prometheus.HistogramVec
	tries    *prometheus.HistogramVec
	ejected  *prometheus.CounterVec
}

var _ prometheus.Collector = (*Metrics)(nil)

// New returns metrics that nothing has been counted for.
func New() *Metrics {
	return &Metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eureka_client_request_duration_seconds", Help: "Requests to registry servers. Code 0: no answer came.",
			Buckets: prometheus.DefBuckets,
		}, []string{"operation", "code"}),
		tries: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "eureka_client_try_duration_seconds", Help: "Tries of instances until the header of the answer. Code 0: no answer came.",
			Buckets: prometheus.DefBuckets,
		}, []string{"service", "code"}),
		ejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "eureka_client_ejections_total", Help: "Times that an instance was left alone because it hung or failed.",
		}, []string{"app"}),
	}
}

// Follow adds the numbers of c, read at each scrape. It replaces a client that was followed before.
func (m *Metrics) Follow(c *client.Client) { m.client.Store(c) }

// Hooks are for client.Config.
func (m *Metrics) Hooks() client.Hooks {
	return client.Hooks{Request: func(i client.RequestInfo) {
		m.requests.WithLabelValues(i.Op, strconv.Itoa(i.Status)).Observe(i.Duration.Seconds())
	}}
}

// TransportHooks are for client.Transport.
func (m *Metrics) TransportHooks() client.TransportHooks {
	return client.TransportHooks{
		Try: func(i client.TryInfo) {
			m.tries.WithLabelValues(heureka.AppName(i.Service), strconv.Itoa(i.Status)).Observe(i.Duration.Seconds())
		},
		Eject: func(k heureka.Key) { m.ejected.WithLabelValues(k.App).Inc() },
	}
}

// A number is one of client.Stats.
type number struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*client.Stats) float64
}

func row(name, help string, kind prometheus.ValueType, of func(*client.Stats) float64) number {
	return number{prometheus.NewDesc("eureka_client_"+name, help, nil, nil), kind, of}
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var numbers = []number{
	row("instances", "Instances in the copy of the registry, of any status.", gauge, func(s *client.Stats) float64 { return float64(s.Instances) }),
	row("watching", "1 while a server tells of changes as they happen, 0 while the client has to ask.", gauge, func(s *client.Stats) float64 {
		if s.Watching {
			return 1
		}
		return 0
	}),
	row("last_fetch_timestamp_seconds", "Last refresh of the registry that succeeded; 0: none yet.", gauge, func(s *client.Stats) float64 {
		if s.LastFetch.IsZero() {
			return 0
		}
		return float64(s.LastFetch.UnixMilli()) / 1000
	}),
	row("last_heartbeat_timestamp_seconds", "Last heartbeat that succeeded; 0: none yet.", gauge, func(s *client.Stats) float64 {
		if s.LastHeartbeat.IsZero() {
			return 0
		}
		return float64(s.LastHeartbeat.UnixMilli()) / 1000
	}),
	row("fetches_total", "Refreshes of the registry.", counter, func(s *client.Stats) float64 { return float64(s.Fetches) }),
	row("fetch_failures_total", "Refreshes that failed.", counter, func(s *client.Stats) float64 { return float64(s.FetchFailures) }),
	row("full_fetches_total", "Refreshes by the whole registry.", counter, func(s *client.Stats) float64 { return float64(s.FullFetches) }),
	row("mismatches_total", "Deltas that did not lead to the server's registry.", counter, func(s *client.Stats) float64 { return float64(s.Mismatches) }),
	row("heartbeats_total", "Heartbeats of own instances.", counter, func(s *client.Stats) float64 { return float64(s.Heartbeats) }),
	row("heartbeat_failures_total", "Heartbeats that failed.", counter, func(s *client.Stats) float64 { return float64(s.HeartbeatFailures) }),
	row("reregistrations_total", "Heartbeats for instances that a server did not know.", counter, func(s *client.Stats) float64 { return float64(s.Reregistrations) }),
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	m.requests.Describe(out)
	m.tries.Describe(out)
	m.ejected.Describe(out)
	for _, n := range numbers {
		out <- n.desc
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.requests.Collect(out)
	m.tries.Collect(out)
	m.ejected.Collect(out)
	c := m.client.Load()
	if c == nil {
		return
	}
	s := c.Stats()
	for _, n := range numbers {
		out <- prometheus.MustNewConstMetric(n.desc, n.kind, n.of(&s))
	}
}
