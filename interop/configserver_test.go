//go:build interop

package interop

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigServer: a node takes its settings from a Spring Cloud Config server, by an import and by a bootstrap file.
func TestConfigServer(t *testing.T) {
	if target != heurekaGen {
		t.Skip("this is about our program, whatever the server under test")
	}
	login := startConfigServer(t, map[string]string{
		"registry.yml":      "server.port: 8799\neureka:\n  environment: served\n  client.service-url.defaultZone: [http://a:1/, http://b:2/]\n",
		"registry-prod.yml": "eureka.datacenter: served-prod\n",
	})
	url := strings.Replace(login, "u:p@", "", 1)
	const app = "spring.application.name: registry\nspring.profiles.active: prod\neureka.environment: file\n"
	for name, files := range map[string]map[string]string{
		"import":    {"application.yml": app + "spring.config.import: configserver:" + login + "\n"},
		"bootstrap": {"application.yml": app, "bootstrap.yml": "spring.cloud.config: {uri: '" + url + "', username: u, password: p, fail-fast: true}\n"},
	} {
		dir := t.TempDir()
		writeFiles(t, dir, files)
		cmd := exec.Command(need(t, heurekaBinary), "config", "-o", "yaml")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		for _, want := range []string{
			"  port: 8799 # from config server, file:", "  environment: served # from", "  datacenter: served-prod # from",
			"defaultZone: http://a:1/,http://b:2/ # from",
		} {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in\n%s", name, want, out)
			}
		}
	}
}

// startConfigServer starts one that serves these files, and returns its URL with a user and a password.
func startConfigServer(t *testing.T, files map[string]string) string {
	t.Helper()
	served, port := t.TempDir(), freePort(t)
	writeFiles(t, served, files)
	p := start(t, "configserver", javaCommand(need(t, javaFixtures), "configserver-2025", nil, "heureka.interop.ConfigServer", 256, []string{
		fmt.Sprintf("--server.port=%d", port), "--server.address=127.0.0.1", "--spring.profiles.active=native",
		"--spring.cloud.config.server.native.search-locations=file:" + served, "--spring.security.user.name=u", "--spring.security.user.password=p",
	}))
	awaitReady(t, p, func() error { return answersConfig(fmt.Sprintf("http://127.0.0.1:%d", port)) })
	return fmt.Sprintf("http://u:p@127.0.0.1:%d", port)
}

func answersConfig(url string) error {
	req, err := http.NewRequest(http.MethodGet, url+"/registry/prod", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth("u", "p")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the config server answers %d", resp.StatusCode)
	}
	return nil
}

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
