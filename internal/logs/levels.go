// Package logs provides a node's loggers: level names, a level for each logger, and line formats from plain text to GELF.
// What is logged, and where the lines go, is left to others.
package logs

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// Off is above every level that is logged.
const Off = slog.LevelError + 4

// A namedLevel is a level by Spring's name.
type namedLevel struct {
	name  string
	level slog.Level
}

// levels are all of them, the most silent first.
var levels = []namedLevel{
	{"OFF", Off}, {"ERROR", slog.LevelError}, {"WARN", slog.LevelWarn}, {"INFO", slog.LevelInfo}, {"DEBUG", slog.LevelDebug}, {"TRACE", slog.LevelDebug - 4},
}

// LevelNames returns the names of all levels, the most silent first.
func LevelNames() []string {
	names := make([]string, len(levels))
	for i, known := range levels {
		names[i] = known.name
	}
	return names
}

// LevelWords are the words that a setting takes for a level, the most talkative first.
func LevelWords() []string {
	words := []string{"fatal"}
	for _, known := range levels {
		words = slices.Insert(words, 0, strings.ToLower(known.name))
	}
	return words
}

// Level returns the level with this name, in upper or lower case, and whether there is one. FATAL is another word for ERROR,
// as in Spring's loggers on Logback.
func Level(name string) (slog.Level, bool) {
	name = strings.ToUpper(name)
	if name == "FATAL" {
		name = "ERROR"
	}
	for _, known := range levels {
		if known.name == name {
			return known.level, true
		}
	}
	return 0, false
}

// LevelName returns the name of a level, or of the next one below.
func LevelName(l slog.Level) string {
	for _, known := range levels {
		if l >= known.level {
			return known.name
		}
	}
	return "TRACE"
}

// The loggers of a node. They have the names of Java's, because that is what people set levels for.
const (
	Server    = "com.netflix.eureka"           // all the others but Client
	Registry  = "com.netflix.eureka.registry"  // changes of instances
	Cluster   = "com.netflix.eureka.cluster"   // peers
	Resources = "com.netflix.eureka.resources" // requests
	Client    = "com.netflix.discovery"        // the node as a client of its peers: copying at the start
)

// Loggers are the names of all loggers.
var Loggers = []string{Server, Registry, Cluster, Resources, Client}

// classes are the Java classes that log what these loggers do: a level that is set for the class is one for the logger.
var classes = map[string]string{
	Registry: "com.netflix.eureka.registry.AbstractInstanceRegistry",
	Cluster:  "com.netflix.eureka.cluster.PeerEurekaNode",
	Client:   "com.netflix.discovery.DiscoveryClient",
}

// relatives are loggers of Spring's that speak of the same things as ours. There each of the two has its own lines, and what
// quiets one leaves the other. So a level that is set for a relative makes ours more talkative at most.
var relatives = map[string]string{
	Registry:  "org.springframework.cloud.netflix.eureka.server",
	Resources: "org.springframework.web",
}

// Groups are Spring Boot's own groups of loggers, by the names under which one sets all their levels at once.
var Groups = map[string][]string{
	"web": {"org.springframework.core.codec", "org.springframework.http", "org.springframework.web",
		"org.springframework.boot.actuate.endpoint.web", "org.springframework.boot.web.servlet.ServletContextInitializerBeans"},
	"sql": {"org.springframework.jdbc.core", "org.hibernate.SQL", "org.jooq.tools.LoggerListener"},
}

// Reaches reports whether a level that is set for a name is one for some of the loggers.
func Reaches(name string) bool {
	if members := Groups[name]; members != nil {
		return slices.ContainsFunc(members, Reaches)
	}
	return slices.ContainsFunc(Loggers, func(logger string) bool {
		return within(classOf(logger), name) || within(relatives[logger], name)
	})
}

// classOf returns the longest name for which one sets the level of a logger.
func classOf(logger string) string { return cmp.Or(classes[logger], logger) }

// within reports whether a logger has this name, or stands below it.
func within(logger, name string) bool {
	rest, ok := strings.CutPrefix(logger, name)
	return ok && name != "" && (rest == "" || rest[0] == '.')
}

// Levels are the level of all loggers, and those of single ones, which may change while they are in use. The zero value is
// INFO for all.
type Levels struct {
	Root slog.LevelVar
	own  atomic.Pointer[map[string]slog.Level]
}

// Set replaces the levels of single loggers.
func (l *Levels) Set(own map[string]slog.Level) { l.own.Store(&own) }

// Own returns the levels that are set for single loggers. Nobody may change the map.
func (l *Levels) Own() map[string]slog.Level {
	if own := l.own.Load(); own != nil {
		return *own
	}
	return nil
}

// Change sets the level of the loggers with these names, or with nil lets them have that of the name above again.
func (l *Levels) Change(to *slog.Level, names ...string) {
	for {
		before := l.own.Load()
		after := map[string]slog.Level{}
		if before != nil {
			maps.Copy(after, *before)
		}
		for _, name := range names {
			if delete(after, name); to != nil {
				after[name] = *to
			}
		}
		if l.own.CompareAndSwap(before, &after) {
			return
		}
	}
}

// Of returns the level at which a logger begins: its own, that of the longest name it stands below, or that of all.
func (l *Levels) Of(logger string) slog.Level {
	level, ok := l.nearest(classOf(logger))
	if !ok {
		level = l.Root.Level()
	}
	if relative, ok := l.nearest(relatives[logger]); ok {
		return min(level, relative)
	}
	return level
}

// nearest returns the level that is set for the longest name that a logger has or stands below.
func (l *Levels) nearest(logger string) (level slog.Level, ok bool) {
	best := ""
	for name, set := range l.Own() {
		if within(logger, name) && len(name) > len(best) {
			best, level, ok = name, set, true
		}
	}
	return level, ok
}
