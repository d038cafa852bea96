package httpapi

import (
	"encoding/json"
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

// ActuatorConfig sets up the health endpoints.
type ActuatorConfig struct {
	Prefix   string                         // what stands before /actuator, such as "/ctx"
	Health   func() Health                  // called once per request, concurrently
	Info     func() map[string]any          // what /actuator/info shows; nil: nothing
	Others   []string                       // endpoints below /actuator that others serve, to be linked, such as "prometheus"
	ErrorLog func(r *http.Request, err any) // as in Config
}

// NewActuator returns what serves {Prefix}/actuator, …/health with its groups liveness and readiness and its components,
// and …/info, in the shapes that users of Spring Boot have their probes and dashboards read. All else is 404.
func NewActuator(cfg ActuatorConfig) *Actuator {
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = func(*http.Request, any) {}
	}
	if cfg.Info == nil {
		cfg.Info = func() map[string]any { return map[string]any{} }
	}
	return &Actuator{cfg: cfg, base: strings.TrimRight(cfg.Prefix, "/") + "/actuator"}
}

// An Actuator answers Spring's endpoints for an API.
type Actuator struct {
	cfg  ActuatorConfig
	base string
}

// serve answers for what stands below /actuator in the path, without a slash at its end.
func (a *Actuator) serve(w http.ResponseWriter, r *http.Request, below string) {
	doc, status := a.answer(r, below)
	if doc == nil {
		w.Header()["Content-Length"] = lengthZero
		w.WriteHeader(status)
		return
	}
	if !readOnly(w, r) {
		return
	}
	b, err := json.Marshal(doc)
	if err != nil {
		a.cfg.ErrorLog(r, err)
		w.Header()["Content-Length"] = lengthZero
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = []string{actuatorType(r.Header.Get("Accept"))}
	write(w, r, status, b)
}

// answer returns the document and status for a path, nil and 404 if there is none.
func (a *Actuator) answer(r *http.Request, rest string) (doc any, status int) {
	switch rest {
	case "":
		return a.links(r), http.StatusOK
	case "/info":
		return a.cfg.Info(), http.StatusOK
	case "/health":
		return a.whole()
	}
	if name, ok := strings.CutPrefix(rest, "/health/"); ok {
		return a.part(name)
	}
	return nil, http.StatusNotFound
}

// whole is the aggregate: the worst status of all parts.
func (a *Actuator) whole() (doc any, status int) {
	h := a.cfg.Health()
	components := map[string]Component{
		"livenessState":  {Status: h.Liveness},
		"readinessState": {Status: h.Readiness},
		"ping":           {Status: HealthUp},
	}
	maps.Copy(components, h.Components)
	worst := HealthUnknown
	for _, c := range components {
		worst = worse(worst, c.Status)
	}
	return map[string]any{
		"status":     worst,
		"components": components,
		"groups":     []string{"liveness", "readiness"},
	}, worst.code()
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
		if c, ok = h.Components[name]; !ok {
			return nil, http.StatusNotFound
		}
	}
	return c, c.Status.code()
}

// worse aggregates as Spring does: DOWN, OUT_OF_SERVICE, UP, UNKNOWN in this order win.
func worse(a, b HealthStatus) HealthStatus {
	for _, s := range []HealthStatus{HealthDown, HealthOutOfService, HealthUp} {
		if a == s || b == s {
			return s
		}
	}
	return HealthUnknown
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
	self := scheme + r.Host + a.base
	links := map[string]link{
		"self":        {Href: self},
		"health":      {Href: self + "/health"},
		"health-path": {Href: self + "/health/{*path}", Templated: true},
		"info":        {Href: self + "/info"},
	}
	for _, name := range a.cfg.Others {
		links[name] = link{Href: self + "/" + name}
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
