package config

import (
	"slices"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// A family is a namespace of Spring Boot whose settings are about security, probes, ports or logs. None of them is ignored
// in silence: those that are no keys of ours are warned about, or keep the node from starting where they would have kept
// somebody out.
type family struct {
	prefix string // squashed; a "*" at its end stands for the rest of a word
	level  level  // fatal: refused unless acknowledged
	group  int    // of fatal: so many elements of a name are acknowledged together
	why    string
}

const (
	whyOpen       = "heureka has no such way to authenticate clients: without another one, or a proxy in front, whoever reaches its port can change the registry"
	whyNoTLS      = "TLS is configured, but heureka has no such setting of it"
	whyManagement = "has no effect: heureka's endpoints are health, info, metrics, prometheus and loggers, and have no such setting"
	whyPull       = "has no effect: metrics are served at /actuator/prometheus and not pushed"
	whyNoLogger   = "has no effect: heureka has no such logger; those with an effect are below com.netflix.eureka, com.netflix.discovery, org.springframework.web and org.springframework.cloud.netflix.eureka"
	whyStderr     = "has no effect: heureka logs to standard error and logging.file.name, in the form of heureka.log-format"
	whyNoRotation = "has no effect: heureka does not rotate log files; use logrotate and SIGHUP, which reopens them"
	whyAccessLog  = "has no effect: heureka.log-format sets the form of the access log, heureka.access-log where it goes"
	whyContainer  = "has no effect: heureka is not a servlet container and has its own HTTP server"
)

// families are in the order in which they are tried.
var families = []family{
	{"spring.security.filter", warning, 0, "has no effect: heureka has no security filters"},
	{"spring.security", fatal, 3, whyOpen},
	{"security.user", fatal, 2, whyOpen}, // until Spring Boot 1.5
	{"security.basic", fatal, 2, whyOpen},
	{"security.oauth2", fatal, 2, whyOpen},
	{"security.requiressl", fatal, 2, whyNoTLS},
	{"spring.ssl.bundle.watch", warning, 0, "has no effect: the files are looked at each second, and what does not fit together is kept out"},
	{"spring.ssl", fatal, 3, whyNoTLS},
	{"server.ssl", fatal, 2, whyNoTLS},
	{"management.security", fatal, 2, whyOpen},
	{"management.server.ssl", fatal, 3, whyNoTLS},
	{"management.ssl", fatal, 2, whyNoTLS},
	{"management.metrics", warning, 0, whyPull},
	{"management.prometheus", warning, 0, whyPull},
	{"management.influx", warning, 0, whyPull},
	{"management.tracing", warning, 0, "has no effect: heureka sends no traces"},
	{"management.zipkin", warning, 0, "has no effect: heureka sends no traces"},
	{"management.otlp", warning, 0, whyPull},
	{"management.endpoint.health.probes", warning, 0, "has no effect: the groups liveness and readiness are always there"},
	{"management", warning, 0, whyManagement},
	{"endpoints", warning, 0, whyManagement}, // until Spring Boot 1.5
	{"logging.file", warning, 0, whyNoRotation},
	{"logging.logback.rollingpolicy", warning, 0, whyNoRotation},
	{"logging", warning, 0, whyStderr},
	{"server.tomcat.accesslog", warning, 0, whyAccessLog},
	{"server.jetty.accesslog", warning, 0, whyAccessLog},
	{"server.undertow.accesslog", warning, 0, whyAccessLog},
	{"server.tomcat", warning, 0, whyContainer},
	{"server.jetty", warning, 0, whyContainer},
	{"server.undertow", warning, 0, whyContainer},
	{"server.max*", warning, 0, "has no effect: request headers may have 64 KB, bodies heureka.limits.record-bytes"},
	{"server.compression", warning, 0, "has no effect: responses are compressed whenever the client accepts it"},
}

// familyOf returns the family of a name that is no key, or nil.
func familyOf(canonical string) *family {
	for i, f := range families {
		stem, open := strings.CutSuffix(f.prefix, "*")
		if rest, ok := strings.CutPrefix(canonical, stem); ok && (open || rest == "" || rest[0] == '.') {
			return &families[i]
		}
	}
	return nil
}

// acknowledge is the setting by which an operator says that heureka need not do what a setting asks for.
const acknowledge = "heureka.acknowledge"

// acknowledged reports whether the operator knows that a name has no effect. What is refused has to be named itself, or
// its family: "spring" alone does not do.
func (l *loader) acknowledged(canonical, family string) bool {
	p := l.resolver.merged[acknowledge]
	text, _ := l.resolver.expand(p) // an error is reported where the setting is read
	return slices.ContainsFunc(spring.SplitList(text), func(known string) bool {
		known = spring.SquashAll(known)
		return strings.HasPrefix(spring.SquashAll(canonical), known) && strings.HasPrefix(known, spring.SquashAll(family))
	})
}

// inFamily judges a name of a family.
func (l *loader) inFamily(f *family, canonical string) {
	p := l.resolver.merged[canonical]
	text, err := l.resolver.expand(p)
	off := err == nil && (text == "" || f.level == fatal && isOff(text))
	if off || err == nil && l.isSo(canonical, text) || l.acknowledged(canonical, f.prefix) {
		return
	}
	m := &Mistake{Origin: p.Origin, Key: p.Raw, Problem: f.why}
	if p.Origin.Source == Environment {
		m.Key = canonical
	}
	if f.level == warning {
		l.warn(m)
		return
	}
	elems, _ := spring.SplitName(m.Key)
	group := strings.Join(elems[:min(f.group, len(elems))], ".")
	if l.refused[spring.SquashAll(group)] {
		return // once for user and password
	}
	l.refused[spring.SquashAll(group)] = true
	m.Hint = "to start anyway, set " + acknowledge + "=" + group
	l.fail(m)
}

// asItIs are switches of the families that ask for what heureka does anyway, unless they are off.
var asItIs = []string{
	"management.endpoint.health.enabled",
	"management.endpoint.health.probes.enabled",
	"management.health.probes.enabled",
	"management.endpoint.info.enabled",
	"management.endpoint.prometheus.enabled",
	"management.prometheus.metrics.export.enabled",
	"management.metrics.export.prometheus.enabled",
	"server.compression.enabled",
}

// isSo reports whether a setting asks for what heureka does anyway: it has its effect, and there is nothing to warn about.
func (l *loader) isSo(canonical, text string) bool {
	return slices.Contains(asItIs, canonical) && !isOff(text)
}

// isOff recognises what switches security off, such as security.basic.enabled=false.
func isOff(text string) bool {
	on, err := spring.ParseBool(text)
	return err == nil && !on
}
