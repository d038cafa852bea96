package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/logs"
)

// loggers is Spring's endpoint of log levels.
type loggers struct {
	root   *slog.LevelVar
	first  slog.Level   // to which a reset of the root returns
	levels *logs.Levels // of single loggers; nil: the node's logger is one of an embedding program and has none
	log    *slog.Logger
}

const rootLogger = "ROOT"

// loggerLevels is what Spring Boot tells of a logger, or of a group of them.
type loggerLevels struct {
	Configured string   `json:"configuredLevel,omitempty"`
	Effective  string   `json:"effectiveLevel,omitempty"`
	Members    []string `json:"members,omitempty"`
}

func (l loggers) read(below string) any {
	switch members := l.group(below); {
	case below == "":
		return l.all()
	case members != nil:
		return l.ofGroup(members)
	case below == rootLogger || l.levels != nil && (logs.Reaches(below) || slices.Contains(l.names(), below)):
		return l.of(below)
	}
	return nil
}

func (l loggers) all() any {
	single, groups := map[string]loggerLevels{}, map[string]loggerLevels{}
	for _, name := range l.names() {
		single[name] = l.of(name)
	}
	if l.levels != nil {
		for name, members := range logs.Groups {
			groups[name] = l.ofGroup(members)
		}
	}
	return map[string]any{"levels": logs.LevelNames(), "loggers": single, "groups": groups}
}

// names are those of the loggers there are, and of those for which somebody has set a level.
func (l loggers) names() []string {
	names := []string{rootLogger}
	if l.levels == nil {
		return names
	}
	names = append(names, logs.Loggers...)
	for name := range l.levels.Own() {
		names = append(names, name)
	}
	return names
}

func (l loggers) group(name string) []string {
	if l.levels == nil {
		return nil
	}
	return logs.Groups[name]
}

func (l loggers) of(name string) loggerLevels {
	if name == rootLogger {
		level := logs.LevelName(l.root.Level())
		return loggerLevels{Configured: level, Effective: level}
	}
	return loggerLevels{Configured: l.configured(name), Effective: logs.LevelName(l.levels.Of(name))}
}

func (l loggers) configured(name string) string {
	if level, ok := l.levels.Own()[name]; ok {
		return logs.LevelName(level)
	}
	return ""
}

// ofGroup has a level if all members have been set to it.
func (l loggers) ofGroup(members []string) loggerLevels {
	g := loggerLevels{Members: members, Configured: l.configured(members[0])}
	for _, name := range members {
		if l.configured(name) != g.Configured {
			g.Configured = ""
		}
	}
	return g
}

// write sets a level. Without one a logger has that of the name above it again, and the root what it had at the start.
func (l loggers) write(below string, body []byte) error {
	if below == "" || below != rootLogger && l.levels == nil {
		return fmt.Errorf("no such logger: %q; POST to loggers/%s", below, rootLogger)
	}
	to, err := orderedLevel(body)
	if err != nil {
		return err
	}
	if below != rootLogger {
		return l.change(below, to)
	}
	from := l.root.Level()
	if to == nil {
		to = &l.first
	}
	l.log.Warn("log level changed", "from", logs.LevelName(from), "to", logs.LevelName(*to))
	l.root.Set(*to)
	return nil
}

// maxIdleLevels bounds the levels that are kept for loggers that a node does not have.
const maxIdleLevels = 100

// change sets the level of a single logger, or of a group of them. One that a node does not have is kept and shown as by
// Spring Boot.
func (l loggers) change(name string, to *slog.Level) error {
	word := "inherited"
	if to != nil {
		word = logs.LevelName(*to)
	}
	switch {
	case logs.Reaches(name):
		l.log.Warn("log level changed", "name", name, "from", logs.LevelName(l.levels.Of(name)), "to", word)
	case to != nil && len(l.levels.Own()) >= maxIdleLevels:
		return fmt.Errorf("no such logger: %q, and too many others like it have a level", name)
	default:
		l.log.Warn("log level has no effect", "name", name, "to", word, "why", "a node has no such logger")
	}
	if members := logs.Groups[name]; members != nil {
		l.levels.Change(to, members...)
	} else {
		l.levels.Change(to, name)
	}
	return nil
}

// orderedLevel reads what Spring's clients post; nil is a reset.
func orderedLevel(body []byte) (*slog.Level, error) {
	var order struct{ ConfiguredLevel *string }
	if len(body) > 0 {
		if err := json.Unmarshal(body, &order); err != nil {
			return nil, fmt.Errorf(`want {"configuredLevel": "DEBUG"}: %w`, err)
		}
	}
	if order.ConfiguredLevel == nil {
		return nil, nil
	}
	to, ok := logs.Level(*order.ConfiguredLevel)
	if !ok {
		return nil, fmt.Errorf("no such level: %q; want one of %s", *order.ConfiguredLevel, strings.Join(logs.LevelNames(), ", "))
	}
	return &to, nil
}
