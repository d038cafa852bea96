package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"heureka.internal/heureka/internal/httpapi"
	"heureka.internal/heureka/internal/logs"
)

// An Actuator says which of Spring Boot's endpoints a node has, and where (management.endpoints.web, management.endpoint).
type Actuator struct {
	Base           string            // path of the endpoints, "/actuator"; "/" for none
	ManagementBase string            // what stands before Base in ManagementHandler
	Paths          map[string]string // of endpoints that are not at their own name
	Include        []string          // endpoints that are there; "*" for all, loggers included, with which anybody can change the log level
	Exclude        []string          // endpoints that are not; "*" for none
	ShowDetails    Show              // of health components
	ShowComponents Show              // of health
	ProbePaths     bool              // serve /livez and /readyz beside the API
}

func (a *Actuator) exposed(endpoint string) bool {
	listed := func(list []string) bool { return slices.Contains(list, "*") || slices.Contains(list, endpoint) }
	return listed(a.Include) && !listed(a.Exclude)
}

// A Show says who sees a part of the health document.
type Show uint8

// The audiences. Nobody has proved who they are, so ShowAuthorized shows nothing.
const (
	ShowAlways Show = iota
	ShowNever
	ShowAuthorized
)

var showNames = []string{"always", "never", "when-authorized"}

// MarshalText writes the name: "always", "never" or "when-authorized".
func (s Show) MarshalText() ([]byte, error) { return nameOf(showNames, s) }

// UnmarshalText reads what MarshalText writes.
func (s *Show) UnmarshalText(text []byte) error { return named(showNames, text, s) }

// actuator serves Spring's endpoints below prefix.
func (s *Server) actuator(prefix string, numbers prometheus.Gatherer) *httpapi.Actuator {
	a := &s.cfg.Actuator
	cfg := httpapi.ActuatorConfig{
		Prefix: prefix, Base: strings.TrimRight("/"+strings.Trim(a.Base, "/"), "/"), Paths: a.Paths, Exposed: a.exposed,
		HideDetails: a.ShowDetails != ShowAlways, HideComponents: a.ShowComponents != ShowAlways,
		ProbePaths: a.ProbePaths,
		Health:     s.health, Info: s.info, Metrics: metricsHandler(numbers), ErrorLog: s.requestFailed,
		Endpoints: map[string]httpapi.Endpoint{"metrics": {Read: meters(numbers), Templated: "{requiredMetricName}"}},
	}
	if s.cfg.LogLevel != nil {
		l := loggers{root: s.cfg.LogLevel, first: s.cfg.LogLevel.Level(), levels: logs.LevelsOf(s.cfg.Logger), log: s.log}
		cfg.Endpoints["loggers"] = httpapi.Endpoint{Read: l.read, Write: l.write, Templated: "{name}"}
	}
	return httpapi.NewActuator(cfg)
}

// probesAlone serves /livez and /readyz beside the API of a node whose endpoints are elsewhere; nil if they are not wanted.
func (s *Server) probesAlone() *httpapi.Actuator {
	if !s.cfg.Actuator.ProbePaths {
		return nil
	}
	return httpapi.NewActuator(httpapi.ActuatorConfig{Prefix: s.cfg.ContextPath, Health: s.health, ErrorLog: s.requestFailed,
		ProbePaths: true, Exposed: func(string) bool { return false }})
}

// info is what info shows: what is set below info, and what was built.
func (s *Server) info() map[string]any {
	all := map[string]any{}
	for name, value := range s.cfg.Info {
		put(all, strings.Split(name, "."), value)
	}
	build := map[string]any{"name": "heureka", "version": s.cfg.Version}
	if own, ok := all["build"].(map[string]any); ok {
		maps.Copy(build, own)
	}
	all["build"] = build
	return all
}

// put sets a value at a path in nested maps. A path through a value replaces it.
func put(m map[string]any, path []string, value string) {
	for _, elem := range path[:len(path)-1] {
		inner, ok := m[elem].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[elem] = inner
		}
		m = inner
	}
	m[path[len(path)-1]] = value
}

// meters returns Spring's endpoint of numbers: their names, or one with its values added up.
func meters(from prometheus.Gatherer) func(below string) any {
	return func(below string) any {
		families, err := from.Gather()
		if err != nil {
			return nil
		}
		if below == "" {
			names := make([]string, len(families))
			for i, f := range families {
				names[i] = f.GetName()
			}
			return map[string]any{"names": names}
		}
		for _, f := range families {
			if f.GetName() == below {
				return meter(f)
			}
		}
		return nil
	}
}

func meter(f *dto.MetricFamily) any {
	statistic, sum, tags := "VALUE", 0.0, map[string][]string{}
	for _, m := range f.GetMetric() {
		switch {
		case m.Counter != nil:
			statistic, sum = "COUNT", sum+m.Counter.GetValue()
		case m.Gauge != nil:
			sum += m.Gauge.GetValue()
		case m.Histogram != nil:
			statistic, sum = "COUNT", sum+float64(m.Histogram.GetSampleCount())
		case m.Summary != nil:
			statistic, sum = "COUNT", sum+float64(m.Summary.GetSampleCount())
		}
		for _, l := range m.GetLabel() {
			if !slices.Contains(tags[l.GetName()], l.GetValue()) {
				tags[l.GetName()] = append(tags[l.GetName()], l.GetValue())
			}
		}
	}
	available := []map[string]any{}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		available = append(available, map[string]any{"tag": tag, "values": tags[tag]})
	}
	return map[string]any{"name": f.GetName(), "description": f.GetHelp(), "availableTags": available,
		"measurements": []map[string]any{{"statistic": statistic, "value": sum}}}
}
