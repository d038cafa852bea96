package logs_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
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
		"ecs": {"log": map[string]any{"level": "WARN", "logger": logs.Cluster}, "message": "peer failing", "id": "x", "took_ms": 1.5,
			"error": map[string]any{"message": "no route"}, "url": map[string]any{"full": "http://a/"}, "version": "2",
			"leases": map[string]any{"lasted_ms": 1000.0}, "zone": "z", "service": map[string]any{"name": "eureka", "version": "v1"}, "ecs": map[string]any{"version": "8.11"}},
		"logstash": {"level": "WARN", "level_value": 30000.0, "message": "peer failing", "logger_name": logs.Cluster, "id": "x", "took_ms": 1.5, "err": "no route", "url": "http://a/",
			"version": "2", "leases": map[string]any{"lasted_ms": 1000.0}, "zone": "z", "@version": "1"},
		"gelf": {"level": 4.0, "_level_name": "WARN", "short_message": "peer failing", "_log_logger": logs.Cluster, "_instance_id": "x", "_took_ms": 1.5, "_err": "no route",
			"_url": "http://a/", "_version": "2", "_leases_lasted_ms": 1000.0, "_zone": "z", "version": "1.1", "host": "eureka", "_service_version": "v1"},
	} {
		t.Run(format, func(t *testing.T) {
			var b strings.Builder
			log := logs.New(logs.Config{Writer: &b, Format: format, Levels: new(logs.Levels), Service: "eureka", Version: "v1"})
			logs.Named(logs.Named(log, logs.Server), logs.Cluster).With("zone", "z").Warn("peer failing", "id", "x", "took", 1500*time.Microsecond, "err", errors.New("no route"), "url", "http://a/", "version", "2",
				slog.Group("leases", "lasted", time.Second))
			var got map[string]any
			noKeyTwice(t, b.String())
			if err := json.Unmarshal([]byte(b.String()), &got); err != nil || strings.Count(b.String(), "\n") != 1 {
				t.Fatalf("%v in %q", err, b.String())
			}
			for _, varies := range []string{"time", "@timestamp", "timestamp", "process", "_process_pid"} {
				delete(got, varies)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// noKeyTwice: Elasticsearch and others refuse a line in which an object has a key twice, which Go's decoder lets pass.
func noKeyTwice(t *testing.T, line string) {
	t.Helper()
	d, open := json.NewDecoder(strings.NewReader(line)), []map[string]bool{}
	for key := false; ; {
		token, err := d.Token()
		if err != nil {
			return
		}
		switch x := token.(type) {
		case json.Delim:
			if x == '{' {
				open = append(open, map[string]bool{})
			} else {
				open = open[:len(open)-1]
			}
			key = true
			continue
		case string:
			if top := open[len(open)-1]; key && top[x] {
				t.Errorf("key %q twice in %s", x, line)
			} else if key {
				top[x] = true
			}
		}
		key = !key
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
	for name, want := range map[string]bool{"com": true, "com.netflix.eureka.registry": true, "com.netflix.eureka.registry.rule": false, "com.net": false, "": false,
		"com.netflix.eureka.registry.AbstractInstanceRegistry": true, "com.netflix.eureka.resources.InstanceResource": false, "com.netflix.discovery.DiscoveryClient": true,
		"org": true, "org.springframework.cloud": true, "org.springframework.web": true, "org.springframework.web.servlet": false, "org.hibernate": false, "web": true, "sql": false} {
		if got := logs.Reaches(name); got != want {
			t.Errorf("Reaches(%q) = %v", name, got)
		}
	}
}

// Levels that are set for the Java class with the same lines are the logger's own; one that is set for a relative of Spring's makes
// it more talkative, and never quiets it: in Java the lines of the other one would go on.
func TestLevelsOfClassesAndRelatives(t *testing.T) {
	const class, relative, mvc = "com.netflix.eureka.registry.AbstractInstanceRegistry", "org.springframework.cloud.netflix.eureka.server", "org.springframework.web"
	root := logs.New(logs.Config{Writer: io.Discard, Format: "text", Levels: new(logs.Levels)})
	for _, c := range []struct {
		own                 map[string]slog.Level
		registry, resources slog.Level
	}{
		{map[string]slog.Level{class: slog.LevelError, logs.Registry: slog.LevelDebug}, slog.LevelError, slog.LevelInfo},
		{map[string]slog.Level{relative: slog.LevelDebug}, slog.LevelDebug, slog.LevelInfo},
		{map[string]slog.Level{relative: logs.Off, mvc: logs.Off}, slog.LevelInfo, slog.LevelInfo},
		{map[string]slog.Level{"org": slog.LevelDebug, mvc: slog.LevelWarn}, slog.LevelDebug, slog.LevelInfo},
		{map[string]slog.Level{"org.springframework.web.servlet": slog.LevelDebug}, slog.LevelInfo, slog.LevelInfo},
		{map[string]slog.Level{logs.Registry: logs.Off, "": slog.LevelDebug}, logs.Off, slog.LevelInfo},
	} {
		levels := logs.LevelsOf(root)
		levels.Set(c.own)
		for name, want := range map[string]slog.Level{logs.Registry: c.registry, logs.Resources: c.resources} {
			if log := logs.Named(root, name); !log.Enabled(t.Context(), want) || log.Enabled(t.Context(), want-1) {
				t.Errorf("%v: %s does not begin at %v", c.own, name, want)
			}
		}
	}
}

// Single levels change beside each other, and nobody's change is lost.
func TestChangesOfLevels(t *testing.T) {
	levels, debug := new(logs.Levels), slog.LevelDebug
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { levels.Change(&debug, "a."+strconv.Itoa(i), "b."+strconv.Itoa(i)) })
	}
	all.Wait()
	if got := len(levels.Own()); got != 100 || levels.Of("a.7.x") != debug {
		t.Errorf("%d levels, that of a.7.x is %v", got, levels.Of("a.7.x"))
	}
	if levels.Change(nil, "a.7", "none"); len(levels.Own()) != 99 || levels.Of("a.7.x") != slog.LevelInfo {
		t.Errorf("%d levels after one was taken back, that of a.7.x is %v", len(levels.Own()), levels.Of("a.7.x"))
	}
	if logs.LevelsOf(slog.Default()) != nil {
		t.Error("another logger has levels")
	}
}
