package browser

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"heureka.internal/heureka/heurekatest"
)

// Behind a proxy that strips a prefix, of which the node knows nothing, all works as without: links, files, the live list, forms and
// where they lead.
func TestBehindAProxyThatStripsAPrefix(t *testing.T) {
	browser := chromium(t)
	srv := node(t, letAll)
	register(t, srv, fleet(40)...)
	target, err := url.Parse(root(srv))
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
	proxy := httptest.NewServer(http.StripPrefix("/tools/registry", forward))
	t.Cleanup(proxy.Close)
	base := strings.Replace(proxy.URL, "127.0.0.1", nodeName, 1) + "/tools/registry/"
	tb := newTab(t, browser, base, 1280)
	tb.do(chromedp.Navigate(base))
	for _, page := range []string{"Peers", "Renewals", "Warnings", "Last 1000", "Status", "Instances"} { // by the links alone
		tb.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('nav a')].find((a) => a.innerText.startsWith('` + page + `')).click()`))
		tb.until(`document.title.endsWith('` + page + `') && location.pathname.startsWith('/tools/registry/')`)
	}
	tb.live()
	register(t, srv, instance("AAA", "new-one"))
	tb.until(`document.getElementById('found').innerText.startsWith('41 of 41')`)
	tb.do(chromedp.Navigate(base + "instances?open=AAA%2Fnew-one"))
	tb.until(`document.querySelector('form[data-action=override] button')`)
	tb.click(`form[data-action=override] button`)
	tb.until(`document.querySelector('form[data-action=restore] button')`)
	tb.script(false)
	tb.do(chromedp.Navigate(base + "instances?q=new-one&open=AAA%2Fnew-one"))
	tb.submit("restore", "done")
	tb.until(`document.querySelector('.done') && location.pathname === '/tools/registry/instances' && location.search.includes('q=new-one')`)
	tb.submit("override", "again")
	tb.until(`document.body.innerText.includes('The override is set.') && document.querySelector('button[value=restore]')`)
}

// A page that stays open while its node goes and another one comes in its place, which knows nothing of what was: it says that nobody
// answers, and then shows what there is, without a reload.
func TestPageOutlivesItsNode(t *testing.T) {
	browser := chromium(t)
	var behind atomic.Pointer[httputil.ReverseProxy]
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := behind.Load(); to != nil {
			to.ServeHTTP(w, r)
			return
		}
		panic(http.ErrAbortHandler) // as if nobody listened
	}))
	t.Cleanup(proxy.Close)
	start := func(n int) *heurekatest.Server {
		srv := node(t)
		register(t, srv, fleet(n)...)
		target, err := url.Parse(root(srv))
		if err != nil {
			t.Fatal(err)
		}
		to := httputil.NewSingleHostReverseProxy(target)
		to.FlushInterval = -1
		to.ErrorLog = log.New(io.Discard, "", 0)
		behind.Store(to)
		return srv
	}
	first := start(20)
	tb := newTab(t, browser, proxy.URL, 1280)
	tb.onNewPage(`{ const every = setInterval; window.setInterval = (f, ms) => every(f, Math.min(ms, 1000)); }`)
	tb.do(chromedp.Navigate(proxy.URL + "/instances"))
	tb.live()
	behind.Store(nil)
	first.Stop()
	tb.until(`document.getElementById('state').innerText.includes('does not answer') && !document.querySelector('.conn.live')`)
	start(30)
	tb.until(`document.querySelector('.conn.live') && document.getElementById('found').innerText.startsWith('30 of 30')`)
	tb.until(`document.getElementById('state').className === 'state healthy' && document.querySelector('[role=status]').textContent === 'This node is healthy.'`)
	tb.forgive("Failed to load resource")
}
