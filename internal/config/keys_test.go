package config_test

import (
	"bufio"
	"log/slog"
	"os"
	"reflect"
	"strings"
	"testing"

	"heureka.internal/heureka/internal/config"
	"heureka.internal/heureka/internal/logs"
	"heureka.internal/heureka/server"
)

// sample returns a valid text for the key that is not its default.
func sample(k *config.Key) string {
	if s, ok := samples[k.Name]; ok {
		return s
	}
	switch k.Kind {
	case config.Bool:
		if k.Default == "true" {
			return "false"
		}
		return "true"
	case config.Int, config.Duration:
		return "17"
	case config.Float:
		return "0.5"
	case config.Span:
		return "17m"
	case config.Size:
		return "17KB"
	case config.List:
		return "one,two"
	case config.URL:
		return "http://seventeen:1717/eureka/"
	case config.URLs:
		return "http://seventeen:1717/eureka/,https://eighteen/"
	case config.Enum:
		return k.Words[len(k.Words)-1]
	}
	return "seventeen"
}

// samples are for keys whose general sample would be their default, or do nothing alone.
var samples = map[string]string{
	"server.shutdown":                        "immediate",
	"heureka.self-preservation-max-duration": "17m",
	"eureka.client.register-with-eureka":     "true",
}

// spellings are ways to write all settings at once, each name with its sample.
var spellings = map[string]func(names map[string]*config.Key) source{
	"kebab arguments": func(names map[string]*config.Key) source {
		return args(each(names, func(name string, k *config.Key) string { return "--" + name + "=" + sample(k) })...)
	},
	"nested camel case in YAML": func(names map[string]*config.Key) source {
		return yamlFile(strings.Join(each(names, func(name string, k *config.Key) string { return nested(camel(name), sample(k)) }), "\n---\n"))
	},
	"flat camel case in YAML": func(names map[string]*config.Key) source {
		return yamlFile(strings.Join(each(names, func(name string, k *config.Key) string { return camel(name) + ": " + sample(k) }), "\n"))
	},
	"snake case in properties": func(names map[string]*config.Key) source {
		return file("application.properties", strings.Join(each(names, func(name string, k *config.Key) string {
			return strings.ReplaceAll(name, "-", "_") + "=" + sample(k)
		}), "\n"))
	},
	"upper case in properties": func(names map[string]*config.Key) source {
		return file("application.properties", strings.Join(each(names, func(name string, k *config.Key) string {
			return strings.ToUpper(k.Name) + strings.TrimPrefix(name, k.Name) + ": " + sample(k)
		}), "\n"))
	},
	"environment without dashes": func(names map[string]*config.Key) source {
		return env(each(names, func(name string, k *config.Key) string { return envName(name, "") + "=" + sample(k) })...)
	},
	"environment with underscores": func(names map[string]*config.Key) source {
		return env(each(names, func(name string, k *config.Key) string { return envName(name, "_") + "=" + sample(k) })...)
	},
	"environment with dots": func(names map[string]*config.Key) source {
		return env(each(names, func(name string, k *config.Key) string { return name + "=" + sample(k) })...)
	},
}

func each(names map[string]*config.Key, line func(string, *config.Key) string) []string {
	var lines []string
	for name, k := range names {
		lines = append(lines, line(name, k))
	}
	return lines
}

// S-CFG-1: names match in any case, with or without dashes and underscores, from every kind of source. Every key of the
// table is set in every spelling and must come out with the same value.
func TestCfg1RelaxedNames(t *testing.T) {
	names := map[string]*config.Key{}
	for _, k := range config.Keys() {
		name := k.Name
		if k.Map {
			name += ".zonea"
		}
		if !needsOthers(name) {
			names[name] = k
		}
	}
	for spelling, write := range spellings {
		s := write(names).mustLoad(t)
		for name, k := range names {
			alone, _ := args("--" + name + "=" + sample(k)).load(t) // some need others beside them
			want := alone.Of(k)
			got := s.Of(k)
			if len(got) != 1 || got[0].Origin.Source == config.Default {
				t.Errorf("%s as %s is not set: %v", name, spelling, got)
				continue
			}
			got[0].Origin = want[0].Origin
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s as %s = %+v, want %+v", name, spelling, got[0], want[0])
			}
		}
	}
}

func camel(name string) string {
	var b strings.Builder
	up := false
	for _, r := range name {
		if r == '-' {
			up = true
			continue
		}
		if up {
			r = []rune(strings.ToUpper(string(r)))[0]
		}
		up = false
		b.WriteRune(r)
	}
	return b.String()
}

func nested(name, value string) string {
	var b strings.Builder
	for i, elem := range strings.Split(name, ".") {
		b.WriteString(strings.Repeat("  ", i) + elem + ":")
		if i < strings.Count(name, ".") {
			b.WriteString("\n")
		}
	}
	return b.String() + " " + value
}

func envName(name, dash string) string {
	return strings.ToUpper(strings.NewReplacer("-", dash, ".", "_").Replace(name))
}

// needsOthers reports whether a setting is refused when it stands alone, or keeps others from loading.
func needsOthers(name string) bool {
	return strings.Contains(name, "ssl.") && (strings.HasSuffix(name, ".enabled") || strings.Contains(name, ".bundle") || strings.HasSuffix(name, "server.ssl.client-auth")) ||
		name == "spring.cloud.config.uri" || strings.HasPrefix(name, "heureka.auth.certificates")
}

// Every key that counts as effective must change what the program does with the settings.
func TestEffectiveKeysHaveAnEffect(t *testing.T) {
	byProgram := []string{"spring.cloud.config.uri", "spring.cloud.config.enabled", "spring.cloud.config.name", "spring.cloud.config.profile",
		"spring.cloud.config.label", "spring.cloud.config.username", "spring.cloud.config.password", "spring.cloud.config.token",
		"spring.cloud.config.fail-fast", "server.address", "management.server.address", "logging.level.root", "heureka.log-level", "heureka.log-format", "heureka.acknowledge",
		"server.ssl.enabled", "management.server.ssl.enabled", "server.tomcat.accesslog.enabled", "heureka.access-log", "heureka.audit.to", "logging.file.name", "logging.file.path", "logging.structured.format.console"}
	base := args().mustLoad(t)
	for _, k := range config.Keys() {
		name := k.Name
		if k.Map {
			name += ".x"
		}
		if strings.HasSuffix(k.Name, "ssl.bundle") || strings.HasPrefix(k.Name, "spring.ssl.bundle") {
			continue // TestBundles
		}
		if k.Name == "heureka.auth.certificates" {
			continue // TestCertificates
		}
		s, _ := args("--" + name + "=" + sample(k)).load(t) // some need others beside them
		port := 8761
		if k.Name == "server.port" {
			port = 17
		}
		diff := diffConfig(base.ServerConfig(8761), s.ServerConfig(port))
		same := diff == ""
		for _, known := range byProgram {
			if k.Name == known {
				same = base.Text(known) == s.Text(known)
			}
		}
		if _, own := s.LogLevels(); len(own) > 0 {
			same = false
		}
		if same == k.Effective() {
			t.Errorf("%s=%s: effective is %v, but the difference is %q", name, sample(k), k.Effective(), diff)
		}
	}
}

// Every field of the server's configuration can be reached by a setting, apart from what a program has to bring along.
func TestEveryFieldHasAKey(t *testing.T) {
	var all []string
	for _, k := range config.Keys() {
		name := k.Name
		if k.Map {
			name += ".x"
		}
		if !needsOthers(name) {
			all = append(all, "--"+name+"="+sample(k))
		}
		if name == "management.server.port" {
			all = append(all, "--"+name+"=18") // another one than server.port
		}
	}
	c := reflect.ValueOf(args(all...).mustLoad(t).ServerConfig(1))
	for i := range c.NumField() {
		switch name := c.Type().Field(i).Name; name {
		case "Version", "Transport", "Logger", "LogLevel", "AccessLog", "Rand":
		default:
			if c.Field(i).IsZero() {
				t.Errorf("no setting reaches server.Config.%s", name)
			}
		}
	}
}

// A default that is written down as a setting is accepted, changes nothing and warns of nothing.
func TestDefaultsAreValidAndNeutral(t *testing.T) {
	for _, k := range config.Keys() {
		if k.Map || k.Default == "" {
			continue
		}
		s := args("--" + k.Name + "=" + k.Default).mustLoad(t)
		if len(s.Warnings) > 0 {
			t.Errorf("%s=%s warns: %v", k.Name, k.Default, s.Warnings)
		}
		if _, err := server.New(s.ServerConfig(8761)); err != nil {
			t.Errorf("%s=%s: %v", k.Name, k.Default, err)
		}
		byDefault, set := args().mustLoad(t).Of(k)[0], s.Of(k)[0]
		if set.Value.Text != byDefault.Value.Text {
			t.Errorf("%s is %q by default, but %q when set to that", k.Name, byDefault.Value.Text, set.Value.Text)
		}
	}
}

// Whatever settings there are, what is printed is what the node uses, for every key that is a field of its configuration.
func TestPrintedIsUsed(t *testing.T) {
	for name, base := range map[string]source{
		"nothing set": {},
		"netflix":     args("--heureka.compatibility=netflix"),
		"with peers":  args("--eureka.client.service-url.defaultZone=http://a/eureka/"),
		"by DNS":      args("--eureka.client.use-dns-for-fetching-service-urls=true", "--eureka.client.eureka-server-d-n-s-name=n", "--eureka.client.eureka-server-port=1"),
	} {
		t.Run(name, func(t *testing.T) {
			fields := 0
			for _, k := range config.Keys() {
				sub := ""
				if k.Map {
					sub = ".x"
				}
				if checkPrinted(t, base.mustLoad(t), k) {
					fields++
				}
				if s, err := base.and(args("--" + k.Name + sub + "=" + sample(k))).load(t); err == nil {
					checkPrinted(t, s, k)
				}
			}
			if fields < 45 {
				t.Errorf("only %d keys are fields of server.Config", fields)
			}
		})
	}
}

// checkPrinted compares what is printed of a key with what the node uses. It reports false if no field holds the key.
func checkPrinted(t *testing.T, s *config.Settings, k *config.Key) bool {
	t.Helper()
	used := s.ServerConfig(s.Int("server.port")).WithDefaults()
	for _, x := range s.Of(k) {
		want, ok := config.UsedText(k, used, x.Value.Sub)
		if !ok {
			return false
		}
		if got := strings.Trim(x.Shown(true), "/"); config.Canonical(k, got) != config.Canonical(k, strings.Trim(want, "/")) {
			t.Errorf("%s is printed as %q, but the node uses %q", x.Name, got, want)
		}
	}
	return true
}

// A field of the server's configuration has its default from there only.
func TestDefaultsStandOnlyInTheServer(t *testing.T) {
	for _, k := range config.Keys() {
		want, ok := config.UsedText(k, server.DefaultConfig().WithDefaults(), "")
		if ok && !k.Map && k.Default != want {
			t.Errorf("%s has the default %q, the server %q", k.Name, k.Default, want)
		}
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range config.Keys() {
		if !strings.HasSuffix(k.Doc, ".") || strings.Contains(k.Doc, "\n") {
			t.Errorf("%s: doc %q is not one sentence", k.Name, k.Doc)
		}
		if k.Kind == config.Duration && k.Unit == 0 || k.Kind == config.Enum && len(k.Words) == 0 {
			t.Errorf("%s lacks a unit or words", k.Name)
		}
		if found, ok := config.FindKey(k.Name); !ok || found != k {
			t.Errorf("FindKey(%s) finds something else", k.Name)
		}
		for _, name := range append([]string{k.Name}, k.Aliases...) {
			flat := strings.ToLower(strings.NewReplacer("-", "", ".", "").Replace(name))
			if seen[flat] {
				t.Errorf("%s looks like another key as an environment variable", name)
			}
			seen[flat] = true
		}
	}
}

// differing are defaults that we decided to have otherwise than the reference.
var differing = map[string]string{
	"eureka.server.use-read-only-response-cache":  "false", // fresh answers cost nothing here
	"eureka.server.peer-node-connect-timeout-ms":  "1000",  // S-DEF-27
	"eureka.server.peer-node-read-timeout-ms":     "5000",  // S-DEF-27
	"eureka.server.remote-region-read-timeout-ms": "5000",
	"eureka.client.register-with-eureka":          "false", // true with peers
}

// own are the defaults of settings that the reference's list does not have.
var own = map[string]string{
	"server.port": "8761",
	"spring.lifecycle.timeout-per-shutdown-phase": "30s",
	"heureka.compatibility":                       "heureka",
	"heureka.lease-expiry":                        "exact",
	"heureka.self-preservation-max-duration":      "unlimited",
	"heureka.self-preservation-min-missing":       "2",
	"heureka.max-lease-duration":                  "24h",
	"heureka.dashboard.actions":                   "false",
	"heureka.limits.record-bytes":                 "10MB",
	"heureka.limits.batch-bytes":                  "24MB",
}

func TestOwnDefaults(t *testing.T) {
	for name, want := range own {
		if k, ok := config.FindKey(name); !ok || k.Default != want {
			t.Errorf("%s: %+v, want the default %q", name, k, want)
		}
	}
}

// S-CFG 9.1 to 9.9, C-21.1 to C-21.4: every key of the reference is known, with its default.
func TestReferenceKeysAreKnown(t *testing.T) {
	f, err := os.Open("testdata/reference-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, want, ok := strings.Cut(lines.Text(), " ")
		if !ok || name == "#" {
			continue
		}
		n++
		base, isMap := strings.CutSuffix(name, ".*")
		k, ok := config.FindKey(base)
		if !ok || isMap && !k.Map {
			t.Errorf("%s is not in the table", name)
			continue
		}
		if own, ok := differing[name]; ok {
			want = own
		}
		if want != "-" && k.Default != want {
			t.Errorf("%s has the default %q, want %q", name, k.Default, want)
		}
	}
	if n < 180 {
		t.Errorf("only %d keys in the list", n)
	}
}

// Levels of Spring Boot's groups are those of their members, unless a member has one of its own.
func TestLevelsOfGroups(t *testing.T) {
	s := yamlFile("logging.level: {web: debug, org.springframework.http: warn, com.netflix: 'off'}").mustLoad(t)
	if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0].Error(), "logging.level.org.springframework.http: has no effect") {
		t.Errorf("warnings: %v", s.Warnings)
	}
	_, own := s.LogLevels()
	want := map[string]slog.Level{"com.netflix": logs.Off, "org.springframework.web": slog.LevelDebug, "org.springframework.http": slog.LevelWarn}
	for name, level := range want {
		if got, ok := own[name]; !ok || got != level {
			t.Errorf("level of %s = %v, want %v", name, got, level)
		}
	}
	if _, ok := own["web"]; ok {
		t.Error("a group is taken for a logger")
	}
}
