package browser

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"heureka.internal/heureka/heurekatest"
	"heureka.internal/heureka/server"
)

// watching is for how long the page is watched while the registry changes.
const watching = time.Minute

// collect makes the page note how long its frames, tasks and keys take.
const collect = `{
	window.took = { frames: [], tasks: [], keys: [] };
	new PerformanceObserver((l) => l.getEntries().forEach((e) => took.tasks.push(e.duration))).observe({ type: 'longtask' });
	new PerformanceObserver((l) => l.getEntries().forEach((e) => took.keys.push(e.duration))).observe({ type: 'event', durationThreshold: 16 });
	let last = performance.now();
	const frame = (now) => { took.frames.push(now - last); last = now; requestAnimationFrame(frame); };
	requestAnimationFrame(frame);
}`

type took struct{ Frames, Tasks, Keys []float64 }

// most is the largest of all, and the one that all but 1 % reach at most.
func most(all []float64) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	return fmt.Sprintf("%.0f ms (p99 %.0f ms)", all[len(all)-1], all[len(all)*99/100])
}

// TestBenchPage prints what the list of instances takes, for each of the sizes that HEUREKA_BENCH_PAGE names. It asserts nothing: what
// machine it runs on, and what else runs there, decides too much.
func TestBenchPage(t *testing.T) {
	sizes := os.Getenv("HEUREKA_BENCH_PAGE")
	if sizes == "" {
		t.Skip("HEUREKA_BENCH_PAGE names no sizes")
	}
	browser := chromium(t)
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(size, func(t *testing.T) { benchPage(t, browser, n) })
	}
}

func benchPage(t *testing.T, browser context.Context, n int) {
	srv := node(t, func(cfg *server.Config) { cfg.EvictionInterval = time.Hour })
	all := fleet(n)
	for _, in := range all {
		in.Lease.DurationSecs, in.Lease.RenewalIntervalSecs = 3600, 1200
	}
	register(t, srv, all...)
	tb := newTab(t, browser, srv.URL, 1280)
	tb.do(chromedp.Navigate(root(srv) + "instances"))
	tb.live()
	row := func(what, format string, args ...any) {
		fmt.Printf("| %s instances: %s | %s |\n", strconv.Itoa(n), what, fmt.Sprintf(format, args...))
	}
	row("first paint", "%.0f ms", js[float64](tb, `performance.getEntriesByName('first-contentful-paint')[0].startTime`))
	row("the live list", "%.0f ms", js[float64](tb, `performance.getEntriesByName('list')[0].startTime`))
	tb.mu.Lock()
	row("transferred", "%.0f kB in %d requests", tb.bytes/1000, tb.requests)
	tb.mu.Unlock()
	row("rows in the document", "%d", js[int](tb, `document.querySelectorAll('.row').length`))
	tb.do(chromedp.Evaluate[chromedp.Void](collect))
	tb.do(chromedp.Click(`input[name=q]`))
	const word = "ip-10-0-3 orders"
	for _, key := range word {
		tb.do(chromedp.KeyEvent(string(key)))
		time.Sleep(150 * time.Millisecond) // a fast typist
	}
	for range word {
		tb.do(chromedp.KeyEvent("\b"))
		time.Sleep(150 * time.Millisecond)
	}
	keys := js[took](tb, `took`)
	row(fmt.Sprintf("%d keys in the search, each until it is painted", 2*len(word)), "at most %s", most(append(keys.Keys, 16)))
	tb.do(chromedp.Evaluate[chromedp.Void](`took.frames.length = took.tasks.length = 0`))
	changes := change(t, srv, n)
	moved := js[took](tb, `took`)
	left := srv.Node.Applications()
	tb.until(fmt.Sprintf(`document.getElementById('found').innerText.replaceAll(',', '').startsWith('%d of ')`, left.Count().Total())) // it has followed
	row(fmt.Sprintf("%d changes in %v: pause between frames", changes, watching), "at most %s", most(moved.Frames))
	row("the same: task that keeps the page from answering", "at most %s", most(moved.Tasks))
}

// change changes the registry 20 times a second: statuses, metadata, new instances and such as leave. It returns how often.
func change(t *testing.T, srv *heurekatest.Server, n int) (changes int) {
	all := fleet(n + 600)
	for _, in := range all {
		in.Lease.DurationSecs, in.Lease.RenewalIntervalSecs = 3600, 1200
	}
	conn := srv.Conn()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(watching); time.Now().Before(end); changes++ {
		<-tick.C
		in := all[(changes*7919)%n]
		if changes%4 == 0 {
			in = all[n+changes/4%600]
		}
		in.LastDirtyMS = time.Now().UnixMilli()
		in.Metadata = in.Metadata.With(in.Metadata[0])
		var err error
		if changes%8 == 4 {
			err = conn.Cancel(t.Context(), all[n+(changes-4)/4%600].Key())
		} else {
			err = conn.Register(t.Context(), in)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return changes
}
