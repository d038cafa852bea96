package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka/internal/config"
)

func operatingGuide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each command that the pages for operators tell to run is one, with flags that it has.
func TestPagesNameRealCommands(t *testing.T) {
	named := regexp.MustCompile("`heureka ([a-z][^`]*)`|(?m:^\\$ heureka ([a-z].*)$)")
	for _, page := range []string{"operate", "upgrade", "install", "migrate"} {
		text, err := os.ReadFile("../../docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		guide := regexp.MustCompile("(?m)^\\| (ERROR|WARN) \\| `[^`]*`").ReplaceAllString(string(text), "") // log lines begin so too
		lines := named.FindAllStringSubmatch(guide, -1)
		if len(lines) == 0 {
			t.Errorf("docs/%s.md names no command", page)
		}
		for _, line := range lines {
			command, _, _ := strings.Cut(line[1]+line[2], " #")
			checkCommand(t, page, command)
		}
	}
}

func checkCommand(t *testing.T, page, line string) {
	t.Helper()
	root := (&program{}).command()
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(strings.Fields(line))
	if err != nil || !cmd.HasParent() {
		t.Errorf("docs/%s.md: heureka %s: no such command, %v", page, line, err)
		return
	}
	if cmd.DisableFlagParsing { // it takes settings
		var args settingsArgs
		if err = args.parse(cmd, rest); err == nil {
			_, err = config.Load(config.Options{Args: args.settings, Dir: t.TempDir()})
		}
	} else {
		err = cmd.ParseFlags(rest)
	}
	if err != nil && !strings.Contains(err.Error(), "no such file") { // /etc/heureka/ is not on this machine
		t.Errorf("docs/%s.md: heureka %s: %v", page, line, err)
	}
}

// A manifest is what the test reads of those for Kubernetes.
type manifest struct {
	Kind string
	Spec struct {
		ServiceName string `yaml:"serviceName"`
		Template    struct {
			Spec struct{ Containers []container }
		}
	}
}

type container struct {
	Env            []struct{ Name, Value string }
	LivenessProbe  httpProbe `yaml:"livenessProbe"`
	ReadinessProbe httpProbe `yaml:"readinessProbe"`
}

type httpProbe struct {
	HTTPGet struct{ Path string } `yaml:"httpGet"`
}

// The manifests of docs/operate.md are settings that have an effect, and probe what is there.
func TestOperateManifests(t *testing.T) {
	_, rest, _ := strings.Cut(operatingGuide(t), "```yaml\n")
	text, _, _ := strings.Cut(rest, "```")
	var kinds []string
	for d := yaml.NewDecoder(bytes.NewReader([]byte(text))); ; {
		var m manifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, m.Kind)
		for _, c := range m.Spec.Template.Spec.Containers {
			checkContainer(t, c)
		}
	}
	if !slices.Equal(kinds, []string{"Service", "Service", "StatefulSet"}) {
		t.Errorf("manifests are %v", kinds)
	}
}

func checkContainer(t *testing.T, c container) {
	t.Helper()
	if live, ready := c.LivenessProbe.HTTPGet.Path, c.ReadinessProbe.HTTPGet.Path; live != "/actuator/health/liveness" || ready != "/actuator/health/readiness" {
		t.Errorf("probes are %s and %s", live, ready)
	}
	var env []string
	for _, e := range c.Env {
		value := strings.ReplaceAll(e.Value, "$(POD_NAME)", "heureka-0")
		if value == "" {
			value = map[string]string{"POD_NAME": "heureka-0", "EUREKA_INSTANCE_IPADDRESS": "10.1.2.3"}[e.Name]
		}
		env = append(env, e.Name+"="+value)
	}
	s, err := config.Load(config.Options{Env: env, Dir: t.TempDir()})
	if err != nil || len(s.Warnings) != 0 {
		t.Fatalf("settings: %v, warnings %v", err, s.Warnings)
	}
	cfg := s.ServerConfig(8761)
	if got := cfg.ServiceURLs["defaultZone"]; len(got) != 1 || !strings.HasPrefix(got[0], "dns+http://heureka-nodes.") {
		t.Errorf("the ring is %v", got)
	}
	if cfg.Instance.HostName != "heureka-0.heureka-nodes.default.svc.cluster.local" || cfg.Instance.IPAddr != "10.1.2.3" {
		t.Errorf("the node is %s, %s", cfg.Instance.HostName, cfg.Instance.IPAddr)
	}
}
