package logs_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/logs"
)

// Each form names the parts of a line as those who read it expect; durations are numbers, and their unit is in the key.
func TestForms(t *testing.T) {
	for format, want := range map[string]map[string]any{
		"json": {"level": "WARN", "msg": "peer failing", "logger": logs.Cluster, "id": "x", "took_ms": 1.5, "err": "no route", "url": "http://a/", "version": "2",
			"leases": map[string]any{"lasted_ms": 1000.0}, "zone": "z"},
		"ecs": {"log.level": "WARN", "message": "peer failing", "log.logger": logs.Cluster, "id": "x", "took_ms": 1.5, "error.message": "no route", "url.full": "http://a/",
			"version": "2", "leases": map[string]any{"lasted_ms": 1000.0}, "zone": "z", "service.name": "eureka", "service.version": "v1", "ecs.version": "8.11"},
		"logstash": {"level": "WARN", "level_value": 30000.0, "message": "peer failing", "logger_name": logs.Cluster, "id": "x", "took_ms": 1.5, "err": "no route", "url": "http://a/",
			"version": "2", "leases": map[string]any{"lasted_ms": 1000.0}, "zone": "z", "@version": "1"},
		"gelf": {"level": 4.0, "_level_name": "WARN", "short_message": "peer failing", "_log_logger": logs.Cluster, "_instance_id": "x", "_took_ms": 1.5, "_err": "no route",
			"_url": "http://a/", "_version": "2", "_leases_lasted_ms": 1000.0, "_zone": "z", "version": "1.1", "host": "eureka", "_service_version": "v1"},
	} {
		t.Run(format, func(t *testing.T) {
			var b strings.Builder
			log := logs.New(logs.Config{Writer: &b, Format: format, Levels: new(logs.Levels), Service: "eureka", Version: "v1"})
			logs.Named(log, logs.Cluster).With("zone", "z").Warn("peer failing", "id", "x", "took", 1500*time.Microsecond, "err", errors.New("no route"), "url", "http://a/", "version", "2",
				slog.Group("leases", "lasted", time.Second))
			var got map[string]any
			if err := json.Unmarshal([]byte(b.String()), &got); err != nil || strings.Count(b.String(), "\n") != 1 {
				t.Fatalf("%v in %q", err, b.String())
			}
			for _, varies := range []string{"time", "@timestamp", "timestamp", "process.pid", "_process_pid"} {
				delete(got, varies)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// A logger has the level of the longest name that it stands below, and all the others that of the root; levels change while
// loggers are in use.
func TestLevels(t *testing.T) {
	var b strings.Builder
	var levels logs.Levels
	root := logs.New(logs.Config{Writer: &b, Format: "text", Levels: &levels})
	loggers := map[string]*slog.Logger{"root": root}
	for _, name := range logs.Loggers {
		loggers[name] = logs.Named(root, name).With("a", "b")
	}
	check := func(want map[string]slog.Level) {
		t.Helper()
		for name, log := range loggers {
			if !log.Enabled(t.Context(), want[name]) || log.Enabled(t.Context(), want[name]-1) {
				t.Errorf("%s does not begin at %v", name, want[name])
			}
		}
	}
	check(map[string]slog.Level{})
	levels.Root.Set(slog.LevelWarn)
	levels.Set(map[string]slog.Level{"com.netflix": logs.Off, "com.netflix.eureka": slog.LevelError, "com.netflix.eureka.registry": slog.LevelDebug, "com.netflix.eureka.res": logs.Off})
	check(map[string]slog.Level{"root": slog.LevelWarn, logs.Server: slog.LevelError, logs.Registry: slog.LevelDebug, logs.Cluster: slog.LevelError, logs.Resources: slog.LevelError, logs.Client: logs.Off})
	loggers[logs.Cluster].Warn("not logged")
	loggers[logs.Registry].Debug("logged")
	if got := b.String(); strings.Contains(got, "not logged") || !strings.Contains(got, "level=DEBUG msg=logged a=b") {
		t.Errorf("log: %q", got)
	}
	levels.Set(nil)
	check(map[string]slog.Level{"root": slog.LevelWarn, logs.Server: slog.LevelWarn, logs.Registry: slog.LevelWarn, logs.Cluster: slog.LevelWarn, logs.Resources: slog.LevelWarn, logs.Client: slog.LevelWarn})
}

func TestNamesOfLevels(t *testing.T) {
	for _, word := range logs.LevelWords() {
		level, ok := logs.Level(word)
		if back := strings.ToLower(logs.LevelName(level)); !ok || back != word && word != "fatal" {
			t.Errorf("Level(%q) = %v, %v, which is %s", word, level, ok, back)
		}
	}
	if _, ok := logs.Level("loud"); ok {
		t.Error("there is a level loud")
	}
	for name, want := range map[string]bool{"com": true, "com.netflix.eureka.registry": true, "com.netflix.eureka.registry.rule": false, "com.net": false, "org": false, "": false} {
		if got := logs.Reaches(name); got != want {
			t.Errorf("Reaches(%q) = %v", name, got)
		}
	}
}
