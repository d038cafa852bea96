package server_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// A logBook keeps log lines.
type logBook struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// lines returns those that hold a text.
func (b *logBook) lines(with string) (out []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.text.String()) {
		if strings.Contains(line, with) {
			out = append(out, line)
		}
	}
	return out
}

// halfSilent runs a story on a node whose fleet of 20 has lost its second half three minutes ago.
func halfSilent(t *testing.T, configure func(*server.Config), story func(t *testing.T, n *heurekatest.Node, alive, silent []heureka.Key, log *logBook)) {
	t.Helper()
	log := &logBook{}
	alone(t, func(cfg *server.Config) {
		cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
		if configure != nil {
			configure(cfg)
		}
	}, func(t *testing.T, n *heurekatest.Node) {
		var keys []heureka.Key
		for i := range 20 {
			in := instance("ORDERS", fmt.Sprintf("i%02d", i))
			register(t, connect(t, n, "client"), in)
			keys = append(keys, in.Key())
		}
		beat(t, connect(t, n, "client"), 3*time.Minute, keys...)
		beat(t, connect(t, n, "client"), 3*time.Minute, keys[:10]...)
		story(t, n, keys[:10], keys[10:], log)
	})
}

// call sends a request to a node's handler.
func call(n *heurekatest.Node, method, path string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	n.Server().Handler().ServeHTTP(w, r)
	return w
}

// A protection names its objects and its exits, wherever somebody may look.
func TestProtectionNamesObjectsAndExits(t *testing.T) {
	halfSilent(t, nil, func(t *testing.T, n *heurekatest.Node, alive, silent []heureka.Key, log *logBook) {
		const exit = "heureka deregister --expired: removes the instances whose leases have expired"
		for path, want := range map[string][]string{
			"/":                    {"EMERGENCY", "10 leases ran out and are held", exit, "self-preservation-max-duration"},
			"/actuator/health":     {`"ORDERS/i10 silent for 3m0s"`, `"instancesOverdue":10`, `"minMissing":2`, exit},
			"/actuator/prometheus": {"\nheureka_instances_expired{application=\"ORDERS\"} 10\n", "\nheureka_instances_overdue 10\n", "\nheureka_renewals_last_minute 20\n"},
			"/heureka/v1/protection": {`"active":true`, `"overdue":10`, `"applications":[{"app":"ORDERS","instances":20,"overdue":10,"expired":10}]`,
				`{"app":"ORDERS","id":"i10","status":"UP","lastHeard":"2000-01-01T00:03:00Z","runsOut":"2000-01-01T00:04:30Z","expired":true}`,
				"20 of 40 expected renewals a minute are present, not more than the threshold of 34; 10 instances are missing, and self-preservation needs 2.",
				"Self-preservation is active since 00:03:46 (2m14s)", "(15 more)", exit},
		} {
			body := call(n, "GET", path).Body.String()
			for _, w := range want {
				if !strings.Contains(body, w) {
					t.Errorf("%s lacks %s:\n%s", path, w, body)
				}
			}
			if path == "/" && strings.Count(body, "lease ran out</i>") != len(silent) {
				t.Errorf("the page marks %d instances, want %d", strings.Count(body, "lease ran out</i>"), len(silent))
			}
		}
		beat(t, connect(t, n, "client"), time.Minute, append(alive, silent...)...)
		began, ended := log.lines("self-preservation began"), log.lines("self-preservation ended")
		if len(began) != 1 || len(ended) != 1 {
			t.Fatalf("protection began %q and ended %q, want one line each", began, ended)
		}
		for _, want := range []string{"level=WARN", `first="ORDERS/i10, ORDERS/i11, ORDERS/i12, ORDERS/i13, ORDERS/i14, and 5 more"`, "renewals.present=20 renewals.expected=40 renewals.threshold=34 renewals.overdue=10"} {
			if !strings.Contains(began[0], want) {
				t.Errorf("%q lacks %s", began[0], want)
			}
		}
		if body := call(n, "GET", "/").Body.String(); strings.Contains(body, "deregister") || strings.Contains(body, "ran out") {
			t.Errorf("the page still speaks of a protection:\n%s", body)
		}
	})
}

// Operators end a protection where that is allowed: what has run out goes, 15 % a tick, and the log says who asked.
func TestReleaseOfAProtection(t *testing.T) {
	allow := func(cfg *server.Config) { cfg.Actions = true }
	halfSilent(t, allow, func(t *testing.T, n *heurekatest.Node, alive, silent []heureka.Key, log *logBook) {
		if w := call(n, "POST", "/heureka/v1/protection/release", "Origin", "http://elsewhere", "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden {
			t.Errorf("a page of another site may release: %d", w.Code)
		}
		for _, c := range []struct{ method, path string }{{"GET", "/heureka/v1/protection/release"}, {"POST", "/heureka/v1/protection"}} {
			if w := call(n, c.method, c.path); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s = %d", c.method, c.path, w.Code)
			}
		}
		w := call(n, "POST", "/heureka/v1/protection/release", "X-Heureka-Operator", "alice", "X-Heureka-Note", "zone b is gone")
		if w.Code != http.StatusOK || w.Body.String() != `{"released":10}` {
			t.Errorf("release = %d %s", w.Code, w.Body)
		}
		if lines := log.lines("protection released"); len(lines) != 1 || !strings.Contains(lines[0], "operator=\"operator at 192.0.2.1 (alice: zone b is gone)\" instances=10") {
			t.Errorf("the log says %q", lines)
		}
		var left []int64
		for range 5 {
			beat(t, connect(t, n, "client"), time.Minute, alive...)
			apps := n.Server().Applications()
			left = append(left, apps.Count().Total())
		}
		w = call(n, "GET", "/heureka/v1/history")
		if by := "released by operator at 192.0.2.1 (alice: zone b is gone)"; !strings.Contains(w.Body.String(), by) {
			t.Errorf("the history does not say %q: %s", by, w.Body)
		}
		if got := fmt.Sprint(left); got != "[17 14 11 10 10]" {
			t.Errorf("instances after each tick: %s, want 15 %% less each time until the dead are gone", got)
		}
	})
}

// Without leave, nobody ends a protection.
func TestReleaseNeedsLeave(t *testing.T) {
	halfSilent(t, nil, func(t *testing.T, n *heurekatest.Node, alive, _ []heureka.Key, log *logBook) {
		w := call(n, "POST", "/heureka/v1/protection/release")
		var refusal struct{ Error string }
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || w.Code != http.StatusForbidden || !strings.Contains(refusal.Error, "heureka.dashboard.actions=true") {
			t.Errorf("release = %d %s, %v", w.Code, w.Body, err)
		}
		if got := w.Header().Get("X-Heureka-Reason"); got != "not-allowed" {
			t.Errorf("the refusal's reason is %q", got)
		}
		beat(t, connect(t, n, "client"), 3*time.Minute, alive...)
		if apps := n.Server().Applications(); apps.Count().Total() != 20 {
			t.Errorf("%d instances are left", apps.Count().Total())
		}
		if len(log.lines("action refused")) != 1 {
			t.Error("the log does not tell of the attempt")
		}
	})
}

// What will happen when, while nothing is protected.
func TestExplanationBeforeAnEviction(t *testing.T) {
	alone(t, nil, func(t *testing.T, n *heurekatest.Node) {
		register(t, connect(t, n, "client"), instance("ORDERS", "a"))
		explain := func() string {
			var doc struct{ Explanation []string }
			if err := json.Unmarshal(call(n, "GET", "/heureka/v1/protection").Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			return strings.Join(doc.Explanation, "\n")
		}
		for _, step := range []struct {
			wait time.Duration
			want string
		}{
			{0, "Self-preservation is enabled but not active: expired leases are evicted.\n" +
				"2 of 2 expected renewals a minute are present, more than the threshold of 1; 0 instances are missing, and self-preservation needs 2.\nNo instance is overdue."},
			{70 * time.Second, "0 of 2 expected renewals a minute are present, not more than the threshold of 1; 1 instance is missing, and self-preservation needs 2.\n" +
				"1 instance is silent; a tick, every 1m0s, evicts at most 1 of 1, the next one at 00:02:00; the first lease runs out at 00:01:30."},
			{25 * time.Second, "the next one at 00:02:00: 1 lease ran out."},
			{30 * time.Second, "No renewals are expected"},
		} {
			time.Sleep(step.wait)
			if got := explain(); !strings.Contains(got, step.want) {
				t.Errorf("after another %v:\n%s\nwant\n%s", step.wait, got, step.want)
			}
		}
	})
}

// A page of another site cannot have a visitor's browser end a protection, even where actions are allowed.
func TestReleaseIsNotForPagesOfOtherSites(t *testing.T) {
	alone(t, func(cfg *server.Config) { cfg.Actions = true }, func(t *testing.T, n *heurekatest.Node) {
		for site, want := range map[string]int{"cross-site": 403, "same-origin": 200, "": 200} {
			r := httptest.NewRequest("POST", "/heureka/v1/protection/release", nil)
			r.Host = "localhost:8761"
			if site != "" {
				r.Header.Set("Sec-Fetch-Site", site)
			}
			w := httptest.NewRecorder()
			if n.Server().Handler().ServeHTTP(w, r); w.Code != want {
				t.Errorf("Sec-Fetch-Site %q: %d %s, want %d", site, w.Code, w.Body, want)
			}
		}
	})
}
