// Package logs provides a node's loggers: level names, a level for each logger, and line formats from plain text to GELF.
// What is logged, and where the lines go, is left to others.
package logs

import (
	"log/slog"
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

// Reaches reports whether a level that is set for a name is one for some of the loggers.
func Reaches(name string) bool {
	for _, logger := range Loggers {
		if within(logger, name) {
			return true
		}
	}
	return false
}

// within reports whether a logger has this name, or stands below it.
func within(logger, name string) bool {
	rest, ok := strings.CutPrefix(logger, name)
	return ok && (rest == "" || rest[0] == '.')
}

// Levels are the level of all loggers, and those of single ones, which may change while they are in use. The zero value is
// INFO for all.
type Levels struct {
	Root slog.LevelVar
	own  atomic.Pointer[map[string]slog.Level]
}

// Set replaces the levels of single loggers.
func (l *Levels) Set(own map[string]slog.Level) { l.own.Store(&own) }

// of returns the level of a logger: that of the longest name it stands below.
func (l *Levels) of(logger string) slog.Level {
	own := l.own.Load()
	if own == nil {
		return l.Root.Level()
	}
	best, level := "", l.Root.Level()
	for name, set := range *own {
		if within(logger, name) && len(name) > len(best) {
			best, level = name, set
		}
	}
	return level
}
