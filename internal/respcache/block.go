package respcache

import (
	"time"

	"heureka.internal/heureka/internal/wire"
)

// A block is the encoding of a group in one variant: what its leaves' pieces and the glue between them add up to. It
// makes joining a document cheap: after a change, one group of 64 leaves and the list of groups are visited.
type block struct {
	parts  [][]byte
	text   sum
	size   int64
	oldest time.Time // the oldest piece
}

func (b *block) add(s segment) {
	b.parts = append(b.parts, s.bytes)
	b.text = b.text.then(s.text)
	b.size += int64(len(s.bytes))
}

// joint returns the separator before piece p.
func (v variant) joint(before, after *leaf, p *piece) segment {
	if before.last().App() == after.first().App() {
		return separators[v]
	}
	return p.next
}

// An encoder writes one document of one variant.
type encoder struct {
	*settings
	variant variant
	now     time.Time
	stale   time.Time // pieces of that time or before should be made anew,
	refresh int       // but no more of them than this: others do for now
	short   bool      // there was no room for a piece: the document is not whole
}

// block returns the encoding of g, making what is missing.
func (e *encoder) block(g *group) *block {
	b := g.blocks[e.variant].Load()
	if b != nil && (e.refresh == 0 || b.oldest.After(e.stale)) {
		return b
	}
	b = &block{parts: make([][]byte, 0, 2*len(g.leaves)), oldest: e.now}
	for i, l := range g.leaves {
		p := e.piece(l)
		if i > 0 {
			b.add(e.variant.joint(g.leaves[i-1], l, p))
		}
		b.add(p.body)
		if p.at.Before(b.oldest) {
			b.oldest = p.at
		}
	}
	if !e.short {
		g.blocks[e.variant].Store(b)
	}
	return b
}

// piece returns the encoding of l, made now if there is none or it is stale.
func (e *encoder) piece(l *leaf) *piece {
	p := l.pieces[e.variant].Load()
	switch {
	case p == nil:
	case e.refresh > 0 && !p.at.After(e.stale):
		e.refresh--
	default:
		return p
	}
	if !e.short && e.mayEncode(l.weight) {
		p = e.variant.encode(l, e.now, false)
	}
	if e.short = e.short || p == nil || !e.mayKeep(len(p.body.bytes)); e.short {
		return &piece{at: e.now}
	}
	l.pieces[e.variant].Store(p)
	return p
}

// document joins the blocks of t to an answer. oldest is the time of its oldest piece.
func (e *encoder) document(t *tree, version int64, hash string) (a *Answer, oldest time.Time) {
	f := e.variant.form()
	a = &Answer{Format: f.Format, Gzip: true, chunks: make([]chunk, 0, len(t.groups))}
	text := a.begin(glue(appendDocHead(nil, f, t, version, hash)))
	oldest = e.now
	for i, g := range t.groups {
		c := chunk{block: e.block(g)}
		if i > 0 {
			c.glue = e.between(t.groups[i-1], g)
		}
		a.chunks = append(a.chunks, c)
		a.Length += int64(len(c.glue.bytes)) + c.block.size
		text = text.then(c.glue.text).then(c.block.text)
		if c.block.oldest.Before(oldest) {
			oldest = c.block.oldest
		}
	}
	a.end(glue(appendDocTail(nil, f, t, version, hash)), text)
	return a, oldest
}

// between returns what stands between two groups.
func (e *encoder) between(before, after *group) segment {
	l := after.leaves[0]
	return e.variant.joint(before.leaves[len(before.leaves)-1], l, e.piece(l))
}

// appendDocHead begins a document and its first application.
func appendDocHead(b []byte, f wire.Form, t *tree, version int64, hash string) []byte {
	b = f.AppendDocHead(b, version, hash)
	if len(t.groups) > 0 {
		b = f.AppendAppHead(b, t.groups[0].leaves[0].first().App())
	}
	return b
}

// appendDocTail ends its last application and the document.
func appendDocTail(b []byte, f wire.Form, t *tree, version int64, hash string) []byte {
	if len(t.groups) > 0 {
		b = f.AppendAppTail(b)
	}
	return f.AppendDocTail(b, version, hash)
}
