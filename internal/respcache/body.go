package respcache

import (
	"io"
	"slices"
	"sync"
)

// A Body reads an Answer once. A connection that can send several pieces in one system call takes the pieces themselves;
// everybody else reads them, or lets WriteTo write them in large steps.
type Body struct {
	parts [][]byte // what is left
	all   [][]byte // the same array from its beginning, to be used again
}

var bodies = sync.Pool{New: func() any { return new(Body) }}

// Body returns a compressed document to be sent, and nil for others, which have no parts. Close it afterwards.
func (a *Answer) Body() *Body {
	if !a.Gzip {
		return nil
	}
	b := bodies.Get().(*Body)
	if whole := a.joined(); whole != nil {
		b.parts = append(b.all[:0], whole)
	} else {
		b.parts = a.appendParts(b.all[:0])
	}
	b.all = b.parts
	return b
}

func (a *Answer) appendParts(parts [][]byte) [][]byte {
	parts = append(parts, a.head)
	for _, c := range a.chunks {
		parts = append(parts, c.glue.bytes)
		parts = append(parts, c.block.parts...)
	}
	return append(parts, a.tail)
}

// A document of the whole registry that is asked for joinAfter times is worth a copy, if it is not longer than maxJoined: the system
// takes a tenth longer for a hundred pieces than for one. Pieces are shared with the answers before and after it.
const (
	joinAfter = 8
	maxJoined = 4 << 20
)

// joined returns the document as one piece; nil if it is not in demand, too long, or there is no room.
func (a *Answer) joined() []byte {
	if a.asked.Load() < joinAfter && a.asked.Add(1) == joinAfter && a.Length <= maxJoined && a.room != nil && a.room(int(a.Length)) {
		whole := slices.Concat(a.appendParts(nil)...)
		a.whole.Store(&whole)
	}
	if whole := a.whole.Load(); whole != nil {
		return *whole
	}
	return nil
}

// skip leaves out the next n bytes, which are in the first part.
func (b *Body) skip(n int) { b.parts[0] = b.parts[0][n:] }

// Close lets the memory that holds the list be used again.
func (b *Body) Close() {
	clear(b.all)
	b.all, b.parts = b.all[:0], nil
	bodies.Put(b)
}

// Read copies some of what is left.
func (b *Body) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && len(b.parts) > 0 {
		m := copy(p[n:], b.parts[0])
		n += m
		if b.parts[0] = b.parts[0][m:]; len(b.parts[0]) == 0 {
			b.parts = b.parts[1:]
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Take returns what is left, as it is.
func (b *Body) Take() [][]byte {
	left := b.parts
	b.parts = nil
	return left
}

// WriteTo writes what is left to w, in steps of 128 KiB or more except for the last.
func (b *Body) WriteTo(w io.Writer) (int64, error) {
	g := gatherers.Get().(*gatherer)
	defer g.release()
	g.w = w
	for _, p := range b.Take() {
		g.write(p)
	}
	g.flush()
	return g.n, g.err
}
