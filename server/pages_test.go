package server_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/internal/lint"
	"heureka.internal/heureka/server"
)

// page is what a reader sees of a page, with single spaces.
func page(n *heurekatest.Node, path string) string {
	return visible(call(n, "GET", path).Body.String())
}

func visible(body string) string {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(body, " ")
	return strings.Join(strings.Fields(html.UnescapeString(text)), " ")
}

func wantOnPage(t *testing.T, n *heurekatest.Node, path string, want ...string) {
	t.Helper()
	got := page(n, path)
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s lacks %q:\n%s", path, w, got)
		}
	}
}

// Every page says in one sentence what the node does: here before, in and after a protection.
func TestPagesSayWhatTheNodeDoes(t *testing.T) {
	halfSilent(t, nil, func(t *testing.T, n *heurekatest.Node, alive, silent []heureka.Key, _ *logBook) {
		for _, path := range []string{"/", "/instances", "/instance?app=orders&id=i10", "/peers", "/renewals", "/warnings", "/lastn", "/eureka/"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			n.Server().Handler().ServeHTTP(w, r)
			if !strings.Contains(visible(w.Body.String()), "protecting since 00:03:46 (2m14s): 20 of 40 expected renewals a minute are present, threshold 34; "+
				"10 instances are missing, 10 expired leases are held. It ends when more than 34 renewals a minute are present again (15 more)") {
				t.Errorf("%s does not say that the node protects:\n%s", path, w.Body)
			}
		}
		wantOnPage(t, n, "/instances?status=expired", "1 to 10 of 10 found, 20 in all", "i10")
		wantOnPage(t, n, "/instances", "UP lease ran out ORDERS i10") // trouble first
		wantOnPage(t, n, "/instance?app=orders&id=i10", "Last heartbeat 3m0s ago, here (overdue)", "Lease ends 1m30s ago", "registered ORDERS/i10 - → UP")
		wantOnPage(t, n, "/renewals", "Self-preservation is active since", "now 20 present, the fewest were", "threshold 34")
		beat(t, connect(t, n, "client"), time.Minute, append(alive, silent...)...)
		wantOnPage(t, n, "/", "healthy since ", "20 instances of 1 application, 20 UP; 40 of 40 expected renewals a minute; expired leases are evicted.")
	})
}

// Faults are on their page, in the metrics, on the page of the instance and in heureka's API.
func TestFaultsAreTold(t *testing.T) {
	alone(t, func(*server.Config) {}, func(t *testing.T, n *heurekatest.Node) {
		in := instance("ORDERS", "o1")
		in.HostName, in.IPAddr = "localhost", "127.0.0.1"
		register(t, connect(t, n, "client"), in)
		time.Sleep(time.Minute)
		wantOnPage(t, n, "/warnings", "loopback 1", "ORDERS/o1 is registered at 127.0.0.1", "Warnings ")
		wantOnPage(t, n, "/instance?app=ORDERS&id=o1", "It is registered at 127.0.0.1. Callers on other hosts reach themselves.")
		status, body := v1(t, n, "lint")
		var doc struct {
			Counts   map[lint.Kind]int
			Findings []lint.Finding
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 || doc.Counts[lint.Loopback] != 1 || doc.Findings[0].ID != "o1" {
			t.Errorf("lint answers %d %s (%v)", status, body, err)
		}
		if m := call(n, "GET", "/metrics").Body.String(); !strings.Contains(m, "\nheureka_registration_faults{kind=\"loopback\"} 1\n") {
			t.Error("the metrics do not count it")
		}
	})
}

// Style and script are kept by browsers for ever, pages never; both forbid what pages do not need.
func TestPagesAndTheirFiles(t *testing.T) {
	srv := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.DashboardPath = "/ui" })
	base, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(base.JoinPath("../ui/peers").String())
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	text := body(t, base.JoinPath("../ui").String())
	for _, name := range []string{"style", "dashboard"} {
		file := regexp.MustCompile(`ui/assets/` + name + `-[0-9a-f]+\.[a-z]+`).FindString(text)
		resp, err := http.Get(base.JoinPath("..", file).String())
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%q: %d %v", file, resp.StatusCode, resp.Header)
		}
	}
}
