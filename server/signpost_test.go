package server_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// Whoever opens in a browser what clients are configured with is told where to look; programs get the usual empty 404.
func TestSignpost(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	srv := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.ContextPath, cfg.DashboardPath = "/ctx", "/dash" })
	off := heurekatest.NewServer(t, func(cfg *server.Config) { cfg.DisableDashboard = true })
	root := strings.TrimSuffix(srv.URL, "/ctx/eureka/")
	for _, test := range []struct {
		method, url, accept string
		status              int
		told                bool
	}{
		{"GET", root + "/ctx/eureka", browser, 404, true},
		{"GET", root + "/ctx/eureka/", browser, 404, true},
		{"GET", root + "/ctx/eureka/v2/", browser, 404, true},
		{"GET", root + "//ctx/eureka/", browser, 404, true},
		{"GET", root + "/ctx/eureka/", "application/json", 404, false},
		{"GET", root + "/ctx/eureka/", "", 404, false},
		{"GET", root + "/ctx/eureka/app", browser, 404, false},
		{"GET", root + "/eureka/", browser, 404, false},
		{"POST", root + "/ctx/eureka/", browser, 404, false},
		{"GET", off.URL, browser, 404, false},
		{"GET", root + "/ctx/eureka/apps", browser, 200, false},
	} {
		status, page := open(t, test.method, test.url, test.accept)
		told := leads(t, test.url, page, root+"/ctx/dash") && leads(t, test.url, page, root+"/ctx/eureka/apps")
		if status != test.status || told != test.told || status == 404 && !told && page != "" {
			t.Errorf("%s %s for %q = %d %q, want %d, told %v", test.method, test.url, test.accept, status, page, test.status, test.told)
		}
	}
}

func open(t *testing.T, method, url, accept string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
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

// leads reports whether a page has a link to this address, as a browser resolves it.
func leads(t *testing.T, from, page, to string) bool {
	t.Helper()
	base, err := url.Parse(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range regexp.MustCompile(`<a href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if u, err := base.Parse(html.UnescapeString(link[1])); err == nil && strings.Replace(u.String(), root(u)+"//", root(u)+"/", 1) == to {
			return true
		}
	}
	return false
}

func root(u *url.URL) string { return u.Scheme + "://" + u.Host }
