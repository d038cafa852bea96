// Package deploy_test checks what is for other programs' use: rules and a board, against nodes and, where it is installed,
// Prometheus.
package deploy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/tlsconf/tlsconftest"
	"heureka.internal/heureka/server"
)

// queries returns what the rules and the board ask, by where it stands.
func queries(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(read(t, "prometheus/rules.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			all["rule "+r.Alert] = r.Expr
		}
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr, RefID string }
		}
	}
	if err := json.Unmarshal(read(t, "grafana/heureka.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, q := range p.Targets {
			all["panel "+p.Title+" "+q.RefID] = q.Expr
		}
	}
	if len(all) < 40 {
		t.Fatalf("%d queries were found", len(all))
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// startRing starts two nodes, and one that is not there, on this machine, with an application, a watcher and refused requests.
func startRing(t *testing.T) (addrs []string) {
	t.Helper()
	var lns []net.Listener
	for range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		lns, addrs = append(lns, ln), append(addrs, ln.Addr().String())
	}
	lns[2].Close()
	var urls []string
	for _, a := range addrs {
		urls = append(urls, "http://"+a+"/eureka/")
	}
	own := tlsconftest.New(t).Sign(time.Now().Add(time.Hour)) // so that there is something to tell of TLS
	for i, ln := range lns[:2] {
		srv, err := server.New(server.Config{HostName: "localhost", Port: ln.Addr().(*net.TCPAddr).Port, MyURL: urls[i], ShutdownTimeout: time.Second,
			ServiceURLs: map[string][]string{"defaultZone": urls}, WaitTimeWhenSyncEmpty: -1, DataDir: t.TempDir(),
			Audit: server.Audit{Writer: io.Discard}, AcceptPlain: true, TLS: server.TLS{TLSFiles: server.TLSFiles{Certificate: string(own.Cert), PrivateKey: string(own.PEM)}}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- srv.Serve(ctx, ln) }()
		t.Cleanup(func() {
			stop()
			<-ended
		})
	}
	return addrs[:2]
}

func do(t *testing.T, method, url, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// eventually waits until ok, for at most a minute.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// busyRing is a ring that has something to tell of everything.
func busyRing(t *testing.T) []string {
	t.Helper()
	addrs := startRing(t)
	for _, a := range addrs {
		eventually(t, "opening", func() bool { code, _ := do(t, "GET", "http://"+a+"/eureka/apps", ""); return code == 200 })
	}
	for id, status := range map[string]heureka.Status{"a": heureka.StatusUp, "b": heureka.StatusDown} {
		body := fmt.Sprintf(`{"instance":{"app":"ORDERS","instanceId":%q,"hostName":"h","ipAddr":"10.0.0.1","status":%q,"leaseInfo":{"renewalIntervalInSecs":1,"durationInSecs":2},`+
			`"dataCenterInfo":{"@class":"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo","name":"MyOwn"}}}`, id, status)
		if code, answer := do(t, "POST", "http://"+addrs[0]+"/eureka/apps/ORDERS", body); code != 204 {
			t.Fatalf("register = %d %s", code, answer)
		}
	}
	do(t, "PUT", "http://"+addrs[0]+"/eureka/apps/ORDERS/nobody", "")
	eventually(t, "replication", func() bool {
		code, _ := do(t, "GET", "http://"+addrs[1]+"/eureka/apps/ORDERS/a", "")
		return code == 200
	})
	eventually(t, "expired leases", func() bool { return strings.Contains(metrics(t, addrs[0]), "heureka_instances_expired{") })
	return addrs
}

func metrics(t *testing.T, addr string) string {
	_, text := do(t, "GET", "http://"+addr+"/actuator/prometheus", "")
	return text
}

var (
	seriesPattern = regexp.MustCompile(`\b((?:heureka|eureka_server|process|go)_[a-z_]+)(\{[^}]*\})?`)
	labelPattern  = regexp.MustCompile(`(\w+)(=~|!=|!~|=)"([^"]*)"`)
)

// Every number that rules and board ask for is told by a node, with the labels that they choose by.
func TestQueriesAskForWhatNodesTell(t *testing.T) {
	addrs := busyRing(t)
	told := metrics(t, addrs[0])
	for where, expr := range queries(t) {
		for _, m := range seriesPattern.FindAllStringSubmatch(expr, -1) {
			lines := regexp.MustCompile(`(?m)^`+m[1]+`(\{.*\})? `).FindAllString(told, -1)
			if len(lines) == 0 {
				t.Errorf("%s: no node tells %s", where, m[1])
				continue
			}
			for _, l := range labelPattern.FindAllStringSubmatch(m[2], -1) {
				if l[1] == "job" || l[1] == "instance" {
					continue
				}
				hit := regexp.MustCompile(l[1] + `="` + map[bool]string{true: "(" + l[3] + ")", false: ".*"}[l[2] == "=" || l[2] == "=~"] + `"`)
				if !slices.ContainsFunc(lines, hit.MatchString) && l[1] != "reason" { // there is one only once something was refused for it
					t.Errorf("%s: %s has no %s", where, m[1], l[0])
				}
			}
		}
	}
}

// The rules pass Prometheus' own test, where that is installed.
func TestRules(t *testing.T) {
	promtool := installed(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func installed(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	return path
}

// Prometheus, where it is installed, scrapes a ring with these rules, understands every query, and has an answer to each of the board's.
func TestPrometheusAnswersTheBoard(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 15 s")
	}
	program := installed(t, "prometheus")
	addrs := busyRing(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := ln.Addr().String()
	ln.Close()
	dir := t.TempDir()
	rules, err := filepath.Abs("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - {job_name: heureka, metrics_path: /actuator/prometheus, static_configs: [{targets: [%q, %q]}]}
`, rules, addrs[0], addrs[1])
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+web)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	ask := func(expr string) (results int, problem string) {
		expr = strings.NewReplacer("$job", "heureka", "$instance", ".*", "$__rate_interval", "10s").Replace(expr)
		resp, err := http.Get("http://" + web + "/api/v1/query?query=" + url.QueryEscape(expr))
		if err != nil {
			return 0, err.Error()
		}
		defer resp.Body.Close()
		var doc struct {
			Error string
			Data  struct{ Result []json.RawMessage }
		}
		if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
			return 0, err.Error()
		}
		return len(doc.Data.Result), doc.Error
	}
	eventually(t, "scraping", func() bool {
		n, _ := ask(`count_over_time(heureka_build_info[20s]) > 4`)
		return n == len(addrs)
	})
	for where, expr := range queries(t) {
		n, problem := ask(expr)
		if problem != "" || n == 0 && strings.HasPrefix(where, "panel") {
			t.Errorf("%s: %d results %s\n%s", where, n, problem, expr)
		}
	}
}
