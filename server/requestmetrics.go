package server

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	seconds prometheus.Observer
	bytes   prometheus.Counter
}

// Indexes of series: what an endpoint is, and the status of the answer.
const (
	maxEndpoints = int(httpapi.OperationResource) + 1
	maxMethods   = 4
	maxStatus    = 600
)

// requestNumbers measures all requests. The series of an endpoint and a status are looked up once, by their names: a heartbeat
// pays for two readings of the clock and some additions.
type requestNumbers struct {
	next accessLog

	duration   *prometheus.HistogramVec
	bytes      *prometheus.CounterVec
	mismatches prometheus.Counter
	cells      [maxEndpoints][maxMethods]atomic.Pointer[[maxStatus]atomic.Pointer[series]]
}

func newRequestNumbers(next accessLog) *requestNumbers {
	return &requestNumbers{
		next: next,
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:                        "heureka_http_request_duration_seconds",
			Help:                        "How long requests took, from their header to the end of the answer.",
			Buckets:                     []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, []string{"endpoint", "code"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "heureka_http_response_bytes_total", Help: "Bytes of answers, without headers.",
		}, []string{"endpoint", "code"}),
		mismatches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "heureka_fetches_after_delta_total",
			Help: "Fetches of everything right after a delta on the same connection: the client's hash did not match.",
		}),
	}
}

// Recording implements httpapi.Recorder.
func (n *requestNumbers) Recording() bool { return true }

// Record implements httpapi.Recorder.
func (n *requestNumbers) Record(c *httpapi.Call, a httpapi.Answer) {
	s := n.of(c, a.Status)
	s.seconds.Observe(a.Took.Seconds())
	s.bytes.Add(float64(a.Bytes))
	n.follow(c, a)
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
		endpoint, code := endpointOf(c), strconv.Itoa(status)
		s = &series{n.duration.WithLabelValues(endpoint, code), n.bytes.WithLabelValues(endpoint, code)}
		cells[status].Store(s)
	}
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
		n.mismatches.Inc()
	}
}

func (n *requestNumbers) register(reg *prometheus.Registry) {
	reg.MustRegister(n.duration, n.bytes, n.mismatches)
}
