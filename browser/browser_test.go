// Package browser drives Debian's Chromium over the pages of real nodes. It is a module of its own, so that nobody else
// needs what drives a browser.
package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// patience is how long a test waits for what it waits for; a busy machine takes its time.
const patience = 60 * time.Second

// A tab is a tab of a browser that notes what it must not do.
type tab struct {
	t    *testing.T
	ctx  context.Context
	host string // all requests must go there

	mu       sync.Mutex
	faults   []string
	requests int
	bytes    float64
}

// chromium starts a browser, or skips the test where there is none. CI says that there must be one.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("HEUREKA_BROWSER") != "" {
			t.Fatal(err)
		}
		t.Skip("no chromium here")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("host-resolver-rules", "MAP "+nodeName+" 127.0.0.1"))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	return ctx
}

// newTab opens a tab of this width.
func newTab(t *testing.T, browser context.Context, base string, width int64) *tab {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	tb := &tab{t: t, host: u.Host}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithListener(tb.note))
	t.Cleanup(cancel)
	tb.ctx = ctx
	tb.do(command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}), chromedp.EmulateViewport(width, 900))
	t.Cleanup(func() {
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, f := range tb.faults {
			t.Errorf("the browser complains: %s", f)
		}
	})
	return tb
}

// command is an action of the protocol that returns nothing.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

// forgive takes back what the browser complained of that has this text: what the test wants to see.
func (tb *tab) forgive(text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.faults = slices.DeleteFunc(tb.faults, func(f string) bool { return strings.Contains(f, text) })
}

func (tb *tab) scheme(name string) {
	tb.t.Helper()
	tb.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}))
}

func (tb *tab) script(on bool) {
	tb.t.Helper()
	tb.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

// note takes in what the browser tells.
func (tb *tab) note(event any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			tb.faults = append(tb.faults, fmt.Sprintf("console.%s: %s", e.Type, e.Args[0].Value))
		}
	case *runtime.EventExceptionThrown:
		tb.faults = append(tb.faults, fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			tb.faults = append(tb.faults, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		tb.requests++
		if u, err := url.Parse(e.Request.URL); err == nil && u.Scheme != "data" && u.Scheme != "about" && u.Host != tb.host {
			tb.faults = append(tb.faults, "a request leaves the origin: "+e.Request.URL)
		}
	case *network.EventLoadingFinished:
		tb.bytes += e.EncodedDataLength
	}
}

// do runs actions; the test ends where one fails.
func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	if err := chromedp.Do(tb.ctx, actions...); err != nil {
		tb.t.Fatal(err)
	}
}

// js evaluates an expression.
func js[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits for a condition.
func (tb *tab) until(condition string) {
	tb.t.Helper()
	for end := time.Now().Add(patience); ; {
		holds, err := chromedp.Run(tb.ctx, chromedp.Evaluate[bool]("(() => { try { return !!("+condition+") } catch { return false } })()"))
		if err == nil && holds { // an error may mean that another page is on its way
			return
		}
		if time.Now().After(end) {
			tb.t.Fatalf("in vain: %s (%v)\n%.2000s", condition, err, js[string](tb, "document.body.innerText"))
		}
		time.Sleep(50 * time.Millisecond) // a browser has no other way to say when
	}
}

// live waits until the list follows the node.
func (tb *tab) live() { tb.t.Helper(); tb.until(`document.querySelector('.conn.live')`) }

// found is how many rows the list says it has.
func (tb *tab) found() string { return js[string](tb, `document.getElementById('found').innerText`) }

func node(t *testing.T, configure ...func(*server.Config)) *heurekatest.Server {
	t.Helper()
	return heurekatest.NewServer(t, configure...)
}

// root is where the first page of a node is.
func root(srv *heurekatest.Server) string { return strings.TrimSuffix(srv.URL, "eureka/") }

func instance(app, id string) *heureka.Instance {
	return &heureka.Instance{
		App: app, ID: id, HostName: id + ".example.org", IPAddr: "10.0.0.1", Status: heureka.StatusUp, Port: heureka.Port{Number: 8080, Enabled: true},
		DataCenter: heureka.OwnDataCenter, HomePageURL: "http://" + id + ".example.org:8080/", LastDirtyMS: time.Now().UnixMilli(),
		Metadata: heureka.NewMetadata(map[string]string{"zone": "eu-1" + string("abc"[len(id)%3]), "version": "2.4.1", "team": "blue"}),
	}
}

// register puts instances into the registry.
func register(t *testing.T, srv *heurekatest.Server, all ...*heureka.Instance) {
	t.Helper()
	conn := srv.Conn()
	for _, in := range all {
		if err := conn.Register(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
}

// fleet is a registry as one sees it.
func fleet(n int) (all []*heureka.Instance) {
	apps := []string{"BILLING", "INVENTORY", "NOTIFICATIONS", "ORDERS", "PAYMENTS", "SEARCH-API", "SHIPPING", "USERS"}
	for i := range n {
		app := apps[i%len(apps)]
		in := instance(app, fmt.Sprintf("ip-10-0-%d-%d:%s:8080", i/250, i%250, strings.ToLower(app)))
		in.HostName, in.IPAddr = fmt.Sprintf("ip-10-0-%d-%d.example.org", i/250, i%250), fmt.Sprintf("10.0.%d.%d", i/250, i%250)
		in.VIPAddress, in.HomePageURL = strings.ToLower(app), "http://"+in.HostName+":8080/"
		in.Metadata = heureka.NewMetadata(map[string]string{"zone": "eu-1" + string("abc"[i/8%3]), "version": fmt.Sprintf("2.%d.0", i/8%4), "team": "blue"})
		switch i {
		case 11:
			in.Status = heureka.StatusDown
		case 21:
			in.Status = heureka.StatusOutOfService
		case 30:
			in.Status = heureka.StatusStarting
		}
		all = append(all, in)
	}
	return all
}

// pages are all of them.
var pages = []string{"", "instances", "instances?group=zone&col=team", "instance?app=ORDERS&id=ip-10-0-0-3:orders:8080", "peers", "renewals", "warnings", "lastn"}

// axe is the checker of axe-core; "" where it is not installed.
func axe(t *testing.T) string {
	t.Helper()
	file := os.Getenv("HEUREKA_AXE")
	if file == "" {
		return ""
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// audit reports what axe-core finds to be serious.
func (tb *tab) audit(source, page string) {
	tb.t.Helper()
	if source == "" {
		return
	}
	tb.do(chromedp.Evaluate[chromedp.Void](source))
	found := js[[]struct {
		ID, Impact, Help string
		Nodes            []struct {
			HTML           string `json:"html"`
			FailureSummary string
		}
	}](tb, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)`)
	for _, v := range found {
		if v.Impact == "serious" || v.Impact == "critical" {
			text, _ := json.Marshal(v.Nodes[0])
			tb.t.Errorf("%s: %s (%s): %s\n%s", page, v.ID, v.Impact, v.Help, text)
		}
	}
}

// Every page, wide and narrow, light and dark, with script and without: the browser finds nothing to complain of, no
// request leaves the origin, nothing is cut off, and axe-core finds nothing serious.
func TestEveryPage(t *testing.T) {
	browser, source := chromium(t), axe(t)
	srv := node(t, func(cfg *server.Config) { cfg.Actions = true })
	register(t, srv, fleet(60)...)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 1280} {
			for _, script := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%d/script=%t", scheme, width, script), func(t *testing.T) {
					tb := newTab(t, browser, srv.URL, width)
					tb.script(script)
					tb.scheme(scheme)
					for _, page := range pages {
						tb.do(chromedp.Navigate(root(srv) + page))
						if script && page == "instances" {
							tb.live()
						}
						if w := js[int64](tb, "document.documentElement.scrollWidth"); w > width {
							t.Errorf("%s is %d wide", page, w)
						}
						if script {
							tb.audit(source, page)
						}
					}
					dark := js[string](tb, "getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 25)"
					if dark != (scheme == "dark") {
						t.Errorf("in a %s scheme the page is dark: %t", scheme, dark)
					}
				})
			}
		}
	}
}

// The list narrows while one types, says in the URL what it shows, and follows the node: what registers appears without a
// reload, and the row that is being read stays where it is.
func TestListIsAlive(t *testing.T) {
	browser := chromium(t)
	srv := node(t)
	register(t, srv, fleet(400)...)
	tb := newTab(t, browser, srv.URL, 1280)
	tb.do(chromedp.Navigate(root(srv) + "instances"))
	tb.live()
	tb.do(chromedp.SendKeys(`input[name=q]`, "10-0-0-3: orders"))
	tb.until(`document.querySelectorAll('.row').length === 1`)
	if got := tb.found(); !strings.HasPrefix(got, "1 of 400 instances") {
		t.Errorf("the list says %q", got)
	}
	if q := js[string](tb, "location.search"); !strings.Contains(q, "q=10-0-0-3%3A+orders") {
		t.Errorf("the URL has %q", q)
	}
	tb.do(chromedp.Evaluate[chromedp.Void](`{
		document.querySelector('input[name=q]').value = '';
		document.querySelector('input[name=q]').dispatchEvent(new Event('input', { bubbles: true }));
		window.mark = 1;
	}`))
	tb.until(`document.querySelectorAll('.row').length > 10`)
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('.box').scrollTop = 34 * 200`))
	const inSight = `(() => { const box = document.querySelector('.box').getBoundingClientRect();
		const row = [...document.querySelectorAll('.row')].find((r) => r.getBoundingClientRect().top >= box.top);
		return row && row.querySelector('a').dataset.key + ' ' + Math.round(row.getBoundingClientRect().top); })()`
	tb.until(`document.querySelector('.box').scrollTop === 6800 && (` + inSight + `)`)
	before := js[string](tb, inSight)
	register(t, srv, instance("AAA", "new-one"))
	tb.until(`document.getElementById('found').innerText.startsWith('401 of 401')`)
	tb.until(`document.querySelector('.box').scrollTop === 6834`)
	if after := js[string](tb, inSight); after != before {
		t.Errorf("what is read has moved: %s, then %s", before, after)
	}
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector('.box').scrollTop = 0`))
	tb.until(`[...document.querySelectorAll('.row a')].some((a) => a.dataset.key === 'AAA/new-one')`)
	if err := srv.Conn().Cancel(t.Context(), heureka.Key{App: "AAA", ID: "new-one"}); err != nil {
		t.Fatal(err)
	}
	tb.until(`document.getElementById('found').innerText.startsWith('400 of 400')`)
	if js[int](tb, "window.mark") != 1 {
		t.Error("the page was loaded anew")
	}
}
