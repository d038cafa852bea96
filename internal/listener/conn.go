package listener

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A Parts is a body in several pieces, which nobody changes while it is sent. A Conn that reads from it sends the pieces
// as they are.
type Parts interface {
	io.Reader
	// Take returns what has not been read yet, in a slice that the caller may change. Read returns io.EOF after it.
	Take() [][]byte
}

// step is after how many bytes progress is noted, for those who wait for it.
const step = 256 << 10

// A Conn is one connection. Like any net.Conn, it is safe for concurrent use.
type Conn struct {
	net.Conn
	ln *Listener

	idleSince atomic.Int64 // nanoseconds since the epoch; 0: a request is under way
	progress  atomic.Int64 // when the peer took something last, likewise
	deadline  atomic.Int64 // of writes, likewise
	marked    atomic.Int64 // by whoever serves it, likewise
	cut       atomic.Bool  // nothing more is to be written
	closed    sync.Once

	held *held // what Hold keeps back; whoever writes owns it

	head  atomic.Int64 // bytes that came before the request was known
	known atomic.Bool  // it is

	first  [1]byte // what was read to see whether it is TLS
	peeked bool    // Read has not returned it yet; whoever reads owns both
}

func newConn(raw net.Conn, l *Listener) *Conn {
	now := time.Now().UnixNano()
	c := &Conn{Conn: raw, ln: l}
	c.idleSince.Store(now)
	c.progress.Store(now)
	limitUnsent(raw, l.cfg.Unsent, l.cfg.Stall)
	return c
}

// Mark notes a moment for whoever serves the connection.
func (c *Conn) Mark(at time.Time) { c.marked.Store(at.UnixNano()) }

// Marked returns the last moment that was noted; the epoch if none was.
func (c *Conn) Marked() time.Time { return time.Unix(0, c.marked.Load()) }

// Progress returns when the peer last took a part of an answer.
func (c *Conn) Progress() time.Time { return time.Unix(0, c.progress.Load()) }

// Write sends p for as long as the peer takes something of it now and then.
func (c *Conn) Write(p []byte) (int, error) {
	if c.keep(p) {
		return len(p), nil
	}
	if err := c.writeHeld(); err != nil {
		return 0, err
	}
	return c.write(p)
}

func (c *Conn) write(p []byte) (int, error) {
	var n int
	for {
		c.extend()
		m, err := c.Conn.Write(p[n:min(n+step, len(p))])
		if n += m; n == len(p) || c.failed(m, err) {
			return n, err
		}
	}
}

// ReadFrom sends all of r, without a copy if it is a Parts. net/http calls it for a handler that calls ReadFrom of its
// http.ResponseWriter.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	if parts, ok := r.(Parts); ok {
		return c.writeParts(parts.Take())
	}
	return io.Copy(writerOnly{c}, r)
}

// writerOnly hides ReadFrom from io.Copy.
type writerOnly struct{ io.Writer }

func (c *Conn) writeAll(parts net.Buffers) (int64, error) {
	var n int64
	for len(parts) > 0 {
		c.extend()
		group := parts[:groupLen(parts)]
		whole := len(group)
		m, err := group.WriteTo(c.Conn) // writev; it takes what it has written off the group
		parts = parts[whole-len(group):]
		if n += m; c.failed(int(m), err) {
			return n, err
		}
	}
	return n, nil
}

// failed reports whether a write that moved n bytes has failed for good. If the deadline came, but some bytes went
// before, the peer is slow and not gone.
func (c *Conn) failed(n int, err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err != nil
	}
	if c.cut.Load() {
		return true
	}
	if n > 0 {
		return false
	}
	c.ln.stalled.Add(1)
	return true
}

// groupLen returns how many of the parts, at least one, make a step.
func groupLen(parts net.Buffers) int {
	size := 0
	for i, p := range parts {
		if size += len(p); size >= step {
			return i + 1
		}
	}
	return len(parts)
}

// extend notes progress and gives the peer time to take more: at least three quarters of Config.Stall. Setting a deadline
// costs more than the write of a short answer, so it is not set each time.
func (c *Conn) extend() {
	now, stall := time.Now(), c.ln.cfg.Stall
	c.progress.Store(now.UnixNano())
	if c.deadline.Load()-now.UnixNano() < int64(stall-stall/4) {
		c.deadline.Store(now.Add(stall).UnixNano())
		_ = c.Conn.SetWriteDeadline(now.Add(stall)) // an error shows in the write that follows
		if c.cut.Load() {                           // meanwhile
			_ = c.SetWriteDeadline(past)
		}
	}
}

// SetDeadline leaves the deadline of writes alone: it depends on progress.
func (c *Conn) SetDeadline(t time.Time) error { return c.Conn.SetReadDeadline(t) }

// past is a deadline that is over.
var past = time.Unix(1, 0)

// SetWriteDeadline with a moment that is over ends what is being written, and all that would follow. It does nothing with any
// other.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() || t.After(time.Now()) {
		return nil
	}
	c.cut.Store(true)
	return c.Conn.SetWriteDeadline(past)
}

// Close closes the connection and makes room for another one.
func (c *Conn) Close() error {
	c.closed.Do(func() { c.ln.forget(c); c.giveHead() })
	return c.Conn.Close()
}

// CloseWrite is what net/http uses to end an answer before the request was read.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
