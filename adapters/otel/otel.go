// Package otel shows what a Eureka client does as metrics of OpenTelemetry. It is a module of its own, so that the client
// needs nothing but the standard library.
//
//	m, err := otel.New(provider)
//	c, err := client.New(client.Config{Hooks: m.Hooks(), …})
//	m.Follow(c)
//	web := &http.Client{Transport: &client.Transport{Client: c, Hooks: m.TransportHooks()}}
//
// For traces, let otelhttp wrap Transport.Base: each try is a span of its own then.
package otel

import (
	"context"
	"errors"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// scope is the name of the instrumentation.
const scope = "heureka.internal/heureka/adapters/otel"

// Metrics are the instruments for one client and its transports.
type Metrics struct {
	client   atomic.Pointer[client.Client]
	requests metric.Float64Histogram
	tries    metric.Float64Histogram
	ejected  metric.Int64Counter
}

// A number is one of client.Stats.
type number struct {
	name, help string
	of         func(*client.Stats) uint64
}

// sums only grow.
var sums = []number{
	{"fetches", "Refreshes of the registry.", func(s *client.Stats) uint64 { return s.Fetches }},
	{"fetch_failures", "Refreshes that failed.", func(s *client.Stats) uint64 { return s.FetchFailures }},
	{"full_fetches", "Refreshes by the whole registry.", func(s *client.Stats) uint64 { return s.FullFetches }},
	{"mismatches", "Deltas that did not lead to the server's registry.", func(s *client.Stats) uint64 { return s.Mismatches }},
	{"heartbeats", "Heartbeats of own instances.", func(s *client.Stats) uint64 { return s.Heartbeats }},
	{"heartbeat_failures", "Heartbeats that failed.", func(s *client.Stats) uint64 { return s.HeartbeatFailures }},
	{"reregistrations", "Heartbeats for instances that a server did not know.", func(s *client.Stats) uint64 { return s.Reregistrations }},
}

// New makes the instruments of a provider, such as otel.GetMeterProvider().
func New(provider metric.MeterProvider) (*Metrics, error) {
	meter := provider.Meter(scope)
	m := &Metrics{}
	var errs [4]error
	m.requests, errs[0] = meter.Float64Histogram("eureka.client.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Requests to registry servers."))
	m.tries, errs[1] = meter.Float64Histogram("eureka.client.try.duration", metric.WithUnit("s"),
		metric.WithDescription("Tries of instances until the header of the answer."))
	m.ejected, errs[2] = meter.Int64Counter("eureka.client.ejections", metric.WithUnit("{ejection}"),
		metric.WithDescription("Times that an instance was left alone because it hung or failed."))
	errs[3] = m.observe(meter)
	return m, errors.Join(errs[:]...)
}

// observe adds the numbers that the client counts itself.
func (m *Metrics) observe(meter metric.Meter) error {
	instances, err := meter.Int64ObservableGauge("eureka.client.instances", metric.WithUnit("{instance}"),
		metric.WithDescription("Instances in the copy of the registry, of any status."))
	errs := []error{err}
	observed := []metric.Observable{instances}
	counters := make([]metric.Int64ObservableCounter, len(sums))
	for i, n := range sums {
		counters[i], err = meter.Int64ObservableCounter("eureka.client."+n.name, metric.WithDescription(n.help))
		errs, observed = append(errs, err), append(observed, counters[i])
	}
	_, err = meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		c := m.client.Load()
		if c == nil {
			return nil
		}
		s := c.Stats()
		o.ObserveInt64(instances, int64(s.Instances))
		for i, n := range sums {
			o.ObserveInt64(counters[i], int64(n.of(&s)))
		}
		return nil
	}, observed...)
	return errors.Join(append(errs, err)...)
}

// Follow adds the numbers of c. It replaces a client that was followed before.
func (m *Metrics) Follow(c *client.Client) { m.client.Store(c) }

// Hooks are for client.Config. The status is left out if no answer came.
func (m *Metrics) Hooks() client.Hooks {
	return client.Hooks{Request: func(i client.RequestInfo) {
		m.requests.Record(context.Background(), i.Duration.Seconds(),
			metric.WithAttributes(withStatus(i.Status, attribute.String("eureka.operation", i.Op))...))
	}}
}

// TransportHooks are for client.Transport.
func (m *Metrics) TransportHooks() client.TransportHooks {
	return client.TransportHooks{
		Try: func(i client.TryInfo) {
			m.tries.Record(context.Background(), i.Duration.Seconds(),
				metric.WithAttributes(withStatus(i.Status, attribute.String("eureka.service", heureka.AppName(i.Service)))...))
		},
		Eject: func(k heureka.Key) {
			m.ejected.Add(context.Background(), 1, metric.WithAttributes(attribute.String("eureka.service", k.App)))
		},
	}
}

func withStatus(code int, list ...attribute.KeyValue) []attribute.KeyValue {
	if code != 0 {
		list = append(list, attribute.Int("http.response.status_code", code))
	}
	return list
}
