package wire

import (
	"bytes"
	"io"

	"heureka.internal/heureka"
)

const (
	windowSize  = 64 << 10
	maxHeld     = 16 << 20 // of an instance or a text in a document that is read while it arrives
	maxNameless = 10_000   // instances that wait for the name of their application
)

// EachInstance reads an applications document in JSON while it arrives and gives each instance to use, in bounded memory however
// long the document is. It is as lenient as DecodeApplications, which leaves out and refuses the same; an instance of more than
// 16 MiB is left out. A broken end is an error after what has come before it, and what stands in a member that occurs twice comes
// twice. An error of from is returned as it is.
func EachInstance(from io.Reader, use func(in *heureka.Instance)) error {
	return eachInstance(from, windowSize, use)
}

func eachInstance(from io.Reader, size int, use func(in *heureka.Instance)) error {
	w := &window{from: from, size: size}
	d := &documentReader{scanner: scanner{lenient: true, window: w}, use: use}
	for len(d.data) < len(byteOrderMark) && d.more() {
	}
	d.skipMark()
	err := d.root("applications", func() { d.applications(new(heureka.Applications)) })
	if w.err != nil && w.err != io.EOF {
		return w.err
	}
	return err
}

// A window moves over a body as it is read.
type window struct {
	from   io.Reader
	size   int
	passed int64 // bytes before data
	err    error // with which from ended
}

func (w *window) offset() int64 {
	if w == nil {
		return 0
	}
	return w.passed
}

// more gets more of the body into data, if there is more. Slices of data stay as they are, positions in it do not.
func (s *scanner) more() bool {
	w := s.window
	if w == nil || w.err != nil || s.err != nil {
		return false
	}
	if len(s.data) == cap(s.data) {
		rest := s.data[s.pos:]
		s.data = append(make([]byte, 0, max(w.size, min(2*len(rest), maxHeld+w.size))), rest...)
		w.passed, s.pos = w.passed+int64(s.pos), 0
	}
	n, err := io.ReadAtLeast(w.from, s.data[len(s.data):cap(s.data)], 1)
	s.data, w.err = s.data[:len(s.data)+n], err
	return n > 0
}

// hold gets the value that comes next into data, or what there is of it.
func (s *scanner) hold() {
	if s.window != nil {
		s.peek()
		s.holdValue()
	}
}

// holdValue returns where the value ends that begins at pos, by its brackets and quotes alone: what is in them is for those to
// judge who read it.
func (s *scanner) holdValue() (end int) {
	depth, quoted := 0, false
	for i := s.pos; ; i++ {
		for i >= len(s.data) {
			if s.window != nil && i-s.pos > maxHeld {
				s.fail("value too large")
				return len(s.data)
			}
			before := s.pos
			if !s.more() {
				return len(s.data)
			}
			i -= before - s.pos
		}
		switch c := s.data[i]; {
		case c == '"':
			quoted = !quoted
		case quoted:
			i += pastText(s.data[i:])
			continue
		case c == '{' || c == '[':
			depth++
		case depth == 0 && (c <= ' ' || c == ',' || c == ':' || c == '}' || c == ']'):
			return i // after a number or a word
		case c == '}' || c == ']':
			depth--
		default:
			continue
		}
		if depth == 0 && !quoted {
			return i + 1
		}
	}
}

// pastText returns how far it is to the byte before the next quote, or to the one that is escaped before that.
func pastText(b []byte) int {
	end := bytes.IndexByte(b, '"')
	if end < 0 {
		end = len(b)
	}
	if escape := bytes.IndexByte(b[:end], '\\'); escape >= 0 {
		return escape + 1
	}
	return end - 1
}
