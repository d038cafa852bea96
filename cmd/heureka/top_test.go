package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heureka.internal/heureka"
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
