package respcache

import (
	"sync"
	"time"

	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// A variant is one way to write the documents of the whole registry. They are kept compressed only; whoever wants one
// plain has it inflated while it is sent.
type variant uint8

// variants counts them: two formats, two details.
const variants = 4

func variantOf(f wire.Form) variant { return variant(f.Format&1) | variant(f.Detail&1)<<1 }

func (v variant) form() wire.Form {
	return wire.Form{Format: wire.Format(v & 1), Detail: wire.Detail(v >> 1 & 1)}
}

// A segment is a stretch of a document, compressed, with the sum of its text.
type segment struct {
	bytes []byte
	text  sum
}

// glue makes a segment of a few bytes of text between chunks.
func glue(text []byte) segment { return segment{bytes: appendStored(nil, text), text: sumOf(text)} }

// separators holds what stands between two chunks in the middle of an application.
var separators = func() (s [variants]segment) {
	for v := range variant(variants) {
		s[v] = glue([]byte(v.form().Separator()))
	}
	return s
}()

// A piece is the encoding of a leaf in one variant. Its body begins behind the head of the leaf's first application and
// ends before the tail of its last, so that it does not depend on what is next to it: an application may go on across
// any number of leaves.
type piece struct {
	next     segment // ends the application before, begins the first of the leaf
	body     segment
	at       time.Time // when it was encoded: leases are as old as that
	thorough bool      // compressed as well as we can
}

// texts keeps buffers for text on its way to a compressor.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// keepText is the capacity above which a buffer is left to the garbage collector.
const keepText = 4 << 20

// encode makes the piece of l. It reads each lease as it is at this moment.
func (v variant) encode(l *leaf, now time.Time, thorough bool) *piece {
	buf := texts.Get().(*[]byte)
	text := appendRecords((*buf)[:0], v.form(), l.records)
	p := &piece{at: now, thorough: thorough}
	p.next = glue(appendNext(nil, v.form(), l.first().App()))
	level := quickLevel
	if thorough {
		level = thoroughLevel
	}
	p.body = segment{bytes: deflate(text, level), text: sumOf(text)}
	if *buf = text; cap(text) <= keepText {
		texts.Put(buf)
	}
	return p
}

// appendRecords appends records from behind the head of the first one's application to before the tail of the last one's.
func appendRecords(b []byte, f wire.Form, records []registry.Record) []byte {
	app := records[0].App()
	for i, r := range records {
		in, lease := r.Shown()
		if in.App != app {
			app = in.App
			b = appendNext(b, f, app)
		} else if i > 0 {
			b = append(b, f.Separator()...)
		}
		b = f.AppendInstance(b, in, lease)
	}
	return b
}

// appendNext ends an application and begins the next one.
func appendNext(b []byte, f wire.Form, app string) []byte {
	b = f.AppendAppTail(b)
	b = append(b, f.Separator()...)
	return f.AppendAppHead(b, app)
}
