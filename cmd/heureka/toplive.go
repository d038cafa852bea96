package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/muesli/cancelreader"
)

// What top tells the terminal: to show another screen without a cursor, and to go back.
const (
	enterScreen = ansi.SetAltScreenSaveCursorMode + ansi.HideCursor
	leaveScreen = ansi.ShowCursor + ansi.ResetAltScreenSaveCursorMode
)

// topLive shows the view on the terminal until a key or ctx ends it. It asks the terminal nothing: bubbletea's way of
// doing so when a program starts would hold up all other commands too.
func (r *remote) topLive(ctx context.Context, interval time.Duration) error {
	in, out := r.stdin.(*os.File), behind(r.stdout).(*os.File)
	before, err := term.MakeRaw(in.Fd())
	if err != nil {
		return err
	}
	defer func() { _ = term.Restore(in.Fd(), before) }()
	keyboard, err := cancelreader.NewReader(in)
	if err != nil {
		return err
	}
	fmt.Fprint(out, enterScreen)
	defer fmt.Fprint(out, leaveScreen)

	ctx, stop := context.WithCancel(ctx)
	keys := make(chan string)
	var reading sync.WaitGroup
	reading.Go(func() { readKeys(ctx, keyboard, keys) })
	defer reading.Wait()
	defer keyboard.Cancel()
	defer stop()
	l := live{
		view: view{remote: r}, keys: keys, interval: interval, look: r.glance,
		size: func() (int, int) { w, h, _ := term.GetSize(out.Fd()); return w, h },
		draw: func(text string) { fmt.Fprint(out, screenful(neutral(text))) },
	}
	l.run(ctx)
	return nil
}

// screenful makes text overwrite the screen. Lines need a carriage return, because the terminal is raw.
func screenful(text string) string {
	return ansi.CursorHomePosition + strings.ReplaceAll(text, "\n", ansi.EraseLineRight+"\r\n") + ansi.EraseLineRight + ansi.EraseScreenBelow
}

// readKeys passes on what is typed, until the keyboard is cancelled.
func readKeys(ctx context.Context, keyboard io.Reader, keys chan<- string) {
	buffer := make([]byte, 64)
	for {
		n, err := keyboard.Read(buffer)
		if err != nil {
			return
		}
		select {
		case keys <- string(buffer[:n]):
		case <-ctx.Done():
			return
		}
	}
}

// quits reports whether a key ends top: q, Escape, and Ctrl-C, which is no signal on a raw terminal.
func quits(key string) bool { return key == "q" || key == "Q" || key == "\x1b" || key == "\x03" }

// A live keeps a view on a screen.
type live struct {
	view     view
	keys     <-chan string
	interval time.Duration // from the end of one look to the next
	look     func(context.Context) glance
	size     func() (width, height int)
	draw     func(text string)
}

// run draws after each look and each key, until a key or ctx ends it.
func (l *live) run(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	looks := make(chan glance, 1) // there is one look at a time
	ask := func() { looking.Go(func() { looks <- l.look(ctx) }) }
	ask()
	var again <-chan time.Time
	for {
		l.view.width, l.view.height = l.size()
		l.draw(l.view.text())
		select {
		case key := <-l.keys:
			if quits(key) {
				return
			}
		case seen := <-looks:
			l.view.update(seen)
			again = time.After(l.interval)
		case <-again:
			again = nil
			ask()
		case <-ctx.Done():
			return
		}
	}
}
