package httpapi

import (
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
)

// A HealthStatus is one of Spring's words for health.
type HealthStatus string

// The health statuses, worst first.
const (
	HealthDown         HealthStatus = "DOWN"
	HealthOutOfService HealthStatus = "OUT_OF_SERVICE"
	HealthUp           HealthStatus = "UP"
	HealthUnknown      HealthStatus = "UNKNOWN"
)

// Health is what a node says of itself to probes.
type Health struct {
	Liveness   HealthStatus // DOWN asks for a restart
	Readiness  HealthStatus // anything but UP keeps readers away
	Components map[string]Component
}

// A Component is one part of the health, with what explains its status.
type Component struct {
	Status  HealthStatus   `json:"status"`
	Details map[string]any `json:"details,omitempty"`
}

// ActuatorConfig sets up the endpoints that users of Spring Boot know.
type ActuatorConfig struct {
	Prefix string            // what stands before Base, such as "/ctx"
	Base   string            // path of the endpoints below Prefix, such as "/actuator"; "" if they stand at the root
	Paths  map[string]string // of endpoints that are not at the path of their name, below Base
	// Exposed says which endpoints are there at all. Nil: all but those that change something.
	Exposed        func(endpoint string) bool
	HideDetails    bool // of health components
	HideComponents bool // of health
	ProbePaths     bool // liveness is at {Prefix}/livez too, readiness at {Prefix}/readyz

	Health    func() Health                  // called once per request, concurrently
	Info      func() map[string]any          // what info shows; nil: nothing
	Metrics   http.Handler                   // serves prometheus; nil: nobody does
	Endpoints map[string]Endpoint            // others, by name
	ErrorLog  func(r *http.Request, err any) // as in Config
}

// An Endpoint is one thing to know or to change about a node. Read answers for what stands below its path, without slashes
// at either end; a nil document is 404. Write, if there is one, takes a POST; a body that makes no sense is an error.
type Endpoint struct {
	Read      func(below string) any
	Write     func(below string, body []byte) error
	Templated string // how to write what stands below, such as "{requiredMetricName}"; "": nothing does
}

// NewActuator returns what serves {Prefix}{Base} and the endpoints below it, in the shapes that users of Spring Boot have
// their probes and dashboards read: health with its groups liveness and readiness and its components, info, prometheus, and
// those of cfg.Endpoints. All else is 404.
func NewActuator(cfg ActuatorConfig) *Actuator {
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = func(*http.Request, any) {}
	}
	if cfg.Info == nil {
		cfg.Info = func() map[string]any { return map[string]any{} }
	}
	a := &Actuator{cfg: cfg, byPath: map[string]string{}, endpoints: map[string]Endpoint{
		"info": {Read: func(below string) any {
			if below != "" {
				return nil
			}
			return cfg.Info()
		}},
		"health": {Templated: "{*path}"}, // answered by Actuator.health
	}}
	maps.Copy(a.endpoints, cfg.Endpoints)
	if cfg.Metrics != nil {
		a.endpoints[prometheusEndpoint] = Endpoint{}
	}
	for name, e := range a.endpoints {
		if !a.exposed(name, e) {
			delete(a.endpoints, name)
			continue
		}
		a.byPath[strings.Trim(cmp.Or(cfg.Paths[name], name), "/")] = name
	}
	return a
}

const prometheusEndpoint = "prometheus"

// An Actuator answers Spring's endpoints for an API.
type Actuator struct {
	cfg       ActuatorConfig
	endpoints map[string]Endpoint
	byPath    map[string]string
}

func (a *Actuator) exposed(name string, e Endpoint) bool {
	if a.cfg.Exposed == nil {
		return e.Write == nil
	}
	return a.cfg.Exposed(name)
}

// route finds the endpoint of a path below Prefix.
func (a *Actuator) route(path string) (to Route, ok bool) {
	if probe := strings.TrimPrefix(path, "/"); a.cfg.ProbePaths && probe != path {
		if group, ok := map[string]string{"livez": "liveness", "readyz": "readiness"}[probe]; ok {
			return Route{Resource: ActuatorResource, App: "health", ID: group}, true
		}
	}
	rest, ok := strings.CutPrefix(path, a.cfg.Base)
	if !ok || rest != "" && rest[0] != '/' {
		return to, false
	}
	if rest == "" || rest == "/" {
		return Route{Resource: ActuatorResource}, a.cfg.Base != ""
	}
	for at := rest[1:]; ; {
		if name, ok := a.byPath[at]; ok {
			return a.to(name, strings.TrimPrefix(rest[1+len(at):], "/"))
		}
		slash := strings.LastIndexByte(at, '/')
		if slash < 0 {
			return to, false
		}
		at = at[:slash]
	}
}

func (a *Actuator) to(name, below string) (Route, bool) {
	if name == prometheusEndpoint {
		return Route{Resource: MetricsResource, handler: a.cfg.Metrics}, below == ""
	}
	return Route{Resource: ActuatorResource, App: name, ID: strings.TrimSuffix(below, "/")}, below != "/"
}

// serve answers for an endpoint, or lists them if name is "".
func (a *Actuator) serve(w http.ResponseWriter, r *http.Request, name, below string) {
	if e := a.endpoints[name]; e.Write != nil && r.Method == http.MethodPost {
		a.write(w, r, e, below)
		return
	}
	doc, status := a.read(r, name, below)
	if doc == nil {
		bodiless(w, http.StatusNotFound)
		return
	}
	if !readOnly(w, r) {
		return
	}
	b, err := json.Marshal(doc)
	if err != nil {
		a.cfg.ErrorLog(r, err)
		bodiless(w, http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = []string{actuatorType(r.Header.Get("Accept"))}
	Write(w, r, status, b)
}

func bodiless(w http.ResponseWriter, status int) {
	w.Header()["Content-Length"] = lengthZero
	w.WriteHeader(status)
}

// maxOrder is the longest body of a POST to an endpoint.
const maxOrder = 4 << 10

func (a *Actuator) write(w http.ResponseWriter, r *http.Request, e Endpoint, below string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	if err == nil {
		err = e.Write(below, body)
	}
	if err != nil {
		w.Header()["Content-Type"] = typeText
		Write(w, r, http.StatusBadRequest, []byte(err.Error()+"\n"))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// read returns the document of an endpoint, nil if there is none.
func (a *Actuator) read(r *http.Request, name, below string) (doc any, status int) {
	switch {
	case name == "":
		return a.links(r), http.StatusOK
	case name != "health":
		return a.endpoints[name].Read(below), http.StatusOK
	case below == "":
		return a.whole()
	}
	return a.part(below)
}

// whole is the aggregate. A node that waits for a copy of the registry is out of service for readers, and no reason to
// restart it: orchestrators have their liveness probes here, and a restart would begin the wait anew.
func (a *Actuator) whole() (doc any, status int) {
	h := a.cfg.Health()
	components := map[string]Component{
		"livenessState":  {Status: h.Liveness},
		"readinessState": {Status: h.Readiness},
		"ping":           {Status: HealthUp},
	}
	maps.Copy(components, h.Components)
	all := HealthUp
	for name, c := range components {
		if c.Status == HealthDown {
			all = HealthDown
		}
		components[name] = a.shown(c)
	}
	health := map[string]any{"status": all, "groups": []string{"liveness", "readiness"}}
	if !a.cfg.HideComponents {
		health["components"] = components
	}
	return health, all.code()
}

func (a *Actuator) shown(c Component) Component {
	if a.cfg.HideDetails {
		c.Details = nil
	}
	return c
}

// part is one group or one component.
func (a *Actuator) part(name string) (doc any, status int) {
	h := a.cfg.Health()
	var c Component
	switch name {
	case "liveness", "livenessState":
		c.Status = h.Liveness
	case "readiness", "readinessState":
		c.Status = h.Readiness
	case "ping":
		c.Status = HealthUp
	default:
		var ok bool
		if c, ok = h.Components[name]; !ok || a.cfg.HideComponents {
			return nil, http.StatusNotFound
		}
	}
	return a.shown(c), c.Status.code()
}

func (s HealthStatus) code() int {
	if s == HealthDown || s == HealthOutOfService {
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

// links is the index of the endpoints.
func (a *Actuator) links(r *http.Request) any {
	type link struct {
		Href      string `json:"href"`
		Templated bool   `json:"templated"`
	}
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	self := scheme + r.Host + strings.TrimRight(a.cfg.Prefix, "/") + a.cfg.Base
	links := map[string]link{"self": {Href: self}}
	for path, name := range a.byPath {
		links[name] = link{Href: self + "/" + path}
		if t := a.endpoints[name].Templated; t != "" {
			links[name+"-"+strings.Trim(t, "{*}")] = link{Href: self + "/" + path + "/" + t, Templated: true}
		}
	}
	return map[string]any{"_links": links}
}

// The media types that Spring's actuator speaks, its own first. Probes that ask for something else get an answer too: a
// node must not look sick because of a header.
var actuatorTypes = []string{
	"application/vnd.spring-boot.actuator.v3+json",
	"application/vnd.spring-boot.actuator.v2+json",
	"application/json",
}

func actuatorType(accept string) string {
	for _, t := range actuatorTypes {
		if strings.Contains(accept, t) {
			return t
		}
	}
	return actuatorTypes[0]
}
