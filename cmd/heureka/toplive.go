package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
	"github.com/muesli/cancelreader"

	"heureka.internal/heureka/internal/outbound"
	registryat "heureka.internal/heureka/internal/remote"
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
	news := make(chan struct{}, 1)
	reading.Go(func() { r.hear(ctx, news) })
	l := live{
		view: view{remote: r}, keys: keys, news: news, interval: interval, look: r.glance,
		size: func() (int, int) { w, h, _ := term.GetSize(out.Fd()); return w, h },
		draw: func(text string) { fmt.Fprint(out, screenful(neutral(text))) },
	}
	l.run(ctx)
	return nil
}

// newsPause is how long a look waits for more of what a server tells: each fetches the whole registry.
const newsPause = 500 * time.Millisecond

// hear passes on that the first server has told of a change, where it does so, until ctx ends.
func (r *remote) hear(ctx context.Context, news chan<- struct{}) {
	transport := outbound.Transport(&net.Dialer{Timeout: r.timeout})
	transport.Proxy, transport.TLSClientConfig = http.ProxyFromEnvironment, r.tls
	defer transport.CloseIdleConnections()
	for ctx.Err() == nil {
		header := http.Header{}
		if r.login.show(header) != nil {
			return
		}
		conn, err := registryat.New(registryat.Config{URL: r.servers[0], Transport: transport, Header: header})
		if err != nil {
			return
		}
		_ = conn.Watch(ctx, registryat.Watched{Since: "now"}, func(string) {
			select {
			case news <- struct{}{}:
			default:
			}
		})
		select {
		case <-time.After(watchAgain):
		case <-ctx.Done():
		}
	}
}

// watchAgain is the pause before a server is watched again that has ended its stream, or has none.
const watchAgain = 10 * time.Second

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

// A live keeps a view on a screen.
type live struct {
	view     view
	keys     <-chan string
	news     <-chan struct{} // the registry has changed; nil: nobody tells
	interval time.Duration   // from the end of one look to the next
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
	var again <-chan time.Time // nil while a look is under way
	var due time.Time
	early := false // there was news during a look
	next := func(pause time.Duration) { due, again = time.Now().Add(pause), time.After(pause) }
	for {
		l.view.width, l.view.height = l.size()
		l.draw(l.view.text())
		select {
		case key := <-l.keys:
			if l.view.press(key) {
				return
			}
		case seen := <-looks:
			l.view.update(seen)
			if next(l.interval); early {
				next(min(l.interval, newsPause))
			}
			early = false
		case <-l.news:
			if early = again == nil; !early && time.Until(due) > newsPause {
				next(newsPause)
			}
		case <-again:
			again = nil
			ask()
		case <-ctx.Done():
			return
		}
	}
}
