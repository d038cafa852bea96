//go:build interop

package interop

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPrometheus has Prometheus find its targets in the registry. It registers
// nothing itself, so the test plays the applications.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	srv := startServer(t, target)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "up_and_running 1\n") }))
	t.Cleanup(app.Close)
	stays, leaves, dies := key{"SCRAPED", "stays"}, key{"SCRAPED", "leaves"}, key{"OTHER", "dies"}
	port := app.Listener.Addr().(*net.TCPAddr).Port
	stopBeating := map[key]func(){}
	for _, k := range []key{stays, leaves, dies} {
		if err := register(srv.url, k, record(k, port, leaseSecs, map[string]string{"colour": "green"})); err != nil {
			t.Fatal(err)
		}
		stopBeating[k] = beat(t, srv.url, k)
	}

	prom := startPrometheus(t, fmt.Sprintf(`
- job_name: eureka
  scrape_interval: 1s
  eureka_sd_configs: [{server: %s/eureka, refresh_interval: 1s}]
`, srv.url))
	s := &story{name: "prometheus"}
	s.did("found targets", eventually(t, limit, func() error { return prom.targets(stays, leaves, dies) }))
	s.did("scraped one", eventually(t, limit, func() error { return prom.healthy(stays) }))
	if err := prom.labels(stays, port); err != nil {
		t.Error(err)
	}
	began := time.Now()
	if err := override(srv.url, stays, "OUT_OF_SERVICE"); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, func() error { return prom.label(stays, "__meta_eureka_app_instance_status", "OUT_OF_SERVICE") })
	s.did("saw a status change", time.Since(began))
	if err := cancel(srv.url, leaves); err != nil {
		t.Fatal(err)
	}
	s.did("lost a target that left", eventually(t, limit, func() error { return prom.targets(stays, dies) }))
	stopBeating[dies]()
	s.did("lost a target that expired", eventually(t, limit, func() error { return prom.targets(stays) }))
	s.end(prom.version(t))
}

// A prometheus is a running Prometheus server.
type prometheus struct {
	*proc
	url string
}

func startPrometheus(t *testing.T, jobs string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(config, []byte("scrape_configs:"+jobs), 0o644); err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p := &prometheus{url: "http://" + addr}
	p.proc = start(t, "prometheus", exec.Command(need(t, prometheusBinary), "--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr))
	awaitReady(t, p.proc, func() error { return do("GET", p.url+"/-/ready", nil) })
	return p
}

// A promTarget is what Prometheus knows of one target. The discovered labels are as
// its service discovery made them, before any relabelling.
type promTarget struct {
	Labels    map[string]string `json:"discoveredLabels"`
	Health    string            `json:"health"`
	LastError string            `json:"lastError"`
}

func (p *prometheus) active() (map[key]promTarget, error) {
	var doc struct {
		Data struct {
			Active []promTarget `json:"activeTargets"`
		} `json:"data"`
	}
	if err := do("GET", p.url+"/api/v1/targets?state=active", &doc); err != nil {
		return nil, err
	}
	found := map[key]promTarget{}
	for _, target := range doc.Data.Active {
		found[key{target.Labels["__meta_eureka_app_name"], target.Labels["__meta_eureka_app_instance_id"]}] = target
	}
	return found, nil
}

// targets returns nil if exactly these instances are targets.
func (p *prometheus) targets(want ...key) error {
	found, err := p.active()
	if err != nil {
		return err
	}
	for _, k := range want {
		if _, ok := found[k]; !ok {
			return fmt.Errorf("%s is no target; targets are %v", k, found)
		}
	}
	if len(found) != len(want) {
		return fmt.Errorf("found %d targets %v, want %d", len(found), found, len(want))
	}
	return nil
}

func (p *prometheus) healthy(k key) error {
	found, err := p.active()
	if err != nil {
		return err
	}
	if found[k].Health != "up" {
		return fmt.Errorf("target %s is %q: %s", k, found[k].Health, found[k].LastError)
	}
	return nil
}

func (p *prometheus) label(k key, name, want string) error {
	found, err := p.active()
	if err != nil {
		return err
	}
	if got := found[k].Labels[name]; got != want {
		return fmt.Errorf("label %s of %s is %q, want %q", name, k, got, want)
	}
	return nil
}

// labels checks the labels that come from different parts of a record.
func (p *prometheus) labels(k key, port int) error {
	for name, want := range map[string]string{
		"__address__":                                    fmt.Sprintf("127.0.0.1:%d", port),
		"__meta_eureka_app_instance_hostname":            "127.0.0.1",
		"__meta_eureka_app_instance_status":              "UP",
		"__meta_eureka_app_instance_vip_address":         "scraped",
		"__meta_eureka_app_instance_port":                fmt.Sprint(port),
		"__meta_eureka_app_instance_port_enabled":        "true",
		"__meta_eureka_app_instance_metadata_colour":     "green",
		"__meta_eureka_app_instance_datacenterinfo_name": "MyOwn",
	} {
		if err := p.label(k, name, want); err != nil {
			return err
		}
	}
	return nil
}

func (p *prometheus) version(t *testing.T) string {
	t.Helper()
	var doc struct {
		Data struct{ Version string } `json:"data"`
	}
	if err := do("GET", p.url+"/api/v1/status/buildinfo", &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Data.Version
}
