package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/charmbracelet/x/ansi"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
)

func newView() *view {
	return &view{remote: &remote{servers: []string{"http://me:geheim@h:1/eureka/"}, out: newPrinter(&strings.Builder{}, "table")}}
}

func TestTopShowsChangesNewestFirst(t *testing.T) {
	a := &heureka.Instance{App: "A", ID: "i", Status: heureka.StatusUp}
	down := a.Clone()
	down.Status = heureka.StatusDown
	v := newView()
	if text := v.text(); !strings.Contains(text, "asking http://h:1/eureka/") {
		t.Errorf("first view = %q", text)
	}
	for i, in := range []*heureka.Instance{a, down, a} {
		v.update(glance{at: time.Unix(int64(i), 0), apps: registryOf(in)})
	}
	text := v.text()
	back, away := strings.Index(text, "status: DOWN -> UP"), strings.Index(text, "status: UP -> DOWN")
	if back < 0 || away < back {
		t.Errorf("changes are missing or in the wrong order:\n%s", text)
	}
	if !strings.Contains(text, "1 instance of 1 application, hash UP_1_") {
		t.Errorf("no headline:\n%s", text)
	}
}

func TestTopKeepsTheLastViewWhenServersFail(t *testing.T) {
	v := newView()
	v.update(glance{apps: registryOf(&heureka.Instance{App: "A", ID: "i"})})
	v.update(glance{err: errors.New("boom")})
	if text := v.text(); !strings.Contains(text, "out of date: boom") || !strings.Contains(text, "1 instance of 1 application") {
		t.Errorf("view = %q", text)
	}
	if v.update(glance{apps: registryOf()}); strings.Contains(v.text(), "boom") {
		t.Error("the error outlives a success")
	}
}

func TestTopFitsTheScreen(t *testing.T) {
	v := newView()
	v.update(glance{apps: registryOf(&heureka.Instance{App: strings.Repeat("A", 200), ID: "i"})})
	v.width, v.height = 40, 3
	lines := strings.Split(v.text(), "\n")
	if len(lines) > 3 {
		t.Errorf("%d lines on a screen of 3", len(lines))
	}
	for _, l := range lines {
		if len(l) > 40 {
			t.Errorf("line of %d columns on a screen of 40: %q", len(l), l)
		}
	}
}

func TestTopForgetsOldChanges(t *testing.T) {
	v := newView()
	for i := range 3 * recentChanges {
		v.update(glance{apps: registryOf(&heureka.Instance{App: "A", ID: "i", Status: heureka.Status(1 + i%2)})})
	}
	if len(v.changes) != recentChanges {
		t.Errorf("%d changes are kept, want %d", len(v.changes), recentChanges)
	}
}

func TestTopLooksAgainUntilAKeyEndsIt(t *testing.T) {
	for _, key := range []string{"q", "Q", "\x1b", "\x03"} {
		synctest.Test(t, func(t *testing.T) {
			keys := make(chan string)
			looks, drawn := 0, ""
			l := live{
				view: *newView(), keys: keys, interval: time.Minute,
				look: func(context.Context) glance { looks++; return glance{at: time.Now(), apps: registryOf()} },
				size: func() (int, int) { return 80, 24 },
				draw: func(text string) { drawn = text },
			}
			ended := make(chan struct{})
			go func() { l.run(t.Context()); close(ended) }()
			time.Sleep(150 * time.Second)
			keys <- "x" // means nothing
			keys <- "\x1b[A"
			synctest.Wait()
			if looks != 3 || !strings.Contains(drawn, "0 instances") {
				t.Errorf("after 2.5 intervals: %d looks, want 3; drawn: %q", looks, drawn)
			}
			keys <- key
			<-ended
		})
	}
}

func TestTopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		l := live{
			view: *newView(), interval: time.Minute, size: func() (int, int) { return 0, 0 }, draw: func(string) {},
			look: func(ctx context.Context) glance { <-ctx.Done(); return glance{err: ctx.Err()} },
		}
		ended := make(chan struct{})
		go func() { l.run(ctx); close(ended) }()
		synctest.Wait()
		stop()
		<-ended // although a look was under way
	})
}

func TestScreenful(t *testing.T) {
	if got, want := screenful("a\nb"), "\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J"; got != want {
		t.Errorf("screenful = %q, want %q", got, want)
	}
}

// fleet is a registry with so many applications of three instances each, of which the last is in trouble, and a ring.
func fleet(n int) glance {
	var all []*heureka.Instance
	for i := range n {
		for k := range 3 {
			in := &heureka.Instance{App: fmt.Sprintf("PAYMENTS-AND-SETTLEMENTS-SERVICE-OF-THE-EUROPEAN-BRANCH-%03d", i), ID: fmt.Sprint(k), Status: heureka.StatusUp}
			if i == n-1 {
				in.Status = heureka.StatusDown
			}
			all = append(all, in)
		}
	}
	l := glance{at: time.Unix(1, 0), apps: registryOf(all...)}
	for i := range 6 {
		state := "available"
		if i == 4 {
			state = "unavailable"
		}
		l.peers = append(l.peers, peerState{Server: "http://eureka-0.eureka.infrastructure.svc.cluster.local:8761/eureka/", State: state,
			Peer: fmt.Sprintf("http://eureka-%d.eureka.infrastructure.svc.cluster.local:8761/eureka/", i)})
	}
	return l
}

// On 80 columns and 24 lines, 71 applications leave peers and changes visible, those in trouble come first, and names keep both ends.
func TestTopOnATerminal(t *testing.T) {
	v := newView()
	v.width, v.height = 80, 24
	l := fleet(71)
	v.update(l)
	for i := range 20 { // changes
		more := fleet(71)
		more.apps.Apps[i].Instances[0].Status = heureka.StatusStarting
		v.update(more)
	}
	v.update(l)
	screen := func() []string {
		lines := strings.Split(v.text(), "\n")
		if len(lines) > 24 {
			t.Errorf("%d lines", len(lines))
		}
		for _, l := range lines {
			if n := ansi.StringWidth(l); n > 80 {
				t.Errorf("a line of %d columns: %s", n, l)
			}
		}
		return lines
	}
	lines := screen()
	text := strings.Join(lines, "\n")
	t.Log("\n" + text)
	for _, want := range []string{"CHANGES", "PEER ", "(1-9 of 71)", "(3 more)", "unavailable", "status: STARTING -> UP"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	if first := lines[3]; !strings.HasPrefix(first, "PAYMENTS") || !strings.Contains(first, "070 ") || !strings.Contains(first, "3 DOWN") {
		t.Errorf("the application in trouble is not the first: %s", first)
	}
	for _, tt := range []struct {
		key, want string
		quits     bool
	}{
		{"\x1b[B", "(2-10 of 71)", false}, {"\x1b[6~", "(11-19 of 71)", false}, {"G", "(63-71 of 71)", false}, {"j", "(63-71 of 71)", false},
		{"\x1b[5~", "(54-62 of 71)", false}, {"g", "(1-9 of 71)", false}, {"k", "(1-9 of 71)", false},
		{"/", "APP (1-9 of 71) /", false}, {"06", "(1-9 of 11) /06", false}, {"q", "(0-0 of 0) /06q", false}, {"\x7f", "(1-9 of 11) /06", false}, {"\x1b[B", "(2-10 of 11)", false},
		{"\r", "/06", false}, {"\x1b", "of 71)", false}, {"q", "", true},
	} {
		if quits := v.press(tt.key); quits != tt.quits {
			t.Errorf("after %q: quits %v", tt.key, quits)
		}
		if text := strings.Join(screen(), "\n"); !strings.Contains(text, tt.want) {
			t.Errorf("after %q: %q is missing:\n%s", tt.key, tt.want, text)
		}
	}
}

func TestMiddle(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"short", 8, "short"}, {"PAYMENTS-EU-001", 9, "PAYM…-001"}, {"PAYMENTS-EU-001", 8, "PAYM…001"}, {"日本語のサービス", 7, "日…ビス"}, {"abcdef", 3, "a…f"},
	} {
		if got := middle(tt.s, tt.n); got != tt.want || ansi.StringWidth(got) > tt.n {
			t.Errorf("middle(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// News brings the next look forward, also news that comes during a look, and a stream of it does not put looks off.
func TestTopLooksWhenThereIsNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		news := make(chan struct{})
		looks := 0
		l := live{
			view: *newView(), news: news, interval: time.Hour, size: func() (int, int) { return 80, 24 }, draw: func(string) {},
			look: func(context.Context) glance { looks++; time.Sleep(time.Second); return glance{apps: registryOf()} },
		}
		ended := make(chan struct{})
		go func() { l.run(ctx); close(ended) }()
		time.Sleep(500 * time.Millisecond)
		news <- struct{}{} // during the first look
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if looks != 2 {
			t.Errorf("%d looks, want a second one half a second after the first", looks)
		}
		time.Sleep(time.Minute)
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			news <- struct{}{}
		}
		synctest.Wait()
		if looks < 7 || looks > 10 {
			t.Errorf("%d looks, want two and then one every 1.5 s", looks)
		}
		stop()
		<-ended
	})
}

// A heureka node tells top of changes.
func TestTopHearsOfChanges(t *testing.T) {
	srv := heurekatest.NewServer(t)
	ctx, stop := context.WithCancel(t.Context())
	r := &remote{servers: []string{srv.URL}, timeout: patience}
	news, ended := make(chan struct{}, 1), make(chan struct{})
	go func() { r.hear(ctx, news); close(ended) }()
	<-news // it listens
	srv.Register(&heureka.Instance{App: "ORDERS", ID: "a", HostName: "h", IPAddr: "192.0.2.1", Status: heureka.StatusUp, DataCenter: heureka.OwnDataCenter})
	<-news
	stop()
	<-ended
}
