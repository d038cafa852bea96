// Package httpapi is everything a node answers over HTTP: the Eureka REST API with its content negotiation, limits and error
// answers, what nodes ask of each other, the health endpoints that Spring users probe, metrics and pages. One chain leads to
// all of it. What the operations do is the business of its Backend and its Ring; TLS, timeouts and logging are the server's.
package httpapi

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/respcache"
	"heureka.internal/heureka/internal/wire"
)

// A Backend is the node behind the API. Errors mean: heureka.ErrNotFound 404, heureka.ErrNotReady the gate (W-GATE-1),
// *registry.NewerError 409, anything else 500 without a body. All methods must be safe for concurrent use.
type Backend interface {
	Register(in *heureka.Instance, origin registry.Origin) error
	RegisterTold(in *heureka.Instance, told registry.Told, origin registry.Origin) error // from a peer, see registry.Registry
	Renew(key heureka.Key, renewal registry.Renewal, origin registry.Origin) error
	Cancel(key heureka.Key, origin registry.Origin) error
	SetOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error // dirtyMS 0: not sent
	ClearOverride(key heureka.Key, s heureka.Status, dirtyMS int64, origin registry.Origin) error
	Command(c *registry.Command, origin registry.Origin) (changed bool, err error) // what a peer says that was said
	SetMetadata(key heureka.Key, entries []heureka.MetadataEntry, origin registry.Origin) error
	Instance(key heureka.Key) (*heureka.Instance, heureka.LeaseInfo, error)
	InstanceByID(id string) (*heureka.Instance, heureka.LeaseInfo, error)
	Answer(q respcache.Query) (*respcache.Answer, error)
	StatusInfo() StatusInfo
	OwnStatus() heureka.Status // of the node's own instance
	Overrides() map[heureka.Key]heureka.Status
}

// WatchPath is where changes are told as they happen, below Config.Prefix.
const WatchPath = "/heureka/v1/watch"

// Config sets up the API.
type Config struct {
	Prefix         string // what stands before /eureka, such as "/ctx"; "" for nothing (W-PATH-4)
	MaxBodyBytes   int64  // of one registration, also after decompression (W-HDR-8); negative for no limit
	MaxBatchBytes  int64  // of a batch that is held, and of an entry of a longer one
	NotReadyStatus int    // answer to reads while ErrNotReady: 503, or 403 as the reference
	DisableDelta   bool   // 403 on deltas (W-DELTA-8)
	MaxHeldBytes   int64  // of all bodies that are being read and decoded at a time; negative for no limit

	Steps      Steps
	Challenges func() []string         // what an answer of 401 asks for; nil: nothing
	Ring       Ring                    // nil: a node without peers
	Actuator   *Actuator               // serves health and its like; nil: nobody does
	Metrics    http.Handler            // serves {Prefix}/metrics; nil: nobody does
	Pages      map[string]http.Handler // by path below Prefix, for people

	Signpost http.Handler // answers browsers at the base of the API; nil: as everybody, 404

	Operations map[string]http.Handler // by path below Prefix, what operators ask of a node
	Watch      http.Handler            // serves {Prefix}/heureka/v1/watch, for as long as clients listen; nil: nobody does

	// DeltaReach returns how far deltas reach back now, which their readers are told in a header. Nil: they are not.
	DeltaReach func() time.Duration

	// Version returns the version of the registry, from which readers may go on to watch. Nil: they are not told.
	Version func() string

	Limits wire.Limits // of what bodies become

	// RegistrationRefused hears of every refused registration with its reason. It is called on the request's goroutine. Nil:
	// nobody does.
	RegistrationRefused func(r *http.Request, app, why string)

	Recorder Recorder // nil: no call is recorded

	// Room reports whether there is memory for a large answer of one call, which is asked before it is made. Nil: there always is.
	Room func(bytes int64) bool

	// Hold keeps the header of a large answer back until its body follows, or release is called, so that both leave together.
	// Nil: they do not.
	Hold func(r *http.Request) (release func())

	Freed func(bytes int64) // is told of what bodies no longer hold; nil: nobody is

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

// New returns the handler of everything a node answers: the API below {Prefix}/eureka/ and {Prefix}/v2/, unless b is nil, and
// beside it what cfg names. Whatever else it is asked for is 404. It must not be mounted behind a handler that redirects to clean paths,
// such as http.ServeMux (W-PATH-6).
// Its error names what cfg lacks.
func New(cfg Config, b Backend) (*API, error) {
	if cfg.ErrorLog == nil {
		return nil, errors.New("an API needs an ErrorLog")
	}
	if b != nil && (cfg.MaxBodyBytes == 0 || cfg.MaxBatchBytes == 0 || cfg.MaxHeldBytes == 0 || cfg.NotReadyStatus == 0 || cfg.RegistrationRefused == nil) {
		return nil, errors.New("an API with a backend needs MaxBodyBytes, MaxBatchBytes, MaxHeldBytes, NotReadyStatus and RegistrationRefused")
	}
	a := &API{cfg: cfg, b: b, prefix: splitPrefix(cfg.Prefix)}
	a.SetBounds(Bounds{BodyBytes: cfg.MaxBodyBytes, BatchBytes: cfg.MaxBatchBytes, HeldBytes: cfg.MaxHeldBytes, Records: cfg.Limits})
	return a, nil
}

// Bounds are what of a Config may change while the API serves.
type Bounds struct {
	BodyBytes  int64       // MaxBodyBytes
	BatchBytes int64       // MaxBatchBytes
	HeldBytes  int64       // MaxHeldBytes
	Records    wire.Limits // Limits
}

// SetBounds replaces the bounds for bodies that are yet to come. Safe for concurrent use.
func (a *API) SetBounds(b Bounds) {
	a.bound.Store(&b)
	a.budget.bound(b.HeldBytes)
}

func (a *API) bounds() *Bounds { return a.bound.Load() }

// splitPrefix returns the segments of a configured path.
func splitPrefix(p string) []string {
	return strings.FieldsFunc(p, func(r rune) bool { return r == '/' })
}

// An API is the handler of everything a node answers.
type API struct {
	cfg     Config
	b       Backend
	prefix  []string
	bound   atomic.Pointer[Bounds]
	budget  budget // of bodies
	refused refusals
}

// HeldBytes returns what the bodies hold that are being read and decoded now, of Config.MaxHeldBytes.
func (a *API) HeldBytes() int64 { return a.budget.inUse() }

// serve looks at the resource, then at the method, then at the query, in this order (W-PATH-14).
func (c *call) serve() {
	switch c.Route.Resource {
	case NoResource:
		c.nothingThere()
		return
	case DigestResource, BucketsResource, HeardResource:
		if c.cfg.Ring == nil {
			c.refuse(http.StatusNotFound, UnknownPath)
			return
		}
	}
	m := methodOf(c.Request.Method)
	if !c.Route.Resource.methods().has(m) && c.Route.handler == nil {
		c.otherMethod()
		return
	}
	if !validEscapes(c.Request.URL.RawQuery) {
		c.bad("malformed percent-escape in the query")
		return
	}
	c.dispatch(m)
}

// nothingThere answers for paths that name nothing. The base of the API is what people find in the settings of clients, and
// open in a browser.
func (c *call) nothingThere() {
	if c.cfg.Signpost != nil && methodOf(c.Request.Method) == get && c.atBase() && strings.Contains(c.Request.Header.Get("Accept"), "text/html") {
		c.w.reason = UnknownPath
		c.cfg.Signpost.ServeHTTP(&c.w, c.Request)
		return
	}
	c.refuse(http.StatusNotFound, UnknownPath)
}

func (c *call) atBase() bool {
	rest, below := strings.CutPrefix(oneSlash(c.Request.URL.Path), c.cfg.Prefix)
	rest = strings.TrimSuffix(rest, "/")
	return below && (rest == "/eureka" || rest == "/eureka/v2")
}

// otherMethod answers OPTIONS and the methods that the resource does not have (W-PATH-14, W-PATH-15).
func (c *call) otherMethod() {
	c.w.Header()["Allow"] = []string{c.Route.Resource.methods().allow()}
	if c.Request.Method == http.MethodOptions {
		c.empty(http.StatusOK)
		return
	}
	c.refuse(http.StatusMethodNotAllowed, WrongMethod)
}

func (c *call) dispatch(m method) {
	switch c.Route.Resource {
	case InstanceResource:
		c.instance(m)
	case AppsResource:
		c.document(respcache.All)
	case DeltaResource:
		c.document(respcache.Delta)
	case AppResource:
		c.application(m)
	case VIPResource:
		c.document(respcache.VIP)
	case SecureVIPResource:
		c.document(respcache.SecureVIP)
	case InstanceByIDResource:
		c.instanceByID()
	case StatusResource:
		c.status(m)
	case MetadataResource:
		c.metadata()
	case BatchResource:
		c.batch()
	default:
		c.dispatchRare()
	}
}

func (c *call) dispatchRare() {
	switch c.Route.Resource {
	case ASGResource:
		c.asg()
	case StatusInfoResource:
		c.statusInfo()
	case OverridesResource:
		c.overrides()
	case HealthcheckResource:
		c.healthcheck()
	case DigestResource:
		c.digest()
	case HeardResource:
		c.heard()
	case BucketsResource:
		c.buckets()
	case ActuatorResource:
		c.cfg.Actuator.serve(&c.w, c.Request, c.Route.App, c.Route.ID)
	case MetricsResource, PageResource, OperationResource, WatchResource:
		c.Route.handler.ServeHTTP(&c.w, c.withCaller())
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
