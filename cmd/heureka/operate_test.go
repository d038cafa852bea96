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

// Each command that docs/operate.md tells to run is one, with flags that it has.
func TestOperateNamesRealCommands(t *testing.T) {
	guide := regexp.MustCompile("(?m)^\\| (ERROR|WARN) \\| `[^`]*`").ReplaceAllString(operatingGuide(t), "") // log lines begin so too
	lines := regexp.MustCompile("`heureka ([a-z][^`]*)`").FindAllStringSubmatch(guide, -1)
	if len(lines) == 0 {
		t.Fatal("docs/operate.md names no command")
	}
	for _, line := range lines {
		cmd, rest, err := (&program{}).command().Find(strings.Fields(line[1]))
		if err != nil || !cmd.HasParent() {
			t.Errorf("heureka %s: no such command, %v", line[1], err)
			continue
		}
		if cmd.DisableFlagParsing {
			continue // takes settings
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Errorf("heureka %s: %v", line[1], err)
		}
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
