package config

import (
	"log/slog"
	"maps"
	"path"

	"heureka.internal/heureka/internal/logs"
)

// loggerLevel is the map of levels by the names of loggers.
const loggerLevel = "logging.level"

// fileInPath is the file that Spring Boot logs to if only its directory is set.
func (s *Settings) fileInPath() string {
	if dir := s.Text("logging.file.path"); dir != "" {
		return path.Join(dir, "spring.log")
	}
	return ""
}

const tomcatAccessLog = "server.tomcat.accesslog.enabled"

func (s *Settings) accessLog() string {
	if s.Bool(tomcatAccessLog) {
		return "log"
	}
	return "off"
}

// LogLevels returns the level of all loggers, and those of single ones by their names.
func (s *Settings) LogLevels() (root slog.Level, own map[string]slog.Level) {
	root, _ = logs.Level(s.Text("heureka.log-level"))
	own, single := map[string]slog.Level{}, map[string]slog.Level{}
	k, _ := FindKey(loggerLevel)
	for _, x := range s.Of(k) {
		level, _ := logs.Level(x.Value.Text)
		if members := logs.Groups[x.Value.Sub]; members == nil {
			single[x.Value.Sub] = level
		} else {
			for _, name := range members {
				own[name] = level
			}
		}
	}
	maps.Copy(own, single) // says more than a group
	return root, own
}

// checkLoggers warns about levels of loggers that a node does not have, unless they ask for the level that all have.
func (l *loader) checkLoggers(s *Settings) {
	k, _ := FindKey(loggerLevel)
	for _, x := range s.Of(k) {
		if !logs.Reaches(x.Value.Sub) && x.Value.Text != s.Text("logging.level.root") && !l.acknowledged(x.Name, loggerLevel) {
			l.warn(&Mistake{Origin: x.Origin, Key: x.Name, Problem: whyNoLogger})
		}
	}
}
