package server

import (
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/listener"
)

// endpointNames are the resources as the label endpoint of request numbers; what clients do to an instance has words of its own.
var endpointNames = map[httpapi.Resource]string{
	httpapi.NoResource: "none", httpapi.AppsResource: "apps", httpapi.DeltaResource: "delta", httpapi.AppResource: "app",
	httpapi.InstanceResource: "instance", httpapi.StatusResource: "override", httpapi.MetadataResource: "metadata",
	httpapi.InstanceByIDResource: "instance", httpapi.VIPResource: "vip", httpapi.SecureVIPResource: "vip", httpapi.ASGResource: "asg",
	httpapi.BatchResource: "batch", httpapi.DigestResource: "compare", httpapi.BucketsResource: "compare", httpapi.HeardResource: "heard",
	httpapi.StatusInfoResource: "status", httpapi.OverridesResource: "overrides", httpapi.HealthcheckResource: "healthcheck",
	httpapi.ActuatorResource: "actuator", httpapi.MetricsResource: "metrics", httpapi.PageResource: "page", httpapi.OperationResource: "operation",
	httpapi.WatchResource: "watch",
}

// operationNames are what is done to an application or an instance.
var operationNames = map[httpapi.Resource]map[string]string{
	httpapi.AppResource:      {http.MethodPost: "register"},
	httpapi.InstanceResource: {http.MethodPut: "heartbeat", http.MethodDelete: "cancel"},
}

func endpointOf(c *httpapi.Call) string {
	if name, ok := operationNames[c.Route.Resource][c.Request.Method]; ok {
		return name
	}
	return endpointNames[c.Route.Resource]
}

// A series is what is measured of the requests to one endpoint that had one answer.
type series struct {
	labels []string // as seriesLabels
	took   durations
	bytes  atomic.Uint64
}

var seriesLabels = []string{"endpoint", "code"}

// Indexes of series: what an endpoint is, and the status of the answer.
const (
	maxEndpoints = int(httpapi.WatchResource) + 1
	maxMethods   = 4
	maxStatus    = 600
)

// requestNumbers measures all requests. The series of an endpoint and a status are looked up once, by their names: a heartbeat
// pays for two readings of the clock and three additions. It is a prometheus.Collector.
type requestNumbers struct {
	next  accessLog
	audit func(*httpapi.Call, httpapi.Answer)

	mismatches atomic.Uint64
	cells      [maxEndpoints][maxMethods]atomic.Pointer[[maxStatus]atomic.Pointer[series]]

	mu  sync.Mutex
	all []*series
}

var (
	durationDesc = prometheus.NewDesc("heureka_http_request_duration_seconds", "How long requests took, from their header to the end of the answer.", seriesLabels, nil)
	bytesDesc    = prometheus.NewDesc("heureka_http_response_bytes_total", "Bytes of answers, without headers.", seriesLabels, nil)
	mismatchDesc = prometheus.NewDesc("heureka_fetches_after_delta_total",
		"Fetches of everything right after a delta on the same connection: the client's hash did not match.", nil, nil)
)

// Recording implements httpapi.Recorder.
func (n *requestNumbers) Recording() bool { return true }

// Record implements httpapi.Recorder.
func (n *requestNumbers) Record(c *httpapi.Call, a httpapi.Answer) {
	s := n.of(c, a.Status)
	s.took.observe(a.Took)
	if a.Bytes > 0 {
		s.bytes.Add(uint64(a.Bytes))
	}
	n.follow(c, a)
	if n.audit != nil {
		n.audit(c, a)
	}
	if n.next.Recording() {
		n.next.Record(c, a)
	}
}

var methodIndex = map[string]int{http.MethodPost: 1, http.MethodPut: 2, http.MethodDelete: 3} // all others: 0

func (n *requestNumbers) of(c *httpapi.Call, status int) *series {
	status = min(max(status, 0), maxStatus-1)
	row := &n.cells[c.Route.Resource][methodIndex[c.Request.Method]]
	cells := row.Load()
	if cells == nil {
		row.CompareAndSwap(nil, new([maxStatus]atomic.Pointer[series]))
		cells = row.Load()
	}
	s := cells[status].Load()
	if s == nil {
		s = n.named(endpointOf(c), strconv.Itoa(status))
		cells[status].Store(s)
	}
	return s
}

// named returns the series with these labels: some resources share a name.
func (n *requestNumbers) named(labels ...string) *series {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.all {
		if slices.Equal(s.labels, labels) {
			return s
		}
	}
	s := &series{labels: labels}
	n.all = append(n.all, s)
	return s
}

// afterDelta is how soon a client whose hash does not match fetches everything.
const afterDelta = 2 * time.Second

// follow counts fetches that show a client whose copy was not what the delta led to.
func (n *requestNumbers) follow(c *httpapi.Call, a httpapi.Answer) {
	if c.Route.Resource != httpapi.DeltaResource && c.Route.Resource != httpapi.AppsResource || a.Status != http.StatusOK {
		return
	}
	conn := listener.FromContext(c.Request.Context())
	if conn == nil {
		return
	}
	now := time.Now()
	if c.Route.Resource == httpapi.DeltaResource {
		conn.Mark(now)
	} else if now.Sub(conn.Marked()) < afterDelta {
		n.mismatches.Add(1)
	}
}

// Describe implements prometheus.Collector.
func (n *requestNumbers) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{durationDesc, bytesDesc, mismatchDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (n *requestNumbers) Collect(ch chan<- prometheus.Metric) {
	n.mu.Lock()
	all := slices.Clone(n.all)
	n.mu.Unlock()
	for _, s := range all {
		ch <- durationMetric{s}
		ch <- prometheus.MustNewConstMetric(bytesDesc, prometheus.CounterValue, float64(s.bytes.Load()), s.labels...)
	}
	ch <- prometheus.MustNewConstMetric(mismatchDesc, prometheus.CounterValue, float64(n.mismatches.Load()))
}

// durationMetric is the histogram of a series: client_golang has none that is both kinds, and costs a heartbeat as little.
type durationMetric struct{ s *series }

// Desc implements prometheus.Metric.
func (durationMetric) Desc() *prometheus.Desc { return durationDesc }

// Write implements prometheus.Metric.
func (m durationMetric) Write(out *dto.Metric) error {
	out.Label, out.Histogram = prometheus.MakeLabelPairs(durationDesc, m.s.labels), m.s.took.histogram()
	return nil
}
