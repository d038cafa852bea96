package config_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"heureka.internal/heureka/internal/config"
)

var yamlSeeds = []string{
	"", "a", "- a", "a: b", "eureka:\n  client:\n    service-url:\n      defaultZone: http://a/\n",
	"a: &x [1, 2]\nb: *x\n", "a: &a [*a]", "a: &a {<<: *a}", "<<: {a: 1}\na: 2", "<<: [{a: 1}, {b: 2}]",
	"a: 1\n---\nb: 2\n---\n", "spring.config.import: application.yml", "spring: {profiles: {active: a, group: {a: b}}}",
	"eureka.instance.metadata-map: {'[a..b]': 1, 'x[0]': 2, '': 3}", "server.port: ${server.port}", "a: !!binary aGk=", "? {a: b}\n: c",
	"x: &x [a,a,a,a]\ny: &y [*x,*x,*x,*x]\nz: &z [*y,*y,*y,*y]\nw: &w [*z,*z,*z,*z]\nv: [*w,*w,*w,*w]",
}

// FuzzLoadYAML: whatever is in the file, Load returns, and what it accepts can be printed and read again.
func FuzzLoadYAML(f *testing.F) {
	for _, s := range yamlSeeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := env("SPRING_APPLICATION_JSON=" + text).load(t) // the same reader, without a file
		problems(s, err)
		if err == nil {
			roundTrip(t, s)
		}
	})
}

func roundTrip(t *testing.T, s *config.Settings) {
	for _, x := range s.All() {
		if !utf8.ValidString(x.Name + x.Value.Text) {
			return // YAML has no form for it
		}
	}
	text := writeYAML(t, s, config.View{Secrets: true, Inert: true})
	again, err := env("SPRING_APPLICATION_JSON=" + text).load(t)
	if err != nil {
		t.Fatalf("%v\n%.600s", err, text)
	}
	if diff := sameSettings(s, again); diff != "" {
		t.Errorf("(-printed +read)\n%s\n%.600s", diff, text)
	}
}

func FuzzProperties(f *testing.F) {
	for _, s := range []string{
		"", "a=b", "a:b", "a b", "a\\\n=b", "#c\n!d\na=\\u00e4", "a=1\n#---\nb=2", "=x", "\\", "eureka.server.my-url=http://a/",
		"eureka.client.availability-zones.r[1]=a\neureka.client.availability-zones.r[0]=b", "eureka.instance.metadata-map[x]=y",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := file("application.properties", text).load(t)
		problems(s, err)
		if err == nil {
			roundTrip(t, s)
		}
	})
}

func FuzzPlaceholder(f *testing.F) {
	for _, s := range []string{"${a}", "${a:${b:c}}", "${", "}", "${${a}}", "\\${a}", "${a:\\${b}}", "${random.int[1,2]}", "${random.int(}", "${self}", "${env.X}"} {
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, value, other string) {
		s, err := source{
			args: []string{"--eureka.environment=" + value, "--a=" + other, "--self=${eureka.environment}"},
			env:  []string{"ENV_X=" + value, "b=" + other},
		}.load(t)
		if err == nil && !strings.Contains(value+other, "${") && strings.TrimSpace(value) != "" && s.Text(envKey) != value {
			t.Errorf("%q became %q", value, s.Text(envKey))
		}
	})
}

// FuzzNames: any name, from any source, is a setting or it is not.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"a.b", "EUREKA_SERVER_MYURL", "eureka.server[my-url]", "a[0", "a]0[", "..", "_", "__0_", "eureka.client.service-url.", "server.port[0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		config.FindKey(name)
		config.Nearest(name)
		source{args: []string{"--" + name + "=1"}, env: []string{name + "=1"}}.load(t)
	})
}

// FuzzRoundTrip: map keys and values of any text survive printing and reading.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"a", "a.b", "0", "[", "#x", "~", "a: b", "- a", "\n", "'", `"\`, "${", "é\u2028", " ", "%", "@x", "*a", "&a", "!a", "<<", "null", "\x00\x85"} {
		f.Add(s, s)
	}
	f.Add(strings.Repeat("long", 1000), "a")
	f.Fuzz(func(t *testing.T, key, value string) {
		if strings.Contains(key, "]") {
			return // brackets cannot quote that
		}
		s, err := args("--eureka.instance.metadata-map.["+key+"]="+value, "--eureka.environment="+value, "--eureka.client.service-url."+key+"=http://a/").load(t)
		if err == nil {
			roundTrip(t, s)
		}
	})
}
