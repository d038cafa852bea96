package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/server"
)

// holdReloads makes the page load its list anew each second, and hold each answer but the first until goOn is called.
const holdReloads = `{
	const every = setInterval, ask = fetch;
	let n = 0;
	window.setInterval = (f, ms) => every(f, Math.min(ms, 1000));
	window.fetch = async (...what) => {
		const answer = await ask(...what);
		if (String(what[0]).includes('data/instances') && ++n > 1) await new Promise((ok) => { window.held = n; window.goOn = ok; });
		return answer;
	};
}`

// The list is loaded anew now and then. What happened between that answer and its arrival is not forgotten.
func TestReloadLosesNoChange(t *testing.T) {
	browser := chromium(t)
	srv := node(t)
	register(t, srv, fleet(20)...)
	tb := newTab(t, browser, srv.URL, 1280)
	tb.onNewPage(holdReloads)
	tb.do(chromedp.Navigate(root(srv) + "instances"))
	tb.live()
	tb.until(`window.held === 2`)
	register(t, srv, instance("AAA", "new-one"))
	tb.until(`document.getElementById('found').innerText.startsWith('21 of 21')`)
	tb.do(chromedp.Evaluate[chromedp.Void](`goOn()`))
	tb.until(`window.held === 3`)
	tb.until(`document.getElementById('found').innerText.startsWith('21 of 21')`)
}

// Where there are pages enough that watch, the list says that it polls, and is right all the same.
func TestListThatMayNotWatch(t *testing.T) {
	browser := chromium(t)
	srv := node(t, func(cfg *server.Config) { cfg.Limits.WatchingPages = 1 })
	register(t, srv, fleet(20)...)
	first := newTab(t, browser, srv.URL, 1280)
	first.do(chromedp.Navigate(root(srv) + "instances"))
	first.live()
	second := newTab(t, browser, srv.URL, 1280)
	second.onNewPage(`{ const every = setInterval; window.setInterval = (f, ms) => every(f, Math.min(ms, 1000)); }`)
	second.do(chromedp.Navigate(root(srv) + "instances"))
	second.until(`document.querySelector('.conn.polling')`)
	register(t, srv, instance("AAA", "new-one"))
	second.until(`document.getElementById('found').innerText.startsWith('21 of 21')`)
	first.do(chromedp.Navigate(root(srv) + "peers"))
	second.live() // there is room now
	second.forgive("503")
}

// onNewPage runs a script before those of each page.
func (tb *tab) onNewPage(script string) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
		return err
	}))
}

// Groups and columns are alive too, and are chosen without a reload; a group leads to its instances.
func TestGroupsAreAlive(t *testing.T) {
	browser := chromium(t)
	srv := node(t)
	register(t, srv, fleet(40)...)
	tb := newTab(t, browser, srv.URL, 1280)
	tb.do(chromedp.Navigate(root(srv) + "instances?group=zone"))
	tb.live()
	const groups = `[...document.querySelectorAll('.totals li')].map((e) => e.innerText).join(', ')`
	tb.until(groups + ` === '16 eu-1a, 16 eu-1b, 8 eu-1c'`)
	in := instance("AAA", "new-one")
	in.Metadata = heureka.NewMetadata(map[string]string{"zone": "eu-1d", "team": "red"})
	register(t, srv, in)
	tb.until(groups + ` === '16 eu-1a, 16 eu-1b, 8 eu-1c, 1 eu-1d'`)
	tb.do(chromedp.Evaluate[chromedp.Void](`window.mark = 1; document.querySelector('input[name=group]').value = 'team'; document.querySelector('input[name=col]').value = 'team, nothing'`))
	tb.click(`form.filter button`)
	tb.until(groups + ` === '40 blue, 1 red' && window.mark === 1 && location.search.includes('group=team')`)
	tb.until(`[...document.querySelectorAll('.head .c-more')].map((e) => e.innerText).join() === 'team,nothing' && document.querySelector('.row .c-more').innerText === 'blue'`)
	tb.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll('.totals a')].find((a) => a.innerText === '1 red').click()`))
	tb.until(`document.querySelector('.conn.live') && document.getElementById('found').innerText.startsWith('1 of 41') && !document.querySelector('.totals')`)
}
