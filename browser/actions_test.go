package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// nodeName is a name of nodes that browsers, unlike 127.0.0.1, take for a stranger's without TLS.
const nodeName = "eureka-1.example.org"

// letAll makes the node one on which everybody may act, also under its name.
func letAll(cfg *server.Config) { cfg.HostName, cfg.Actions = nodeName, true }

// named is the first page of a node under its name.
func named(srv *heurekatest.Server) string {
	return strings.Replace(root(srv), "127.0.0.1", nodeName, 1)
}

// follow starts a client of the node; statuses returns how it sees an instance.
func follow(t *testing.T, srv *heurekatest.Server, key heureka.Key) (status func() string) {
	t.Helper()
	c, err := client.New(client.Config{Servers: []string{srv.URL}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if err := c.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() string {
		for _, in := range c.Instances(client.Service{App: key.App, AnyStatus: true}) {
			if in.Key() == key {
				return in.Status.String()
			}
		}
		return "gone"
	}
}

// eventually waits until a client sees something.
func eventually(t *testing.T, see func() string, want string) {
	t.Helper()
	got := see()
	for end := time.Now().Add(patience); got != want; got = see() {
		if time.Now().After(end) {
			t.Fatalf("the client sees %s, want %s", got, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (tb *tab) click(selector string) { tb.t.Helper(); tb.do(chromedp.Click(selector)) }

// submit presses the button of an action on a page that works without script.
func (tb *tab) submit(action, reason string) {
	tb.t.Helper()
	button := fmt.Sprintf("button[value=%s]", action)
	tb.do(chromedp.SendKeys(fmt.Sprintf(`form:has(%s) input[name=reason]`, button), reason))
	tb.click(button)
}

// An override set on the page is seen by a client, and so is its removal and that of the instance: with forms alone, and with the
// script in the live list. The history says why.
func TestOverrideOnThePageIsSeenByAClient(t *testing.T) {
	browser := chromium(t)
	in := instance("ORDERS", "o1")
	page := "instance?" + url.Values{"app": {in.App}, "id": {in.ID}}.Encode()
	t.Run("forms alone", func(t *testing.T) {
		srv := node(t, letAll)
		register(t, srv, in)
		seen := follow(t, srv, in.Key())
		tb := newTab(t, browser, named(srv), 1280)
		tb.script(false)
		tb.do(chromedp.Navigate(named(srv) + page))
		tb.submit("override", "new disk")
		tb.until(`document.body.innerText.includes('The override is set.')`)
		eventually(t, seen, "OUT_OF_SERVICE")
		if text := js[string](tb, "document.body.innerText"); !strings.Contains(text, "operator at 127.0.0.1 (new disk)") {
			t.Errorf("the page does not tell who, and why:\n%s", text)
		}
		tb.submit("restore", "the disk is in")
		tb.until(`document.body.innerText.includes('There is no override any more.')`)
		eventually(t, seen, "UNKNOWN")
		tb.click("summary")
		tb.submit("cancel", "moved")
		tb.until(`document.body.innerText.includes('It is not registered now.')`)
		eventually(t, seen, "gone")
	})
	t.Run("in the live list", func(t *testing.T) {
		srv := node(t, letAll)
		register(t, srv, append(fleet(40), in)...)
		seen := follow(t, srv, in.Key())
		tb := newTab(t, browser, named(srv), 1280)
		tb.do(chromedp.Navigate(named(srv) + "instances?q=o1.example.org"))
		tb.live()
		tb.click(`.row a[data-key="ORDERS/o1"]`)
		const form = `form[data-action=%s] `
		press := func(action, reason string) {
			t.Helper()
			f := fmt.Sprintf(form, action)
			tb.until(`document.querySelector('` + f + `button')`)
			tb.do(chromedp.SendKeys(f+`input[name=reason]`, reason))
			tb.click(f + `button`)
		}
		press("override", "new disk")
		eventually(t, seen, "OUT_OF_SERVICE")
		tb.until(`document.querySelector('.row').innerText.includes('OUT_OF_SERVICE')`)
		tb.until(`document.querySelector('.drawer .history').innerText.includes('operator at 127.0.0.1 (new disk)')`)
		press("restore", "done")
		eventually(t, seen, "UNKNOWN")
		tb.click(`.drawer summary`)
		press("cancel", "moved")
		eventually(t, seen, "gone")
		tb.until(`document.querySelector('.drawer').innerText.includes('It is not registered now.')`)
		tb.until(`document.getElementById('found').innerText.startsWith('0 of 40')`)
	})
}

// A protection that begins while a page is open shows there with its numbers; its release on the page ends it, and the page says
// how many go.
func TestProtectionShowsItsNumbers(t *testing.T) {
	browser := chromium(t)
	srv := node(t, letAll, func(cfg *server.Config) { cfg.EvictionInterval = time.Second })
	tb := newTab(t, browser, named(srv), 1280)
	tb.do(chromedp.Navigate(named(srv) + "renewals"))
	tb.until(`document.getElementById('state').className === 'state healthy'`)
	all := fleet(6)
	for _, in := range all[:5] {
		in.Lease.RenewalIntervalSecs, in.Lease.DurationSecs = 1, 2
	}
	register(t, srv, all...)
	tb.until(`document.getElementById('state').className === 'state protecting'`)
	tb.until(`document.querySelector('[role=status]').textContent === 'This node is protecting.' && !document.getElementById('state').closest('[role=status], [aria-live]')`)
	tb.until(`/2 of 62 expected renewals a minute are present, threshold 52; 5 instances are missing, 5 expired leases are held/.test(document.getElementById('state').innerText)`)
	tb.do(chromedp.Navigate(named(srv)))
	tb.until(`document.body.innerText.includes('EMERGENCY')`)
	tb.do(chromedp.Navigate(named(srv) + "renewals"))
	tb.submit("release", "they are gone")
	tb.until(`document.querySelector('.done').innerText.includes('no longer held: 5.')`)
	tb.until(`document.getElementById('state').className === 'state healthy'`)
	tb.do(chromedp.Navigate(named(srv) + "renewals"))
	tb.until(`document.body.innerText.includes('released by operator at 127.0.0.1 (they are gone)')`)
}

// A node that does not have the registry yet says so on every page, and what ends it.
func TestSyncingIsShown(t *testing.T) {
	browser := chromium(t)
	gone := node(t)
	gone.Stop()
	srv := node(t, func(cfg *server.Config) {
		cfg.ServiceURLs = map[string][]string{"defaultZone": {gone.URL}}
		cfg.WaitTimeWhenSyncEmpty, cfg.RegisterWithEureka = time.Hour, new(false)
	})
	register(t, srv, fleet(4)...)
	tb := newTab(t, browser, srv.URL, 1280)
	for _, page := range []string{"", "instances", "peers", "renewals"} {
		tb.do(chromedp.Navigate(root(srv) + page))
		tb.until(`document.getElementById('state').className === 'state syncing'`)
		if text := js[string](tb, `document.getElementById('state').innerText`); !strings.Contains(text, "4 instances have registered; reads are refused. It ends when") {
			t.Errorf("%s says only %q", page, text)
		}
	}
}
