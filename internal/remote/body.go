package remote

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// silence ends a request after a ReadTimeout without progress. A nil silence never does.
type silence struct {
	after  time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
	ctx    context.Context
}

// watchSilence begins to wait. The deadline of a context would not do: it cannot be moved on while bytes come.
func (c *Conn) watchSilence(ctx context.Context) (context.Context, *silence) {
	if c.cfg.ReadTimeout <= 0 {
		return ctx, nil
	}
	q := &silence{after: c.cfg.ReadTimeout}
	q.ctx, q.cancel = context.WithCancelCause(ctx)
	q.timer = time.AfterFunc(q.after, func() { q.cancel(&SilenceError{After: q.after}) })
	return httptrace.WithClientTrace(q.ctx, q.trace()), q
}

// touch notes progress.
func (q *silence) touch() {
	if q != nil {
		q.timer.Reset(q.after)
	}
}

// stop ends the wait, and the request with it if that is still under way.
func (q *silence) stop() {
	if q != nil {
		q.timer.Stop()
		q.cancel(nil)
	}
}

// cause returns what ended the request, if that was its context: the silence, or what its caller has to say, rather than
// the "context canceled" or "context deadline exceeded" it shows as.
func (q *silence) cause(err error) error {
	if q == nil || q.ctx.Err() == nil {
		return err
	}
	return context.Cause(q.ctx)
}

// reader notes progress whenever something is read, be it from the server or, of a body to be sent, by the transport.
func (q *silence) reader(r io.Reader) io.Reader {
	if q == nil {
		return r
	}
	return &watchedReader{r, q}
}

type watchedReader struct {
	io.Reader
	q *silence
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if n > 0 {
		w.q.touch()
	}
	return n, err
}

// Registry documents are megabytes and come every half minute: their buffers are worth keeping between two fetches.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

var gzipReaders sync.Pool

// readBody fills in reply.Body, which a caller that asked for a pooled one gives back with Release.
func (c *Conn) readBody(reply *Reply, resp *http.Response, req Request, quiet *silence) error {
	limit := req.Limit
	if limit <= 0 {
		limit = c.cfg.MaxBytes
	}
	encoding := resp.Header.Get("Content-Encoding")
	if req.arriving != nil {
		return limited(quiet.reader(resp.Body), encoding, limit, func(r io.Reader) error { return req.arriving(reply, r) })
	}
	buf := new(bytes.Buffer)
	if req.Pooled {
		buf = buffers.Get().(*bytes.Buffer)
		buf.Reset()
		reply.buf = buf
	}
	err := readAll(buf, quiet.reader(resp.Body), encoding, limit)
	if err != nil {
		reply.Release()
		return err
	}
	reply.Body = buf.Bytes()
	return nil
}

// maxPooled is the largest buffer that is kept: one answer of a broken server must not stay for good.
const maxPooled = 24 << 20

// Release gives a pooled body back; nothing decoded from it refers to it.
func (r *Reply) Release() {
	if r.buf != nil {
		if r.buf.Cap() <= maxPooled {
			buffers.Put(r.buf)
		}
		r.buf, r.Body = nil, nil
	}
}

// readAll reads and decompresses a body. The limit is on what comes out, because a few bytes of gzip can stand for
// gigabytes.
func readAll(buf *bytes.Buffer, body io.Reader, encoding string, limit int64) error {
	return limited(body, encoding, limit, func(r io.Reader) error {
		_, err := buf.ReadFrom(r)
		return err
	})
}

// limited lets read have a decompressed body. Of one that is too large it has got more than the limit.
func limited(body io.Reader, encoding string, limit int64, read func(io.Reader) error) error {
	switch strings.ToLower(encoding) {
	case "", "identity":
	case "gzip", "x-gzip":
		zr, err := newGzipReader(body)
		if errors.Is(err, io.EOF) {
			return read(http.NoBody) // gzip of nothing at all: an empty body
		}
		if err != nil {
			return err
		}
		defer gzipReaders.Put(zr)
		body = zr
	default:
		return fmt.Errorf("unknown content encoding %q", encoding)
	}
	rest := &io.LimitedReader{R: body, N: limit + 1}
	if err := read(rest); rest.N > 0 {
		return err
	}
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, limit)
}

// newGzipReader takes a reader from the pool, or makes the first.
func newGzipReader(r io.Reader) (*gzip.Reader, error) {
	zr, ok := gzipReaders.Get().(*gzip.Reader)
	if !ok {
		return gzip.NewReader(r)
	}
	return zr, zr.Reset(r)
}

// maxDiscard is how much of an unwanted body is read so that its connection can be used again; beyond that a new
// connection is cheaper.
const maxDiscard = 64 << 10

// discard makes a connection ready for its next request, if that is cheap.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, maxDiscard)
	_ = body.Close()
}
