//go:build interop

package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The images of the deployment.
const (
	javaImage    = "shop/eureka-server:2025"
	heurekaImage = "heureka"
)

// TestDeployment switches a ring that Kubernetes runs from a Java server to heureka by its image alone: nothing else of the
// manifest changes, no probe asks for a restart, the instances stay, Prometheus goes on with the same series, and whoever
// reads the log lines as JSON goes on too. At last the whole ring starts anew.
func TestDeployment(t *testing.T) {
	if target != heurekaGen {
		t.Skip("this goes from the Java server to ours")
	}
	manifest, err := os.ReadFile("testdata/deployment/eureka.yaml")
	if err != nil {
		t.Fatal(err)
	}
	fixtures, binary := need(t, javaFixtures), need(t, heurekaBinary)
	s := &story{name: "deployment"}
	began := time.Now()
	d := deploy(t, manifest, map[string]func() *exec.Cmd{
		javaImage:    func() *exec.Cmd { return javaCommand(fixtures, "server-2025", nil, "heureka.interop.Server", 256, nil) },
		heurekaImage: func() *exec.Cmd { return exec.Command(binary, "serve") },
	})
	s.did("deployed Java nodes", time.Since(began))
	if err := registerJSON(d.pods[0].url, kept, 3600, nil); err != nil {
		t.Fatal(err)
	}
	prom := startPrometheus(t, d.scraped())
	before := d.watched(t, prom)

	began = time.Now()
	d.roll(t, heurekaImage)
	s.did("rolled to heureka", time.Since(began))
	if after := d.watched(t, prom); after != before {
		t.Errorf("Prometheus had %s, now it has %s", before, after)
	}

	d.restart(t)
	if seen := d.pods[0].seen(); !strings.Contains(seen, "200/503") {
		t.Errorf("probes of the first node of an empty ring: %s, want it alive and not ready while it waits", seen)
	}
	if err := registerJSON(d.pods[1].url, kept, 3600, nil); err != nil {
		t.Fatal(err)
	}
	d.watched(t, prom)
	s.did("started the ring anew", 0)
	s.end("")
}

// scraped is how a Prometheus is set up that reads the annotations.
func (d *deployment) scraped() string {
	var targets []string
	for i := range d.pods {
		targets = append(targets, d.address(i)+":"+d.labels["prometheus.io/port"])
	}
	return fmt.Sprintf(`
- job_name: pods
  scrape_interval: 1s
  metrics_path: %s
  static_configs: [{targets: [%s]}]
`, d.labels["prometheus.io/path"], strings.Join(targets, ", "))
}

// watched waits until all nodes have the instance and Prometheus knows it from each, and returns the labels that it has there.
// Then it looks at the probes and the log lines of each node.
func (d *deployment) watched(t *testing.T, prom *prometheus) (series string) {
	t.Helper()
	eventually(t, limit, func() error {
		var missing error
		for _, p := range d.pods {
			missing = errors.Join(missing, hasAll(p.url, []key{kept}))
		}
		return missing
	})
	eventually(t, limit, func() error {
		up, err := prom.query("up == 1")
		if err != nil || len(up) != len(d.pods) {
			return fmt.Errorf("%d targets are up, %v", len(up), err)
		}
		found, err := prom.query(fmt.Sprintf("eureka_server_instances{application=%q} == 1", kept.app))
		if err != nil || len(found) != len(d.pods) {
			return fmt.Errorf("instances in %d targets, %v", len(found), err)
		}
		labels := found[0]
		delete(labels, "instance")
		text, err := json.Marshal(labels)
		series = string(text)
		return err
	})
	for _, p := range d.pods {
		p.check(t)
		checkShipped(t, p.log)
		t.Logf("%s (%s) answered its probes %s", p.name, d.spec.Containers[0].Image, p.seen())
	}
	return series
}

// query returns the labels of each series that an expression finds.
func (p *prometheus) query(expression string) ([]map[string]string, error) {
	var doc struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := do("GET", p.url+"/api/v1/query?query="+url.QueryEscape(expression), &doc); err != nil {
		return nil, err
	}
	var all []map[string]string
	for _, r := range doc.Data.Result {
		all = append(all, r.Metric)
	}
	return all, nil
}

// checkShipped reads a log as its shipper does: each line is a JSON object in Elastic's common schema.
func checkShipped(t *testing.T, name string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
		var line struct {
			Timestamp time.Time `json:"@timestamp"`
			Log       struct{ Level, Logger string }
			Service   struct{ Name string }
			Message   string
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Timestamp.IsZero() || line.Log.Level == "" || line.Service.Name != "eureka" || line.Message == "" {
			t.Errorf("%s: the shipper cannot read %s: %v", name, lines.Text(), err)
			return
		}
	}
	if n < 2 {
		t.Errorf("%s has %d lines", name, n)
	}
}
