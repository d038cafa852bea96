package browser

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
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
