package server_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"

	"heureka.internal/heureka/server"
)

// actuatorOptions are about the endpoints for management.
var actuatorOptions = []option{{
	field: "Actuator.Base", see: statusOf("/manage/health"), byDefault: "404", want: "200",
	set: func(_ *rig, c *server.Config) { c.Actuator.Base = "/manage" },
}, {
	field: "Actuator.ManagementBase", byDefault: "404", want: "200",
	base: func(_ *rig, c *server.Config) { c.Management = server.ManagementSeparate },
	set:  func(_ *rig, c *server.Config) { c.Actuator.ManagementBase = "/m" },
	see: func(r *rig) string {
		w := httptest.NewRecorder()
		r.server.ManagementHandler().ServeHTTP(w, httptest.NewRequest("GET", "/m/actuator/health", nil))
		return fmt.Sprint(w.Code)
	},
}, {
	field: "Actuator.Paths", see: statusOf("/actuator/healthcheck"), byDefault: "404", want: "200",
	set: func(_ *rig, c *server.Config) { c.Actuator.Paths = map[string]string{"health": "healthcheck"} },
}, {
	field: "Actuator.Include", see: statusOf("/actuator/info"), byDefault: "200", want: "404",
	set: func(_ *rig, c *server.Config) { c.Actuator.Include = []string{"health"} },
}, {
	field: "Actuator.Exclude", see: statusOf("/actuator/info"), byDefault: "200", want: "404",
	set: func(_ *rig, c *server.Config) { c.Actuator.Exclude = []string{"info"} },
}, {
	field: "Actuator.ShowDetails", see: healthHas(`"details"`), byDefault: "true", want: "false",
	set: func(_ *rig, c *server.Config) { c.Actuator.ShowDetails = server.ShowNever },
}, {
	field: "Actuator.ShowComponents", see: healthHas(`"components"`), byDefault: "true", want: "false",
	set: func(_ *rig, c *server.Config) { c.Actuator.ShowComponents = server.ShowNever },
}, {
	field: "Actuator.ProbePaths", see: statusOf("/livez"), byDefault: "404", want: "200",
	set: func(_ *rig, c *server.Config) { c.Actuator.ProbePaths = true },
}, {
	field: "Info", byDefault: "", want: "blue",
	set: func(_ *rig, c *server.Config) { c.Info = map[string]string{"team": "blue"} },
	see: func(r *rig) string { return r.find("/actuator/info", `"team":"(.*?)"`) },
}, {
	field: "LogLevel", see: statusOf("/actuator/loggers"), byDefault: "404", want: "200",
	base: func(_ *rig, c *server.Config) { c.Actuator.Include = []string{"*"} },
	set:  func(_ *rig, c *server.Config) { c.LogLevel = new(slog.LevelVar) },
}, {
	field: "AccessLog", byDefault: "", want: "PUT /eureka/apps/NONE/x?status=UP 404 0 client not-registered 00-1-2-01",
	set: func(r *rig, c *server.Config) { c.AccessLog = r.logger() },
	see: func(r *rig) string {
		r.do("PUT", "/eureka/apps/NONE/x?status=UP", "", "traceparent", "00-1-2-01")
		line := regexp.MustCompile(`method=(.*) path="(.*)" status=(.*) bytes=(.*) took=.* client=([^:]*).* traceparent=(.*) reason=(.*)`)
		m := line.FindStringSubmatch(r.log.String())
		if m == nil {
			return r.log.String()
		}
		return strings.Join(append(m[1:6], m[7], m[6]), " ")
	},
}}

func statusOf(path string) func(*rig) string { return func(r *rig) string { return r.status(path) } }

func healthHas(part string) func(*rig) string {
	return func(r *rig) string {
		_, body := r.do("GET", "/actuator/health", "")
		return fmt.Sprint(strings.Contains(body, part))
	}
}
