package config_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func TestPlaceholders(t *testing.T) {
	base := source{
		args: []string{"--my.arg=arg", "--spring.application.name=app"},
		env:  []string{"HOST=env-host", "MY_ENV_NAME=env-name", "my.dotted=dotted", "EMPTY="},
		files: map[string]string{"application.yml": `
my:
  key: value
  nested: <${my.key}>
  host: ${HOST}
camelCase: camel
stage: prod
prod.url: http://prod/
server.port: 8080
hostname: file
`},
	}
	for _, tt := range []struct{ value, want string }{
		{"plain", "plain"},
		{"${my.key}", "value"},
		{"a-${my.key}-${my.key}-z", "a-value-value-z"},
		{"${my.nested}", "<value>"},
		{"${my.arg}", "arg"},
		{"${HOST}", "env-host"},
		{"${HOST:x}", "env-host"},
		{"${my.host}", "env-host"},
		{"${my.env.name}", "env-name"},
		{"${my.env-name}", "env-name"},
		{"${MY_ENV_NAME}", "env-name"},
		{"${my.dotted}", "dotted"},
		{"${EMPTY:x}", ""},
		{"${NONE:default}", "default"},
		{"${NONE:}", ""},
		{"${NONE:http://a:1/b}", "http://a:1/b"},
		{"${NONE:${my.key}}", "value"},
		{"${NONE:${NONE2:${HOST}}}", "env-host"},
		{"${NONE:{a}}", "{a}"},
		{"${${stage}.url}", "http://prod/"},
		{"${ my.key }", "value"},
		{"${camelCase}", "camel"},
		{"${server.port}", "8080"},
		{"${SERVER_PORT:8761}", "8761"}, // no such variable, and not the canonical name of the setting
		{"${HOSTNAME:none}", "none"},    // not the property hostname: names that are not canonical match exactly
		{"${spring.application.name}", "app"},
		{"${eureka.instance.hostname}", "box"}, // from the machine
		{"${spring.cloud.client.hostname}/${spring.cloud.client.ip-address}", "box/192.0.2.7"},
		{"${eureka.server.evictionIntervalTimerInMs}", "60000"}, // the default
		{`\${my.key}`, "${my.key}"},
		{`a\${b}${my.key}`, "a${b}value"},
		{"${my.key", "${my.key"},
		{"$my.key {x} }$", "$my.key {x} }$"},
	} {
		s, err := base.and(args("--eureka.environment=v:" + tt.value)).load(t)
		if err != nil {
			t.Errorf("%s: %v", tt.value, err)
			continue
		}
		if got := strings.TrimPrefix(s.Text(envKey), "v:"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.value, got, tt.want)
		}
	}
}

func TestBrokenPlaceholders(t *testing.T) {
	var laughs strings.Builder // each line doubles the one before
	laughs.WriteString("l0: ha\n")
	for i := range 40 {
		fmt.Fprintf(&laughs, "l%d: ${l%d}${l%d}\n", i+1, i, i)
	}
	for _, tt := range []struct{ yaml, want string }{
		{"eureka.environment: ${NONE}", "want a value for ${NONE}"},
		{"eureka.environment: ${a.${NONE}}", "want a value for ${NONE}"},
		{"eureka.environment: ${a}\na: ${b}\nb: ${a}", "without a cycle: a needs b needs a"},
		{"eureka.environment: ${eureka.environment:x}", "without a cycle: eureka.environment needs eureka.environment"},
		{laughs.String() + "eureka.environment: ${l40}", "expansion too large"},
		{"a: " + strings.Repeat("x", 1000) + "\neureka.environment: " + strings.Repeat("${a}", 100), "expansion too large"},
	} {
		_, err := yamlFile(tt.yaml).load(t)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.80s: %.200v, want %s", tt.yaml, err, tt.want)
		}
	}
}

// Only what is used must resolve: a file is shared with other programs.
func TestForeignPlaceholdersAreLeftAlone(t *testing.T) {
	s := yamlFile("spring.datasource.url: ${DB_URL}\nother: ${other}").mustLoad(t)
	if len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}
}

func TestRandomPlaceholders(t *testing.T) {
	for placeholder, pattern := range map[string]string{
		"${random.uuid}":          `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`,
		"${random.value}":         `^[0-9a-f]{32}$`,
		"${random.int}":           `^-?\d+$`,
		"${random.long}":          `^-?\d+$`,
		"${random.int(3)}":        `^[0-2]$`,
		"${random.int[7,9]}":      `^[78]$`,
		"${random.long[100,101]}": `^100$`,
		"${random.int[9,7]:bad}":  `^bad$`,
		"${random.int():bad}":     `^bad$`,
		"${random.other:bad}":     `^bad$`,
	} {
		s := args("--eureka.instance.instance-id=" + placeholder).mustLoad(t)
		if got := s.Text("eureka.instance.instance-id"); !regexp.MustCompile(pattern).MatchString(got) {
			t.Errorf("%s: %s", placeholder, got)
		}
	}
}

// What a placeholder uses is no unknown setting, wherever it comes from.
func TestUsedNamesAreNotUnknown(t *testing.T) {
	s := yamlFile("eureka.peers: http://a/\neureka.client.service-url.defaultZone: ${eureka.peers},${b-url},${EUREKA_SERVER_MY_URLS}").
		and(args("--b-url=http://b/")).and(env("EUREKA_SERVER_MY_URLS=http://c/")).mustLoad(t)
	if len(s.Warnings) > 0 {
		t.Error(s.Warnings)
	}
}
