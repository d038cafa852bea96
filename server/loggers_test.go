package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/server"
)

// Levels are set and taken back by the names of Java's loggers, as with Spring Boot, and take effect at once.
func TestLoggersByJavasNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		levels := new(logs.Levels)
		levels.Set(map[string]slog.Level{"com.netflix.discovery": logs.Off})
		log := logs.New(logs.Config{Writer: &out, Format: "text", Levels: levels})
		n := newCrowdedNode(t, server.Config{Logger: log, LogLevel: &levels.Root, Actuator: server.Actuator{Include: []string{"*"}}})
		const info, debug, inherits = `{"effectiveLevel":"INFO"}`, `{"configuredLevel":"DEBUG","effectiveLevel":"DEBUG"}`, `{"effectiveLevel":"DEBUG"}`
		for _, step := range []struct {
			post, body string
			status     int
			get, want  string // "": 404
		}{
			{"", "", 0, "com.netflix.discovery", `{"configuredLevel":"OFF","effectiveLevel":"OFF"}`},
			{"", "", 0, "com.netflix.eureka.registry", info},
			{"com.netflix.eureka", `{"configuredLevel":"DEBUG"}`, 204, "com.netflix.eureka", debug},
			{"", "", 0, "com.netflix.eureka.registry", inherits},
			{"", "", 0, "com.netflix", info},
			{"com.netflix.eureka", `{"configuredLevel":null}`, 204, "com.netflix.eureka", info},
			{"com.netflix.discovery", ``, 204, "com.netflix.discovery", info},
			{"org.springframework.cloud", `{"configuredLevel":"DEBUG"}`, 204, "org.springframework.cloud", debug},
			{"", "", 0, "com.netflix.eureka.registry", inherits},
			{"org.hibernate", `{"configuredLevel":"DEBUG"}`, 204, "org.hibernate", debug},
			{"org.hibernate", `{}`, 204, "org.hibernate", ""},
			{"web", `{"configuredLevel":"DEBUG"}`, 204, "org.springframework.web", debug},
			{"org.springframework.web", `{"configuredLevel":"WARN"}`, 204, "org.springframework.http", debug},
			{"com.netflix.eureka", `{"configuredLevel":"loud"}`, 400, "com.netflix.eureka", info},
			{"com.netflix.eureka", `[]`, 400, "com.netflix.eureka", info},
			{"", "", 0, "org.apache", ""},
		} {
			if step.post != "" {
				if status, got := n.do(t, "POST", "http://node/actuator/loggers/"+step.post, step.body); status != step.status {
					t.Errorf("POST %s %s = %d %s, want %d", step.post, step.body, status, got, step.status)
				}
			}
			status, got := n.do(t, "GET", "http://node/actuator/loggers/"+step.get, "")
			if got != step.want || (status == 404) != (step.want == "") {
				t.Errorf("after POST %s: %s = %d %s, want %s", step.post, step.get, status, got, step.want)
			}
		}
		_, all := n.do(t, "GET", "http://node/actuator/loggers", "")
		for _, want := range []string{`"ROOT":{"configuredLevel":"INFO"`, `"com.netflix.eureka.cluster":` + info, `"org.springframework.cloud":` + debug,
			`"groups":{"sql":{"members":["org.springframework.jdbc.core",`} {
			if !strings.Contains(all, want) {
				t.Errorf("no %s in %s", want, all)
			}
		}
		if !strings.Contains(out.String(), `msg="log level has no effect" name=org.hibernate to=DEBUG`) {
			t.Errorf("log: %s", out.String())
		}
	})
}

// The loggers that a node does not have are remembered up to a bound: a request must not take memory for ever.
func TestLoggersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		levels := new(logs.Levels)
		log := logs.New(logs.Config{Writer: t.Output(), Format: "text", Levels: levels})
		n := newCrowdedNode(t, server.Config{Logger: log, LogLevel: &levels.Root, Actuator: server.Actuator{Include: []string{"*"}}})
		for i := range 200 {
			n.do(t, "POST", fmt.Sprintf("http://node/actuator/loggers/org.x%d", i), `{"configuredLevel":"DEBUG"}`)
		}
		if got := len(levels.Own()); got != 100 {
			t.Errorf("%d levels are kept", got)
		}
		if status, _ := n.do(t, "POST", "http://node/actuator/loggers/com.netflix", `{"configuredLevel":"DEBUG"}`); status != 204 || levels.Of(logs.Client) != slog.LevelDebug {
			t.Errorf("a logger that is there: %d, %v", status, levels.Of(logs.Client))
		}
	})
}
