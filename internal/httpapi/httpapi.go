// Package httpapi is the Eureka REST API over HTTP: routes, content negotiation, limits and error answers, and beside it
// the health endpoints that Spring users probe. What the operations do is its Backend's business; which of the handlers
// stands where on a node, TLS, timeouts and logging are the server's.
package httpapi

import (
	"net/http"
	"strings"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
)

// A Backend is the node behind the API. Errors mean: heureka.ErrNotFound 404, heureka.ErrNotReady the gate (W-GATE-1),
// *registry.NewerError 409, anything else 500 without a body. All methods must be safe for concurrent use.
type Backend interface {
	Register(in *heureka.Instance, origin registry.Origin) error
	RegisterIncarnation(in *heureka.Instance, incarnation uint32) error // from a peer, see registry.Registry
	Renew(key heureka.Key, claim registry.Claim, origin registry.Origin) error
	Cancel(key heureka.Key, origin registry.Origin) error
	SetStatus(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error // dirtyMS 0: not sent
	ClearStatus(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error
	SetMetadata(key heureka.Key, entries []heureka.MetadataEntry) error
	Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error)
	InstanceByID(id string) (*heureka.Instance, heureka.LeaseInfo, error)
	Answer(q respcache.Query) (*respcache.Answer, error)
	StatusInfo() StatusInfo
	Overrides() map[heureka.Key]heureka.Status
}

// Config sets up the API.
type Config struct {
	Prefix         string // what stands before /eureka, such as "/ctx"; "" for nothing (W-PATH-4)
	MaxBodyBytes   int64  // of one registration, also after decompression; 0 stands for 10 MiB (W-HDR-8)
	MaxBatchBytes  int64  // of one batch; 0 stands for 16 MiB
	NotReadyStatus int    // answer to reads while ErrNotReady: 0 stands for 503 with Retry-After; 403 as the reference
	DisableDelta   bool   // 403 on deltas (W-DELTA-8)

	// ErrorLog hears of every answer 500: err is the Backend's error, or what a handler panicked with. Nil: nobody does.
	// It is called on the request's goroutine.
	ErrorLog func(r *http.Request, err any)
}

// StatusInfo is what GET status shows (W-SRV-2); both maps are ordered.
type StatusInfo struct {
	General     []heureka.MetadataEntry
	Application []heureka.MetadataEntry
	Instance    *heureka.Instance
	Lease       heureka.LeaseInfo
	Healthy     *bool // nil unless a minimum of peers is configured
}

// Defaults of Config.
const (
	defaultMaxBody  = 10 << 20
	defaultMaxBatch = 16 << 20
)

// New returns the handler of the API: everything below {Prefix}/eureka/ and {Prefix}/v2/. Whatever else it is asked for is
// 404. It must not be mounted behind a handler that redirects to clean paths, such as http.ServeMux (W-PATH-6).
func New(cfg Config, b Backend) http.Handler {
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = defaultMaxBody
	}
	if cfg.MaxBatchBytes == 0 {
		cfg.MaxBatchBytes = defaultMaxBatch
	}
	if cfg.NotReadyStatus == 0 {
		cfg.NotReadyStatus = http.StatusServiceUnavailable
	}
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = func(*http.Request, any) {}
	}
	return &api{cfg: cfg, b: b, prefix: splitPrefix(cfg.Prefix)}
}

// splitPrefix returns the segments of a configured path.
func splitPrefix(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

type api struct {
	cfg    Config
	b      Backend
	prefix []string
}

// ServeHTTP answers one request. The call lives on the stack: a heartbeat must not cost more than net/http costs anyway.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := call{api: a, w: w, r: r}
	defer c.rescue()
	c.serve()
}

// A call is one request on its way through the API.
type call struct {
	*api
	w     http.ResponseWriter
	r     *http.Request
	to    route
	begun bool // the header is out: too late for an error status
}

// rescue turns a panic into an empty 500. One that comes when the answer has begun ends the connection instead, so that
// nobody takes half a document for a whole one.
func (c *call) rescue() {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler {
		panic(p)
	}
	c.cfg.ErrorLog(c.r, p)
	if c.begun {
		panic(http.ErrAbortHandler)
	}
	clear(c.w.Header())
	c.empty(http.StatusInternalServerError)
}

// serve finds the resource, then looks at the method, then at the query, in this order (W-PATH-14).
func (c *call) serve() {
	var ok bool
	if c.to, ok = c.route(c.r.URL); !ok {
		c.empty(http.StatusNotFound)
		return
	}
	m := methodOf(c.r.Method)
	if !c.to.res.methods().has(m) {
		c.otherMethod()
		return
	}
	if !validEscapes(c.r.URL.RawQuery) {
		c.bad("malformed percent-escape in the query")
		return
	}
	c.dispatch(m)
}

// otherMethod answers OPTIONS and the methods that the resource does not have (W-PATH-14, W-PATH-15).
func (c *call) otherMethod() {
	c.w.Header()["Allow"] = []string{c.to.res.methods().allow()}
	if c.r.Method == http.MethodOptions {
		c.empty(http.StatusOK)
		return
	}
	c.empty(http.StatusMethodNotAllowed)
}

func (c *call) dispatch(m method) {
	switch c.to.res {
	case instanceResource:
		c.instance(m)
	case appsResource:
		c.document(respcache.All)
	case deltaResource:
		c.document(respcache.Delta)
	case appResource:
		c.application(m)
	case vipResource:
		c.document(respcache.VIP)
	case svipResource:
		c.document(respcache.SecureVIP)
	case instanceByIDResource:
		c.instanceByID()
	case statusResource:
		c.status(m)
	case metadataResource:
		c.metadata()
	case batchResource:
		c.batch()
	default:
		c.dispatchRare()
	}
}

func (c *call) dispatchRare() {
	switch c.to.res {
	case asgResource:
		c.asg()
	case statusInfoResource:
		c.statusInfo()
	case overridesResource:
		c.overrides()
	case healthcheckResource:
		c.healthcheck()
	}
}

// application serves apps/{app}.
func (c *call) application(m method) {
	if m == post {
		c.register()
		return
	}
	c.document(respcache.App)
}

// instance serves apps/{app}/{id}.
func (c *call) instance(m method) {
	switch m {
	case put:
		c.renew()
	case del:
		c.cancel()
	default:
		c.readInstance()
	}
}

// status serves apps/{app}/{id}/status.
func (c *call) status(m method) {
	if m == put {
		c.setStatus()
		return
	}
	c.clearStatus()
}
