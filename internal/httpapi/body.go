package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"

	"heureka.internal/heureka/internal/wire"
)

// Sizes of pooled buffers: a new one holds the usual registration, and one grown by a rare giant is not kept.
const (
	newBuffer = 8 << 10
	maxPooled = 512 << 10
)

// A buffer is pooled memory. Nothing that outlives the request may point into it.
type buffer struct{ B []byte }

type bufferPool struct{ pool sync.Pool }

var (
	buffers bufferPool
	inflate sync.Pool // of *gzip.Reader
)

func (p *bufferPool) take() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		b.B = b.B[:0]
		return b
	}
	return &buffer{B: make([]byte, 0, newBuffer)}
}

func (p *bufferPool) give(b *buffer) {
	if cap(b.B) <= maxPooled {
		p.pool.Put(b)
	}
}

// errTooLarge says that a body is larger than its limit, as sent or decompressed.
var errTooLarge = errors.New("body too large")

// readBody appends the request's body, decompressed, to b. It never holds more than limit bytes, and takes memory only as
// bytes arrive, whatever length the client announces. On failure it has answered.
func (c *call) readBody(b *buffer, limit int64) bool {
	compressed, ok := c.contentCoding()
	if !ok {
		c.empty(http.StatusUnsupportedMediaType)
		return false
	}
	var err error
	if c.r.ContentLength > limit {
		err = errTooLarge
	} else {
		src := http.MaxBytesReader(c.w, c.r.Body, limit)
		if compressed {
			b.B, err = appendInflated(b.B, src, limit)
		} else {
			b.B, err = appendAll(b.B, src, limit)
		}
	}
	if err != nil {
		c.badBody(err)
		return false
	}
	return true
}

// contentCoding reports whether the body is compressed; ok is false for codings that are not understood. gzip is decoded
// although the reference's Spring variants refuse it (W-GZ-6).
func (c *call) contentCoding() (compressed, ok bool) {
	switch v := c.header("Content-Encoding"); {
	case v == "" || strings.EqualFold(v, "identity"):
		return false, true
	case strings.EqualFold(v, "gzip") || strings.EqualFold(v, "x-gzip"):
		return true, true
	}
	return false, false
}

// badBody answers for a body that could not be read to its end.
func (c *call) badBody(err error) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errTooLarge) || errors.As(err, &tooLarge):
		c.empty(http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.empty(http.StatusRequestTimeout)
	default:
		c.undecodable()
	}
}

// appendInflated appends what src holds compressed. The limit counts decompressed bytes: a small body can hold a bomb.
func appendInflated(b []byte, src io.Reader, limit int64) ([]byte, error) {
	zr, ok := inflate.Get().(*gzip.Reader)
	if !ok {
		zr = new(gzip.Reader)
	}
	defer inflate.Put(zr)
	if err := zr.Reset(src); err != nil {
		return b, err
	}
	return appendAll(b, zr, limit)
}

func appendAll(b []byte, src io.Reader, limit int64) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := src.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			return b, errTooLarge
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

// undecodable is the 400 for a body that cannot be read or parsed: fixed text, under the type that the request had
// (W-ERR-4).
func (c *call) undecodable() {
	h := c.w.Header()
	h["Content-Type"] = c.r.Header["Content-Type"]
	h["X-Content-Type-Options"] = noSniff
	c.body(http.StatusBadRequest, wire.AppendParseError(nil, c.header("Content-Type")))
}
