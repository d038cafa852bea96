package config_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A fakeConfigServer answers by URL, without a query, and notes what it is asked.
type fakeConfigServer struct {
	answers map[string]string // 404 for others; "" refuses the connection
	asked   []string          // URL, credentials, token
}

func (f *fakeConfigServer) RoundTrip(r *http.Request) (*http.Response, error) {
	user, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	f.asked = append(f.asked, strings.TrimSpace(r.URL.String()+" "+string(user)+" "+r.Header.Get("X-Config-Token")))
	answer, ok := f.answers[r.URL.String()]
	status := http.StatusOK
	switch {
	case ok && answer == "":
		return nil, fmt.Errorf("connection refused")
	case !ok:
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

const served = `{"name": "reg", "profiles": ["prod"], "label": null, "propertySources": [
	{"name": "https://git:geheim@git.example.com/config/reg-prod.yml", "source": {"eureka.environment": "reg-prod", "server.port": 9000, "nothing": null}},
	{"name": "file:/config/application.yml", "source": {"eureka.environment": "shared", "eureka.datacenter": "shared",
		"eureka.client.service-url.defaultZone[0]": "http://a/", "eureka.client.service-url.defaultZone[1]": "http://b/", "eureka.dashboard.enabled": false}}
]}`

func TestConfigServer(t *testing.T) {
	const app = "spring.application.name: reg\neureka.environment: file\neureka.datacenter: file\n"
	answers := map[string]string{
		"http://config:8888/ctx/reg/prod": served, "http://config:8888/reg/prod": served, "http://localhost:8888/reg/prod": served,
		"http://config:8888/other/a%2Cb/feature%28_%29x": served, "http://down:8888/reg/prod": "", "http://broken/reg/prod": "<html>",
		"http://config:8888/application/prod": served,
	}
	const all = "reg-prod shared 9000 http://a/,http://b/"
	for _, tt := range []struct {
		name    string
		source  source
		asked   []string
		want    string // environment, data centre, port, peers
		problem string
	}{
		{"import", yamlFile(app + "spring.config.import: optional:configserver:http://u:p@config:8888/ctx/"), []string{"http://config:8888/ctx/reg/prod u:p"}, all, ""},
		{"import from the environment", yamlFile(app).and(env("SPRING_CONFIG_IMPORT=configserver:http://config:8888")), []string{"http://config:8888/reg/prod"}, all, ""},
		{"import without a URL", yamlFile(app + "spring.config.import: 'configserver:'"), []string{"http://localhost:8888/reg/prod"}, all, ""},
		{
			"import, the URL elsewhere", yamlFile(app + "spring: {config.import: 'configserver:', cloud.config: {uri: 'http://config:8888', username: u, password: '${PW}', token: t}}").and(env("PW=p")),
			[]string{"http://config:8888/reg/prod u:p t"}, all, "",
		},
		{
			"everything said", yamlFile(app + "spring: {config.import: 'configserver:http://config:8888', cloud.config: {name: other, profile: 'a,b', label: feature/x, password: p}}"),
			[]string{"http://config:8888/other/a%2Cb/feature%28_%29x user:p"}, all, "",
		},
		{"stronger than all files, weaker than the environment", yamlFile(app + "spring.config.import: configserver:http://config:8888").
			and(file("application-prod.yml", "eureka.datacenter: profile")).and(env("EUREKA_ENVIRONMENT=env")), []string{"http://config:8888/reg/prod"}, "env profile 9000 http://a/,http://b/", ""},
		{"bootstrap", yamlFile(app).and(file("bootstrap.yml", "spring.cloud.config.uri: http://config:8888")), []string{"http://config:8888/reg/prod"}, all, ""},
		{"bootstrap, switched off", yamlFile(app).and(file("bootstrap.yml", "spring.cloud.config: {uri: 'http://config:8888', enabled: false}")), nil, "file file 8761 ", ""},
		{"import, switched off", yamlFile(app + "spring: {config.import: 'configserver:http://config:8888', cloud.config.enabled: false}"), nil, "file file 8761 ", ""},
		{"a URL alone in another file", yamlFile(app + "spring.cloud.config.uri: http://config:8888"), nil, "file file 8761 ", ""},
		{"the next server", yamlFile(app + "spring.config.import: 'configserver:'\nspring.cloud.config.uri: http://down:8888,http://config:8888"), []string{"http://down:8888/reg/prod", "http://config:8888/reg/prod"}, all, ""},
		{"bootstrap, down", yamlFile(app).and(file("bootstrap.yml", "spring.cloud.config.uri: http://down:8888")), []string{"http://down:8888/reg/prod"}, "file file 8761 ", "warning: bootstrap.yml:1"},
		{"optional, down", yamlFile(app + "spring.config.import: optional:configserver:http://u:p@down:8888"), []string{"http://down:8888/reg/prod u:p"}, "file file 8761 ", "connection refused"},
		{"required, down", yamlFile(app + "spring.config.import: configserver:http://u:geheim@down:8888"), []string{"http://down:8888/reg/prod u:geheim"}, "", `error: application.yml:4: spring.config.import is "configserver:http://******@down:8888"`},
		{"required, not found", yamlFile(app + "spring.config.import: configserver:http://config:8888/none"), []string{"http://config:8888/none/reg/prod"}, "", "answered 404 to http://config:8888/none/reg/prod"},
		{"required, not a config server", yamlFile(app + "spring.config.import: configserver:http://broken"), []string{"http://broken/reg/prod"}, "", "is not the JSON of a config server"},
		{"required, no URL", yamlFile(app + "spring.config.import: configserver:config"), nil, "", "the URL of the config server must begin with http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := &fakeConfigServer{answers: answers}
			tt.source.configServer = server
			s, err := tt.source.and(args("--spring.profiles.active=prod")).load(t)
			if diff := cmp.Diff(tt.asked, server.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
			got := strings.Join(problems(s, err), "\n")
			if (err != nil) != (tt.want == "") || (got == "") != (tt.problem == "") || !strings.Contains(got, tt.problem) || strings.Contains(got, "geheim") {
				t.Errorf("problems %q, want %q", got, tt.problem)
			}
			c := s.ServerConfig(s.Int("server.port"))
			what := fmt.Sprint(c.Environment, " ", c.DataCenter, " ", c.Port, " ", strings.Join(c.ServiceURLs["defaultZone"], ","))
			if err == nil && what != tt.want {
				t.Errorf("%s, want %s", what, tt.want)
			}
			if got := strings.Join(changed(s), "\n"); tt.want == all && !strings.Contains(got, "(config server, https://git.example.com/config/reg-prod.yml)") {
				t.Errorf("origins:\n%s", got)
			}
		})
	}
}

// With fail-fast a server that is still starting is asked six times, as by spring-retry.
func TestConfigServerThatStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &fakeConfigServer{}
		start := time.Now()
		s := source{configServer: server, env: []string{"SPRING_CLOUD_CONFIG_URI=http://config:8888", "SPRING_CLOUD_CONFIG_FAILFAST=true"}}
		_, err := s.load(t)
		if took := time.Since(start).Round(time.Millisecond); err == nil || len(server.asked) != 6 || took != 6105*time.Millisecond {
			t.Errorf("%v, after %s and %d questions", err, took, len(server.asked))
		}
	})
}
