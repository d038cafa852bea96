package respcache

import (
	"io"
	"sync"
	"sync/atomic"

	"heureka.internal/heureka/internal/wire"
)

// An Answer is an encoded document. What it says is immutable, and may be written many times, by many goroutines at once.
type Answer struct {
	Format wire.Format
	Gzip   bool
	ETag   string // quoted, strong
	Length int64  // in bytes, as sent

	head   []byte
	chunks []chunk
	tail   []byte
	text   int64 // length of a compressed document once it is inflated

	asked atomic.Int32           // how often, up to joinAfter
	whole atomic.Pointer[[]byte] // see joined
	room  func(bytes int) bool   // for whole; nil: it is not to be joined

	packed *Answer // of a plain document of the whole registry: the compressed one, which is kept in its stead
}

// A chunk is a block with the glue in front of it.
type chunk struct {
	glue  segment
	block *block
}

// NewAnswer returns the answer of a body that is not compressed and that nobody changes any more.
func NewAnswer(f wire.Format, etag string, body []byte) *Answer {
	return &Answer{Format: f, ETag: etag, Length: int64(len(body)), head: body}
}

// begin sets what comes before the chunks. It returns the sum of the text so far.
func (a *Answer) begin(s segment) sum {
	a.head = append([]byte(gzipHeader), s.bytes...)
	a.Length = int64(len(a.head))
	return s.text
}

// end sets what comes after the chunks; text is the sum of what comes before.
func (a *Answer) end(s segment, text sum) {
	text = text.then(s.text)
	a.tail = appendTrailer(s.bytes, text)
	a.Length += int64(len(a.tail))
	a.text = text.n
}

// WriteTo writes the whole document to w.
func (a *Answer) WriteTo(w io.Writer) (int64, error) {
	if a.packed != nil {
		return a.inflateTo(w)
	}
	if len(a.chunks) == 0 && len(a.tail) == 0 {
		n, err := w.Write(a.head)
		return int64(n), err
	}
	b := a.Body()
	defer b.Close()
	return b.WriteTo(w)
}

// A gatherer makes few large writes of many small parts. That costs a copy and saves a system call for each part: a
// chunk is some 10 kB compressed, and the glue in front of it a few bytes. Over loopback, steps of 128 KiB are a third
// cheaper than those of 32 KiB, and larger ones no better.
type gatherer struct {
	w   io.Writer
	buf []byte
	n   int64
	err error // the first one; nothing is written after it
}

const gatherSize = 128 << 10

var gatherers = sync.Pool{New: func() any { return &gatherer{buf: make([]byte, 0, gatherSize)} }}

func (g *gatherer) release() {
	*g = gatherer{buf: g.buf[:0]}
	gatherers.Put(g)
}

// Write is write for those who want an io.Writer.
func (g *gatherer) Write(p []byte) (int, error) {
	g.write(p)
	return len(p), g.err
}

func (g *gatherer) write(p []byte) {
	for len(p) > 0 {
		if len(g.buf) == 0 && len(p) >= gatherSize {
			g.send(p)
			return
		}
		n := min(len(p), gatherSize-len(g.buf))
		g.buf = append(g.buf, p[:n]...)
		if p = p[n:]; len(g.buf) == gatherSize {
			g.flush()
		}
	}
}

func (g *gatherer) flush() {
	g.send(g.buf)
	g.buf = g.buf[:0]
}

func (g *gatherer) send(p []byte) {
	if g.err != nil || len(p) == 0 {
		return
	}
	n, err := g.w.Write(p)
	g.n, g.err = g.n+int64(n), err
}

// footprint estimates the memory that keeping a costs. Blocks are kept by the registry's documents anyway.
func (a *Answer) footprint() int64 {
	if a == nil {
		return 0
	}
	const perChunk = 48
	n := int64(len(a.head) + len(a.tail) + perChunk*len(a.chunks))
	if whole := a.whole.Load(); whole != nil {
		n += int64(len(*whole))
	}
	return n
}
