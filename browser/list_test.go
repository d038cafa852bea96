package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
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
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: holdReloads})
		return err
	}), chromedp.Navigate(root(srv)+"instances"))
	tb.live()
	tb.until(`window.held === 2`)
	register(t, srv, instance("AAA", "new-one"))
	tb.until(`document.getElementById('found').innerText.startsWith('21 of 21')`)
	tb.do(chromedp.Evaluate[chromedp.Void](`goOn()`))
	tb.until(`window.held === 3`)
	tb.until(`document.getElementById('found').innerText.startsWith('21 of 21')`)
}
