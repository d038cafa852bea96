package packed

import "bytes"

// A Buffer collects the strings of one record, which then cost a single allocation. The zero value is empty.
type Buffer struct {
	Bytes []byte
	last  int // where the last string begins
}

// A Span is a string in a Buffer.
type Span struct{ From, To int }

// Of returns the string, of the text that the buffer's bytes have become.
func (p Span) Of(text string) string { return text[p.From:p.To] }

// Reset forgets all strings and keeps the memory.
func (t *Buffer) Reset() { t.Bytes, t.last = t.Bytes[:0], 0 }

// shareLimit bounds the search for an earlier occurrence, which would be quadratic in huge records. Ordinary records
// hold 300 to 600 bytes of text.
const shareLimit = 1024

// Add adds a string, or finds it in what is already there: host names recur in ids and URLs, VIPs in secure VIPs.
func (t *Buffer) Add(b []byte) Span {
	n := len(t.Bytes)
	t.Bytes = append(t.Bytes, b...)
	return t.Settle(n)
}

// AddString is Add for a string.
func (t *Buffer) AddString(s string) Span {
	n := len(t.Bytes)
	t.Bytes = append(t.Bytes, s...)
	return t.Settle(n)
}

// Settle lets the string from n on, which has been appended to Bytes, share bytes with earlier ones.
func (t *Buffer) Settle(n int) Span {
	if n > shareLimit || n == len(t.Bytes) {
		t.last = n
		return Span{n, len(t.Bytes)}
	}
	tail := t.Bytes[n:]
	if i := bytes.Index(t.Bytes[:n], tail); i >= 0 {
		t.Bytes = t.Bytes[:n]
		return Span{i, i + len(tail)}
	}
	if t.last < n && bytes.HasPrefix(tail, t.Bytes[t.last:n]) { // a home page URL before a status page URL
		t.Bytes = append(t.Bytes[:t.last], tail...)
		return Span{t.last, len(t.Bytes)}
	}
	t.last = n
	return Span{n, len(t.Bytes)}
}
