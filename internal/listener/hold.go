package listener

import (
	"net"
	"net/http"
	"sync"
)

// maxHeld is the longest header that is held. net/http writes the header of an answer in one piece if it fits in there.
const maxHeld = 4 << 10

// What is held is used again: a large answer costs no memory of its own.
type held struct {
	head  []byte
	parts net.Buffers // room for the head and the parts behind it
}

var holds = sync.Pool{New: func() any { return &held{head: make([]byte, 0, maxHeld)} }}

// Hold keeps back the header of the answer to r until something follows it: both leave in one system call then, and wake
// their reader once. Whoever answers calls release when the answer is written. Hold does nothing to connections of other
// listeners, nor to those whose writers are not their handlers: HTTP/2 and TLS.
func Hold(r *http.Request) (release func()) {
	c := FromContext(r.Context())
	if c == nil || r.TLS != nil || r.ProtoMajor != 1 {
		return func() {}
	}
	c.held = holds.Get().(*held)
	return c.letGo
}

// letGo writes what nothing has followed.
func (c *Conn) letGo() {
	h := c.held
	c.held = nil
	if len(h.head) > 0 {
		_, _ = c.write(h.head) // an error shows in the write that follows
	}
	h.head = h.head[:0]
	holds.Put(h)
}

// keep reports whether p is held back.
func (c *Conn) keep(p []byte) bool {
	h := c.held
	if h == nil || len(h.head) > 0 || len(p) > maxHeld {
		return false
	}
	h.head = append(h.head, p...)
	return true
}

// writeHeld writes the head, which something follows that is not in parts.
func (c *Conn) writeHeld() error {
	if c.held == nil || len(c.held.head) == 0 {
		return nil
	}
	_, err := c.write(c.held.head)
	c.held.head = c.held.head[:0]
	return err
}

// writeParts sends what is held, and the parts. It counts the parts.
func (c *Conn) writeParts(parts net.Buffers) (int64, error) {
	if c.held == nil || len(c.held.head) == 0 {
		return c.writeAll(parts)
	}
	h := c.held
	all := append(append(h.parts[:0], h.head), parts...)
	n, err := c.writeAll(all)
	n -= int64(len(h.head))
	clear(all)
	h.head, h.parts = h.head[:0], all
	return max(n, 0), err
}
