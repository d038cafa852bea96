package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the test's zone, wherever it runs

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"heureka.internal/heureka"
)

const (
	arrowDown = "\u0301"
	arrowUp   = "\u0304"
)

// focusSeen reports whether one sees where the focus is: by an outline of the element, or of its row.
const focusSeen = `(() => { const e = document.activeElement;
	return [e, e.closest('.row')].some((x) => x && getComputedStyle(x).outlineStyle !== 'none' && parseFloat(getComputedStyle(x).outlineWidth) >= 2); })()`

// keys presses one key after the other, and sees the focus after each.
func (tb *tab) keys(all ...string) {
	tb.t.Helper()
	for _, key := range all {
		tb.do(chromedp.KeyEvent(key))
		if !js[bool](tb, focusSeen) {
			tb.t.Errorf("after %q the focus is on %s, and cannot be seen", key, js[string](tb, `document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
}

// tabTo presses Tab until the focus is where a condition holds.
func (tb *tab) tabTo(condition string) {
	tb.t.Helper()
	for range 60 {
		if js[bool](tb, `(() => { const e = document.activeElement; return !!(`+condition+`) })()`) {
			return
		}
		tb.keys("\t")
	}
	tb.t.Fatalf("Tab does not lead to where %s", condition)
}

// A search, the way through the list, an instance, an action on it, and the way back: all with keys alone, and at each moment
// one sees where the focus is.
func TestKeyboardOnly(t *testing.T) {
	browser := chromium(t)
	srv := node(t, letAll)
	register(t, srv, fleet(400)...)
	tb := newTab(t, browser, named(srv), 1280)
	tb.do(chromedp.Navigate(named(srv) + "instances"))
	tb.live()
	tb.keys("\t")
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} { // as one event with its text, so that the page can keep the text from going in
		tb.do(command(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: "/", Text: "/"}))
	}
	if name := js[string](tb, `document.activeElement.name`); name != "q" {
		t.Fatalf("/ leads to %q, not to the search", name)
	}
	tb.do(chromedp.KeyEvent("orders"))
	tb.until(`document.getElementById('found').innerText.startsWith('50 of 400')`)
	tb.until(`document.querySelector('[role=status]').textContent === '50 instances found'`)
	const focused = `document.activeElement.dataset.key`
	const place = `[...document.querySelectorAll('.row a')].indexOf(document.activeElement)`
	tb.keys(arrowDown)
	first := js[string](tb, focused)
	tb.keys(arrowDown, arrowDown, arrowUp)
	key := js[string](tb, focused)
	if at := js[int](tb, place); at != 1 || key == first {
		t.Errorf("two down and one up lead to row %d, %s", at, key)
	}
	for range 45 { // through rows that were not in the document
		tb.keys(arrowDown)
	}
	if n := js[int](tb, `Number(document.activeElement.closest('.row').getAttribute('aria-rowindex'))`); n != 48 {
		t.Errorf("45 further down the row is %d, want 48", n)
	}
	for range 45 {
		tb.keys(arrowUp)
	}
	tb.do(chromedp.KeyEvent("\r"))
	tb.until(`document.querySelector('.drawer').innerText.includes('Registered') && document.activeElement.matches('.drawer')`)
	if q := js[string](tb, `new URLSearchParams(location.search).get('open')`); q != key {
		t.Errorf("the URL opens %q, want %q", q, key)
	}
	tb.tabTo(`e.name === 'reason'`)
	tb.do(chromedp.KeyEvent("new disk\r"))
	tb.until(`document.querySelector('.drawer .history').innerText.includes('(new disk)') && document.activeElement.matches('.drawer')`)
	tb.do(chromedp.KeyEvent("\u001b"))
	tb.until(`!document.querySelector('.drawer') && document.activeElement.dataset.key === ` + fmt.Sprintf("%q", key))
	if !js[bool](tb, focusSeen) {
		t.Error("back in the list, one does not see where the focus is")
	}
}

// Times are those of the viewer's clock, in sentences too; without script they name their zone.
func TestDatesAreInTheViewersZone(t *testing.T) {
	browser := chromium(t)
	const name = "Pacific/Chatham" // 12:45 or 13:45 ahead of UTC: nobody's servers
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	srv := node(t)
	in := instance("ORDERS", "o1")
	register(t, srv, in)
	tb := newTab(t, browser, srv.URL, 1280)
	tb.do(command(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name}))
	pages := []string{"", "renewals", "lastn", "instance?" + url.Values{"app": {in.App}, "id": {in.ID}}.Encode()}
	type shown struct{ At, Text string }
	const all = `[...document.querySelectorAll('time')].map((t) => ({ At: t.dateTime, Text: t.textContent }))`
	for _, page := range pages {
		tb.do(chromedp.Navigate(root(srv) + page))
		times := js[[]shown](tb, all)
		for _, s := range times {
			at, err := time.Parse(time.RFC3339, s.At)
			if want := at.In(zone).Format("3:04:05"); err != nil || !strings.Contains(s.Text, want) {
				t.Errorf("%s shows %s as %q, want %s", page, s.At, s.Text, want)
			}
		}
		if len(times) == 0 {
			t.Errorf("%s shows no time", page)
		}
	}
	tb.do(chromedp.Navigate(root(srv) + "instances?open=ORDERS%2Fo1"))
	tb.live()
	tb.until(`document.querySelector('.drawer .history')`)
	if text := js[string](tb, `document.querySelector('.drawer .history').innerText`); !regexp.MustCompile(time.Now().In(zone).Format(`1/2/2006, `)).MatchString(text) {
		t.Errorf("the drawer's history has another day: %q", text)
	}
	tb.script(false)
	for _, page := range pages {
		tb.do(chromedp.Navigate(root(srv) + page))
		for _, s := range js[[]shown](tb, `[...document.querySelectorAll('main time')].map((t) => ({ At: t.dateTime, Text: t.textContent }))`) {
			if !regexp.MustCompile(` [+-]\d{4}$|^\d\d:\d\d:\d\d$`).MatchString(s.Text) {
				t.Errorf("without script %s shows %q", page, s.Text)
			}
		}
	}
}

// Whoever registers or acts cannot make a page run anything: not by names, addresses, metadata or reasons, with script or without.
func TestHostileInstancesAreHarmless(t *testing.T) {
	browser := chromium(t)
	srv := node(t, letAll)
	const evil = `"><img src=x onerror="window.evil=1"><script>window.evil=1</script>`
	in := instance(heureka.AppName(evil), evil)
	in.HostName, in.VIPAddress, in.HomePageURL, in.StatusPageURL = evil, evil, "javascript:window.evil=1", "javascript:window.evil=1"
	in.Metadata = heureka.NewMetadata(map[string]string{evil: evil, "zone": evil, "version": evil, "__proto__": evil, "constructor": evil})
	register(t, srv, in)
	for _, script := range []bool{true, false} {
		tb := newTab(t, browser, named(srv), 1280)
		tb.script(script)
		harmless := func(page string) {
			t.Helper()
			if js[bool](tb, `'evil' in window || !!document.querySelector('img, a[href^="javascript"]')`) {
				t.Errorf("%q on %s, script %t", evil, page, script)
			}
		}
		q := url.Values{"app": {in.App}, "id": {evil}}.Encode()
		own := "instance?" + q
		tb.do(chromedp.Navigate(named(srv) + own))
		tb.submit("override", evil)
		tb.until(`document.querySelector('.done')`)
		harmless("the page after an override")
		for _, page := range []string{"", "instances", "instances?open=" + url.QueryEscape(in.Key().String()), "instances?group=zone", "instances?group=__proto__&col=__proto__,constructor,toString",
			"instances?col=" + url.QueryEscape(evil) + "&group=" + url.QueryEscape(evil), own, own + "&done=" + url.QueryEscape(evil),
			"instance?id=x&app=" + url.QueryEscape(evil), "warnings", "renewals", "lastn"} {
			tb.do(chromedp.Navigate(named(srv) + page))
			if script && strings.HasPrefix(page, "instances") {
				tb.live()
			}
			if strings.Contains(page, "open=") {
				tb.until(`document.querySelector('.drawer').innerText.includes('Registered')`)
			}
			harmless(page)
		}
		tb.do(chromedp.Navigate(named(srv) + own))
		tb.submit("restore", evil)
		tb.until(`document.querySelector('.done')`)
		harmless("the page after a restoration")
		if !script { // gone meanwhile: the refusal names it
			tb.do(chromedp.Navigate(named(srv) + own))
			if err := srv.Conn().Cancel(t.Context(), in.Key()); err != nil {
				t.Fatal(err)
			}
			tb.click("details summary")
			tb.submit("cancel", evil)
			tb.until(`document.body.innerText.includes('is not registered')`)
			harmless("the page of a refusal")
			tb.forgive("404")
		}
	}
}
