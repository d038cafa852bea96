package config_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"heureka.internal/heureka/internal/config"
)

const envKey = "eureka.environment"

// places are sources of one setting, from the weakest to the strongest. Each sets it to its own name.
var places = []struct {
	name   string
	source source
}{
	{"test", source{}}, // the default
	{"./application.yaml", file("application.yaml", "eureka.environment: ./application.yaml")},
	{"./application.yml", file("application.yml", "eureka.environment: ./application.yml")},
	{"./application.properties", file("application.properties", "eureka.environment=./application.properties")},
	{"config/application.yml", file("config/application.yml", "eureka.environment: config/application.yml")},
	{"config/application.properties", file("config/application.properties", "eureka.environment=config/application.properties")},
	{"config/sub/application.yml", file("config/sub/application.yml", "eureka.environment: config/sub/application.yml")},
	{"./application-a.yml", file("application-a.yml", "eureka.environment: ./application-a.yml")},
	{"config/application-a.properties", file("config/application-a.properties", "eureka.environment=config/application-a.properties")},
	{"./application-b.yml", file("application-b.yml", "eureka.environment: ./application-b.yml")},
	{"environment", env("EUREKA_ENVIRONMENT=environment")},
	{"json", env(`SPRING_APPLICATION_JSON={"eureka":{"environment":"json"}}`)},
	{"argument", args("--eureka.environment=argument")},
}

func TestPrecedence(t *testing.T) {
	profiles := args("--spring.profiles.active=a,b")
	for i, strong := range places {
		for _, weak := range places[:i] {
			s := profiles.and(weak.source).and(strong.source).mustLoad(t)
			if got := s.Text(envKey); got != strong.name {
				t.Errorf("%s and %s: the value is from %s", weak.name, strong.name, got)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct {
		source source
		want   string
	}{
		{source{}, "default"},
		{args("--eureka.environment=x"), "argument"},
		{env("EUREKA_ENVIRONMENT=x"), "environment variable EUREKA_ENVIRONMENT"},
		{env(`SPRING_APPLICATION_JSON={"eureka.environment":"x"}`), "SPRING_APPLICATION_JSON"},
		{args(`--spring.application.json={"eureka.environment":"x"}`), "SPRING_APPLICATION_JSON"},
		{yamlFile("# a comment\n\neureka:\n  environment: x\n"), "application.yml:4"},
		{yamlFile("a: 1\n---\neureka:\n  environment: x\n"), "application.yml:4"},
		{file("config/application.properties", "# a\n! b\na=1 \\\n  c=2\n\neureka.environment : x\n"), "config/application.properties:6"},
		{file("application.properties", "a=1\n#---\neureka.environment=x\n"), "application.properties:3"},
		{file("application.properties", `eureka\.environment=x`), "application.properties:1"},
		{file("application.properties", "a=1\\\n#---\neureka.environment=x\n"), "application.properties:3"}, // a continued line is no comment
	} {
		s := tt.source.mustLoad(t)
		k, _ := config.FindKey(envKey)
		if got := s.Of(k)[0].Origin.String(); got != tt.want {
			t.Errorf("%+v: origin %q, want %q", tt.source, got, tt.want)
		}
	}
}

// A list is replaced as a whole by a stronger source; entries of a map are replaced one by one.
func TestListsAndMapsFromSeveralSources(t *testing.T) {
	s := yamlFile(`
eureka:
  client:
    service-url:
      a: [http://a1/, http://a2/]
      b: http://b1/
`).and(args("--eureka.client.service-url.a[0]=http://a3/", "--eureka.client.service-url.c=http://c1/,http://c2/")).mustLoad(t)
	want := map[string][]string{"a": {"http://a3/"}, "b": {"http://b1/"}, "c": {"http://c1/", "http://c2/"}}
	if diff := cmp.Diff(want, s.ServerConfig(1).ServiceURLs); diff != "" {
		t.Error(diff)
	}
}

func TestLocations(t *testing.T) {
	files := source{files: map[string]string{
		"application.yml":        "eureka.environment: cwd",
		"etc/application.yml":    "eureka.environment: etc",
		"etc/application-p.yml":  "eureka.environment: etc-p",
		"etc/other.yml":          "eureka.environment: other",
		"etc/other-p.yml":        "eureka.environment: other-p",
		"etc/custom.properties":  "eureka.environment=custom",
		"more/application.yml":   "eureka.datacenter: more",
		"more/x/application.yml": "eureka.environment: x",
		"more/y/application.yml": "eureka.environment: y",
		"hinted":                 "eureka.environment=hinted",
	}}
	for _, tt := range []struct {
		args string
		want string
	}{
		{"", "cwd"},
		{"--spring.config.location=etc/", "etc"},
		{"--spring.config.location=file:etc/", "etc"},
		{"--spring.config.location=file:./etc/other.yml", "other"},
		{"--spring.config.location=etc/other.yml --spring.profiles.active=p", "other-p"},
		{"--spring.config.location=etc/ --spring.profiles.active=p", "etc-p"},
		{"--spring.config.location=etc/,etc/other.yml", "other"},
		{"--spring.config.location=etc/,etc/other.yml --spring.profiles.active=p", "other-p"},
		{"--spring.config.location=etc/;./ --spring.profiles.active=p", "etc-p"}, // one group: profiles win
		{"--spring.config.location=etc/,./ --spring.profiles.active=p", "cwd"},   // two groups: the later wins
		{"--spring.config.location=optional:none/,etc/", "etc"},
		{"--spring.config.location=optional:none.yml", "test"},
		{"--spring.config.location=more/*/", "y"},
		{"--spring.config.location=${WHERE:etc}/", "etc"},
		{"--spring.config.location=optional:classpath:/,etc/", "etc"},
		{"--spring.config.location=hinted[.properties]", "hinted"},
		{"--spring.config.additional-location=etc/", "etc"},
		{"--spring.config.additional-location=more/", "cwd"},
		{"--spring.config.name=custom --spring.config.location=etc/", "custom"},
	} {
		s, err := files.and(args(strings.Fields(tt.args)...)).load(t)
		if err != nil {
			t.Errorf("%s: %v", tt.args, err)
			continue
		}
		if got := s.Text(envKey); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
		}
	}
}

func TestLocationFromEnvironment(t *testing.T) {
	files := file("etc/application.yml", "eureka.environment: etc").and(yamlFile("eureka.datacenter: cwd"))
	for name, want := range map[string]string{
		"SPRING_CONFIG_LOCATION":            "etc in default",
		"SPRING_CONFIG_ADDITIONALLOCATION":  "etc in cwd",
		"SPRING_CONFIG_ADDITIONAL_LOCATION": "etc in cwd",
	} {
		s := files.and(env(name + "=etc/")).mustLoad(t)
		if got := s.Text(envKey) + " in " + s.Text("eureka.datacenter"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestBrokenLocations(t *testing.T) {
	for _, tt := range []struct {
		source source
		want   string
	}{
		{args("--spring.config.location=none/"),
			`error: argument: spring.config.location is "none/": no such file or directory | write optional: in front of what may be missing`},
		{args("--spring.config.location=none.yml"),
			`error: argument: spring.config.location is "none.yml": no such file or directory | write optional: in front of what may be missing`},
		{args("--spring.config.location=https://user:secret@host/x.yml"),
			`error: argument: spring.config.location is "https://******@host/x.yml": heureka reads files only | put the settings into a file, or into environment variables`},
		{file("a.txt", "x").and(args("--spring.config.location=a.txt")),
			`error: a.txt: want a file that ends in .yml, .yaml or .properties`},
		{file("application.yml/x", ""), `error: application.yml: is a directory`},
		{yamlFile("a: [1\nb: 2"), `error: application.yml:1: not valid YAML: did not find expected ',' or ']'`},
		{yamlFile("a: 1\na: 2"), `error: application.yml:2: a is there twice, first in line 1`},
		{yamlFile("<<: [{a: 1}, {[b]: 2}]"), `error: application.yml:1: want a name before the colon`},
		{yamlFile("- a\n- b"), `error: application.yml:1: want lines such as server.port: 8761`},
		{yamlFile("? [a]\n: b"), `error: application.yml:1: want a name before the colon`},
		{file("application.properties", "a=1\nb=\\u00zz"), `error: application.properties:2: not a valid properties file: want four hexadecimal digits after \u`},
		{env("SPRING_APPLICATION_JSON={"), `error: SPRING_APPLICATION_JSON: not valid YAML: did not find expected node content`},
		{yamlFile("spring.config.import: x.yml"),
			`error: application.yml:1: spring.config.import is "x.yml": no such file or directory | write optional: in front of what may be missing`},
		{yamlFile("spring.config.import: application.yml"),
			`error: application.yml:1: spring.config.import is "application.yml": want imports without a cycle`},
		{args("--=x"), `error: argument: unexpected --=x | write settings as --key=value`},
		{args("8761"), `error: argument: unexpected 8761 | write settings as --key=value`},
	} {
		s, err := tt.source.load(t)
		if got := strings.Join(problems(s, err), "\n"); got != tt.want {
			t.Errorf("got:  %s\nwant: %s", got, tt.want)
		}
	}
}

func TestHugeFileIsRefused(t *testing.T) {
	s, err := yamlFile("# " + strings.Repeat("x", 5<<20)).load(t)
	if got, want := strings.Join(problems(s, err), "\n"), "error: application.yml: larger than 4 MB"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUnreadableFile(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("everything is readable for root")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "application.yml"), nil, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(config.Options{Dir: dir}); err == nil {
		t.Error("a file without permission was ignored")
	}
}

// A directory that may not be entered is one line, not one for each file that could be in it.
func TestUnreadableDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("everything is readable for root")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "config"), 0); err != nil {
		t.Fatal(err)
	}
	s, err := config.Load(config.Options{Dir: dir})
	if got, want := strings.Join(problems(s, err), "\n"), "error: ./config/: permission denied"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestImports(t *testing.T) {
	s := source{files: map[string]string{
		"application.yml":      "spring.config.import: 'extra/one.yml,optional:none.yml,optional:file:.env[.properties]'\neureka.environment: base\neureka.datacenter: base",
		"extra/one.yml":        "spring.config.import: ${TWO:two}.properties\neureka.environment: one",
		"extra/two.properties": "eureka.datacenter=two",
		".env":                 "SERVER_NAME=x\neureka.dashboard.path=/env",
	}}.mustLoad(t)
	if s.Text(envKey) != "one" || s.Text("eureka.datacenter") != "two" || s.Text("eureka.dashboard.path") != "/env" {
		t.Errorf("imports do not win over the importing file: %v", changed(s))
	}
}

// Arguments and the environment import, too. What they import beats all files, and is as strict about what is missing.
func TestImportsFromOutside(t *testing.T) {
	files := source{files: map[string]string{
		"application.yml": "eureka.environment: base", "application-default.yml": "eureka.environment: profile",
		"extra/one.yml": "eureka.environment: one", "extra/one-default.yml": "eureka.datacenter: one-default",
	}}
	for _, from := range []source{
		args("--spring.config.import=extra/one.yml"), env("SPRING_CONFIG_IMPORT=optional:file:./extra/one.yml,optional:nothing.yml"),
		env(`SPRING_APPLICATION_JSON={"spring.config.import": "${X}"}`, "X=extra/one.yml"),
	} {
		s := files.and(from).mustLoad(t)
		if s.Text(envKey) != "one" || s.Text("eureka.datacenter") != "one-default" || len(s.Unused) > 0 {
			t.Errorf("%+v: %v, unused %v", from, changed(s), s.Unused)
		}
	}
	for _, from := range []source{args("--spring.config.import=none.yml"), args("--spring.config.import=configtree:none/")} {
		s, err := from.load(t)
		if got := problems(s, err); len(got) != 1 || !strings.Contains(got[0], "no such file or directory") {
			t.Errorf("%+v: %q", from, got)
		}
	}
}

// A pattern stands for the directories that it matches; files beside them are none.
func TestWildcardLocation(t *testing.T) {
	s := source{args: []string{"--spring.config.location=etc/*/"}, files: map[string]string{
		"etc/a/application.yml": "eureka.environment: a", "etc/b/application.yml": "eureka.datacenter: b", "etc/c": "eureka.environment: c",
	}}.mustLoad(t)
	if got := strings.Join(s.Files, " "); got != "etc/a/application.yml etc/b/application.yml" || s.Text(envKey) != "a" {
		t.Errorf("read %s, %v", got, changed(s))
	}
}

// A directory of files is how Kubernetes mounts secrets: links to the files of a version, which has a hidden name.
func TestConfigTree(t *testing.T) {
	files := source{files: map[string]string{
		"etc/config/..2024/eureka.environment": "hidden", "etc/config/eureka/datacenter": "tree\n", "etc/secret/my.password": "geheim\r\n",
		"etc/secret/eureka.instance.metadata-map.multi": "a\nb\n\n", "etc/config/eureka.environment": "tree",
	}}
	for _, from := range []source{
		args("--spring.config.import=configtree:etc/config/,configtree:etc/secret/"), args("--spring.config.import=optional:configtree:etc/*/"),
		env("SPRING_CONFIG_IMPORT=configtree:etc/*/,optional:configtree:none/"), yamlFile("spring.config.import: 'configtree:etc/*/'\neureka.environment: file"),
	} {
		s := files.and(from).and(args("--eureka.dashboard.path=/${my.password}")).mustLoad(t)
		multi := s.ServerConfig(1).Instance.Metadata.Get("multi")
		if s.Text(envKey) != "tree" || s.Text("eureka.datacenter") != "tree" || s.Text("eureka.dashboard.path") != "/geheim" || multi != "a\nb\n" {
			t.Errorf("%+v: %q, multi %q", from, changed(s), multi)
		}
		if got := changed(s)[0]; !strings.HasSuffix(got, "(etc/config/eureka/datacenter)") && !strings.HasSuffix(got, "(etc/config/eureka.environment)") {
			t.Errorf("origin: %s", got)
		}
	}
}

// S-CFG 9.1: the names below eureka.instance.registry win over their aliases, wherever either is set.
func TestAliases(t *testing.T) {
	const name, alias = "eureka.instance.registry.default-open-for-traffic-count", "eureka.server.defaultOpenForTrafficCount"
	for _, tt := range []struct {
		source source
		want   int
	}{
		{args("--" + alias + "=5"), 5},
		{env("EUREKA_SERVER_DEFAULTOPENFORTRAFFICCOUNT=5"), 5},
		{args("--"+alias+"=5", "--"+name+"=6"), 6},
		{args("--"+name+"=6", "--"+alias+"=5"), 6},
		{yamlFile(name + ": 6").and(args("--" + alias + "=5")), 6},
	} {
		if got := tt.source.mustLoad(t).ServerConfig(1).OpenForTrafficCount; got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.source, got, tt.want)
		}
	}
}

func TestYAMLStructure(t *testing.T) {
	for _, tt := range []struct{ yaml, want string }{
		{"base: &b {environment: anchored}\neureka: *b", "anchored"},
		{"base: &b {environment: merged, datacenter: x}\neureka:\n  <<: *b", "merged"},
		{"base: &b {environment: merged}\neureka:\n  environment: own\n  <<: *b", "own"},
		{"a: &a {environment: a}\nb: &b {environment: b}\neureka:\n  <<: [*a, *b]", "b"},
		{"eureka: {environment: null}", "test"},
		{"eureka: {environment: ~}", "test"},
		{"eureka: {environment: []}", "test"},
		{"eureka:", "test"},
		{"eureka[environment]: x", "x"},
		{"eureka: {'[environment]': x}", "x"},
		{"eureka: {environment: [a, b]}", "a,b"},
		{"eureka:\n  environment: |\n    two\n    lines\n", "two\nlines\n"},
		{"\ufeffeureka.environment: bom", "bom"},
		{"# only a comment", "test"},
		{"---\n---\neureka.environment: third\n---\n", "third"},
	} {
		s, err := yamlFile(tt.yaml).load(t)
		if err != nil {
			t.Errorf("%q: %v", tt.yaml, err)
			continue
		}
		if got := s.Text(envKey); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.yaml, got, tt.want)
		}
	}
}

func TestYAMLWithoutEnd(t *testing.T) {
	bomb := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := range 8 {
		bomb += strings.ReplaceAll("aN: &aN [*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM,*aM]\n", "M", strconv.Itoa(i))
		bomb = strings.ReplaceAll(bomb, "N", strconv.Itoa(i+1))
	}
	for _, text := range []string{bomb, "a: &a [*a]", "a: &a {<<: *a}", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "a: " + strings.Repeat("{b: ", 100) + strings.Repeat("}", 100)} {
		if _, err := yamlFile(text).load(t); err == nil {
			t.Errorf("%.40q was accepted", text)
		}
	}
}

func TestAbsolutePaths(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "application.yml"), []byte("eureka.environment: absolute"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, location := range []string{dir, "file://" + dir, filepath.Join(dir, "application.yml"), dir + "/*.yml", filepath.Dir(dir) + "/*/"} {
		s, err := args("--spring.config.location=optional:" + location).load(t)
		want := "absolute"
		if strings.HasSuffix(location, "*.yml") { // a pattern is for directories
			want = "test"
		}
		if err != nil || s.Text(envKey) != want {
			t.Errorf("%s: %s, %v", location, s.Text(envKey), err)
		}
	}
}

func TestBrokenSwitches(t *testing.T) {
	for _, tt := range []struct {
		source source
		want   string
	}{
		{args("--spring.profiles.active=${NONE}"), `spring.profiles.active is "${NONE}": want a value for ${NONE}`},
		{args("--spring.config.location=${NONE}"), `spring.config.location is "${NONE}": want a value for ${NONE}`},
		{yamlFile("spring.config.import: ${NONE}"), `spring.config.import is "${NONE}": want a value for ${NONE}`},
	} {
		if _, err := tt.source.load(t); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

// Environment variables know no case and no dashes: map keys take the spelling of what else is known.
func TestMapKeysFromTheEnvironment(t *testing.T) {
	const zones = "EUREKA_CLIENT_AVAILABILITYZONES_"
	for _, tt := range []struct {
		source source
		want   string
	}{
		{env(zones + "USEAST1=z"), "us-east-1"},
		{env(zones+"EUWEST1=z", "EUREKA_CLIENT_REGION=eu-west-1"), "eu-west-1"},
		{env(zones + "EU_WEST_1=z").and(args("--eureka.client.region=eu-west-1")), "eu-west-1"},
		{env(zones + "EUWEST1=z").and(yamlFile("eureka.client.availability-zones.euWest-1: a")), "euWest-1"},
		{env(zones + "NOWHERE=z"), "nowhere"},
	} {
		got := tt.source.mustLoad(t).ServerConfig(1).AvailabilityZones
		if diff := cmp.Diff(map[string][]string{tt.want: {"z"}}, got); diff != "" {
			t.Errorf("%+v: %s", tt.source, diff)
		}
	}
}

func TestEnvironmentLists(t *testing.T) {
	s := env("EUREKA_CLIENT_SERVICEURL_ZONEA_1=http://b/", "EUREKA_CLIENT_SERVICEURL_ZONEA_0_=http://a/",
		"EUREKA_INSTANCE_METADATAMAP_RACK_7=x", "eureka.client.service-url.zoneB[0]=http://c/").mustLoad(t)
	c := s.ServerConfig(1)
	want := map[string][]string{"zonea": {"http://a/", "http://b/"}, "zoneB": {"http://c/"}}
	if diff := cmp.Diff(want, c.ServiceURLs); diff != "" {
		t.Error(diff)
	}
	if got := c.Instance.Metadata.Get("rack.7"); got != "x" {
		t.Errorf("metadata %v", c.Instance.Metadata)
	}
}
