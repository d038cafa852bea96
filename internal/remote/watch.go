package remote

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// WatchSilence is the longest silence of a server that is watched: three times as long as heureka servers let pass.
const WatchSilence = 45 * time.Second

// A Watched says what to watch.
type Watched struct {
	Since string // a version, from a Document
	VIP   string // "" for everything
}

// maxWatchLine bounds a line of a stream; those of a brief one are short.
const maxWatchLine = 64 << 10

// Watch asks a heureka server to tell when the registry changes after a version, and calls heard with the name of each event
// until ctx or the stream ends, or the server is silent for WatchSilence. It returns why, io.EOF if the server has ended the
// stream.
func (c *Conn) Watch(ctx context.Context, what Watched, heard func(event string)) error {
	at := c.beside()
	ctx, quiet := at.watchSilence(ctx)
	defer quiet.stop()
	hr := at.newRequest(ctx, what.request(), quiet)
	resp, err := at.cfg.Transport.RoundTrip(hr)
	if err != nil {
		return fmt.Errorf("watch %s: %w", c.shown, quiet.cause(err))
	}
	defer resp.Body.Close()
	quiet.touch()
	if resp.StatusCode != http.StatusOK {
		return at.refusal(op{verb: "watch", subject: c.shown}, hr, resp, &Reply{Status: resp.StatusCode, Header: resp.Header})
	}
	if kind := resp.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		return fmt.Errorf("watch %s: answered %s, %w", c.shown, kind, ErrNotEureka)
	}
	if err := readEvents(quiet.reader(resp.Body), heard); err != nil {
		return fmt.Errorf("watch %s: %w", c.shown, quiet.cause(err))
	}
	return fmt.Errorf("watch %s: %w", c.shown, io.EOF)
}

func (w *Watched) request() Request {
	q := url.Values{"brief": {"true"}, "snapshot": {"false"}, "since": {w.Since}}
	if w.VIP != "" {
		q.Set("vip", w.VIP)
	}
	return Request{Path: "heureka/v1/watch", Query: q.Encode(), Header: http.Header{"Accept": {"text/event-stream"}, "Accept-Encoding": {"identity"}}}
}

// readEvents calls heard for each event of a stream (HTML standard, server-sent events).
func readEvents(r io.Reader, heard func(event string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxWatchLine)
	name := ""
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "" && name != "":
			heard(name)
			name = ""
		case strings.HasPrefix(line, "event:"):
			name = strings.TrimSpace(line[len("event:"):])
		}
	}
	if err := lines.Err(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// beside returns a Conn for heureka's own API, which stands beside that of Eureka, and whose answers do not end.
func (c *Conn) beside() *Conn {
	at := *c
	at.cfg.ReadTimeout = WatchSilence
	for _, tail := range []string{"/eureka/v2/", "/eureka/", "/v2/"} {
		if root, ok := strings.CutSuffix(c.base.Path, tail); ok {
			at.base.Path, at.base.RawPath = root+"/", ""
			break
		}
	}
	return &at
}
