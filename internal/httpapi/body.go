package httpapi

import (
	"cmp"
	"errors"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

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

var (
	errTooLarge = errors.New("body too large") // as sent or decompressed
	errBusy     = errors.New("too many bytes of bodies at a time")
	errCoding   = errors.New("unknown content coding")
)

// readBody appends the request's body, decompressed, to b: the one way in which bodies come in. It never holds more than
// limit bytes, takes memory only as bytes arrive, whatever length the client announces, and what all calls hold together
// stays within Config.MaxHeldBytes. On failure it has answered.
func (c *call) readBody(b *buffer, limit int64) bool {
	if limit > 0 && c.Request.ContentLength > limit {
		c.badBody(errTooLarge)
		return false
	}
	src, err := c.openBody(limit)
	if err == nil {
		defer src.Close()
		err = c.appendAll(b, src, limit)
	}
	if err != nil {
		c.badBody(err)
		return false
	}
	return true
}

// openBody returns the request's body, decompressed. The limit counts compressed bytes, because a member can hold nothing;
// whoever reads counts the others, because a small body can hold a bomb.
func (c *call) openBody(limit int64) (io.ReadCloser, error) {
	switch compressed, ok := c.contentCoding(); {
	case !ok:
		return nil, errCoding
	case !compressed:
		return c.Request.Body, nil
	}
	zr, ok := inflate.Get().(*gzip.Reader)
	if !ok {
		zr = new(gzip.Reader)
	}
	if err := zr.Reset(&limitedReader{c.Request.Body, cmp.Or(max(limit, 0), math.MaxInt64)}); err != nil {
		inflate.Put(zr)
		return nil, err
	}
	return inflating{zr}, nil
}

// inflating is a pooled reader.
type inflating struct{ *gzip.Reader }

// Close gives the reader back.
func (r inflating) Close() error {
	inflate.Put(r.Reader)
	return nil
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
	switch {
	case errors.Is(err, errCoding):
		c.refuse(http.StatusUnsupportedMediaType, UnknownCoding)
	case errors.Is(err, errTooLarge):
		c.refuse(http.StatusRequestEntityTooLarge, TooLarge)
	case errors.Is(err, wire.ErrTooManyEntries):
		c.refuse(http.StatusRequestEntityTooLarge, TooManyEntries)
	case errors.Is(err, errBusy):
		c.refuse(http.StatusServiceUnavailable, Busy)
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.refuse(http.StatusRequestTimeout, TooSlow)
	default:
		if syntax, ok := errors.AsType[*wire.SyntaxError](err); ok {
			c.undecodable(syntax.Reason())
			return
		}
		c.undecodable(err.Error())
	}
}

// A limitedReader fails with errTooLarge behind its limit.
type limitedReader struct {
	src  io.Reader
	left int64
}

// Read implements io.Reader.
func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.src.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

// appendAll appends all of src to b, at most limit bytes.
func (c *call) appendAll(b *buffer, src io.Reader, limit int64) error {
	for {
		err := c.more(b, src)
		if limit > 0 && int64(len(b.B)) > limit {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// more appends what src has now to b. At the end it returns io.EOF, perhaps with the last bytes.
func (c *call) more(b *buffer, src io.Reader) error {
	if len(b.B) == cap(b.B) {
		if err := c.hold(2 * cap(b.B)); err != nil {
			return err
		}
		b.B = slices.Grow(b.B, cap(b.B))
	}
	n, err := src.Read(b.B[len(b.B):cap(b.B)])
	b.B = b.B[:len(b.B)+n]
	if c.held != nil {
		c.held.moved.Add(int64(n))
	}
	if len(b.B) > smallBody { // in a buffer that is large already
		if err := c.hold(cap(b.B)); err != nil {
			return err
		}
	}
	if err == io.EOF && c.held != nil {
		c.budget.done(c.held)
	}
	return err
}

// smallBody is up to where a body takes nothing from the budget: whoever holds that with a few slow giants must not keep
// usual registrations out. Connections bound what small ones take.
const smallBody = 64 << 10

// hold takes what a buffer of this size needs from the budget.
func (c *call) hold(size int) error {
	if size <= smallBody {
		return nil
	}
	if c.held == nil {
		c.held = &holding{began: time.Now(), stop: c.stopReading()}
	}
	if take := int64(size) - c.held.bytes; take > 0 && !c.budget.take(c.held, take) {
		return errBusy
	}
	return nil
}

// stopReading returns what makes the call's body end with a time-out.
func (c *call) stopReading() func() {
	conn := http.NewResponseController(c.w.ResponseWriter)
	return func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) } // where that is not supported, the body has its time
}

// holdAnswer takes what an answer needs from the budget that is this call's alone, until it has been written: clients may ask for
// much and read nothing. It reports false if there is not enough; any answer may have half of it.
func (c *call) holdAnswer(size int) bool {
	if size <= smallBody {
		return true
	}
	if c.out == nil {
		c.out = &holding{began: time.Now(), stop: c.stopWriting()}
	}
	need := int64(size)
	if most := c.bounds().HeldBytes; most > 0 {
		need = min(need, most/2)
	}
	need -= c.out.bytes
	return need <= 0 || c.budget.take(c.out, need) && (c.cfg.Room == nil || c.cfg.Room(need))
}

// stopWriting returns what ends the call's answer, and its connection.
func (c *call) stopWriting() func() {
	conn := http.NewResponseController(c.w.ResponseWriter)
	return func() { _ = conn.SetWriteDeadline(time.Unix(1, 0)) } // where that is not supported, the answer has its time
}

// Hold is for handlers beside the API that answer piece by piece: before a piece of size bytes is made it takes what that needs
// from the API's budget. It reports false if there is not enough. GiveBack follows when the piece has been written.
func Hold(w http.ResponseWriter, size int) bool {
	own, ok := w.(*response)
	if !ok || own.call.holdAnswer(size) {
		return true
	}
	own.reason = Busy
	return false
}

// GiveBack gives back what Hold took.
func GiveBack(w http.ResponseWriter) {
	if own, ok := w.(*response); ok {
		own.call.releaseOne(&own.call.out)
	}
}

// release gives the budget back what the call took of it.
func (c *call) release() {
	c.releaseOne(&c.held)
	c.releaseOne(&c.out)
}

func (c *call) releaseOne(h **holding) {
	if *h == nil {
		return
	}
	c.budget.release(*h)
	if c.cfg.Freed != nil {
		c.cfg.Freed((*h).bytes)
	}
	*h = nil
}

// maxReadOn is how much more than what is accepted is read of a body that has been refused before its end.
const maxReadOn = 1 << 20

// readOn lets a client send on for a while whose body has been refused early: one that is cut off at once sees a broken
// connection instead of the answer. A client that waits for 100 Continue sends nothing if it does not come.
func (c *call) readOn() {
	if c.w.status < http.StatusBadRequest || c.Request.ContentLength == 0 || c.Request.Header["Expect"] != nil {
		return
	}
	c.w.Flush()
	accepted := c.bounds().BodyBytes
	if c.Route.Resource == BatchResource {
		accepted = c.bounds().BatchBytes
	}
	_, _ = io.CopyN(io.Discard, c.Request.Body, accepted+maxReadOn)
}

// undecodable is the 400 for a body that cannot be read or parsed: the reference's text and why, under the type that the
// request had (W-ERR-4).
func (c *call) undecodable(why string) {
	c.because(Undecodable, why)
	c.unparsed(why)
}

func (c *call) unparsed(why string) {
	h := c.w.Header()
	h["Content-Type"] = c.Request.Header["Content-Type"]
	h["X-Content-Type-Options"] = noSniff
	c.body(http.StatusBadRequest, wire.AppendParseError(nil, c.header("Content-Type"), printable(why)))
}
