package browser

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
)

// TestPictures writes the pictures of docs/images into the directory that HEUREKA_PICTURES names: a fleet that is well but for a few,
// and the same after a fifth has fallen silent.
func TestPictures(t *testing.T) {
	dir := os.Getenv("HEUREKA_PICTURES")
	if dir == "" {
		t.Skip("HEUREKA_PICTURES names no directory")
	}
	browser := chromium(t)
	srv := node(t, letAll)
	all := fleet(120)
	for _, in := range all {
		in.Lease.RenewalIntervalSecs = 10
	}
	all[5].HostName, all[5].IPAddr = "localhost", "127.0.0.1"
	register(t, srv, all...)
	drain(t, srv, all[3])
	beat(t, srv, time.Minute, all)
	const drained = "open=ORDERS%2Fip-10-0-0-3%3Aorders%3A8080"
	take(t, browser, srv, dir, []picture{
		{"status", "", "light", 1280}, {"instances", "instances?" + drained, "light", 1280}, {"instances-dark", "instances", "dark", 1280},
		{"instances-phone", "instances", "light", 390}, {"instance-phone", "instance?app=ORDERS&id=ip-10-0-0-3:orders:8080", "dark", 390},
	})
	beat(t, srv, 40*time.Second, all[:95])
	take(t, browser, srv, dir, []picture{{"renewals", "renewals", "light", 1280}})
}

// drain takes an instance out of service for four hours.
func drain(t *testing.T, srv *heurekatest.Server, in *heureka.Instance) {
	t.Helper()
	q := url.Values{"app": {in.App}, "id": {in.ID}, "for": {"4h"}, "operator": {"alice"}, "reason": {"new disk"}}
	resp, err := http.Post(root(srv)+"heureka/v1/instance/override?"+q.Encode(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}

// beat sends heartbeats for so long.
func beat(t *testing.T, srv *heurekatest.Server, howLong time.Duration, all []*heureka.Instance) {
	t.Helper()
	conn := srv.Conn()
	for end := time.Now().Add(howLong); time.Now().Before(end); time.Sleep(5 * time.Second) {
		for _, in := range all {
			if err := conn.Renew(t.Context(), in.Key(), heureka.StatusUp, in.LastDirtyMS); err != nil {
				t.Fatal(err)
			}
		}
	}
}

type picture struct {
	name, page, scheme string
	width              int64
}

func take(t *testing.T, browser context.Context, srv *heurekatest.Server, dir string, pictures []picture) {
	t.Helper()
	for _, p := range pictures {
		tb := newTab(t, browser, named(srv), p.width)
		tb.scheme(p.scheme)
		tb.do(chromedp.Navigate(named(srv) + p.page))
		if strings.HasPrefix(p.page, "instances") {
			tb.live()
		}
		if strings.Contains(p.page, "open=") {
			tb.until(`document.querySelector('.drawer').innerText.includes('Registered')`)
		}
		shot, err := chromedp.Run(tb.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".png"), shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
