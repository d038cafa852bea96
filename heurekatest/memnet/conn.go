package memnet

import (
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	window  = 256 << 10 // bytes that may be under way or unread in one direction before writing blocks
	maxData = 16 << 10  // bytes in one packet
)

// endKind says how a stream ends for its reader.
type endKind uint8

const (
	endNone   endKind = iota
	endHalf           // CloseWrite: the writer still reads
	endClosed         // Close: writing back breaks
	endReset          // reading and writing break
)

// packet is data on its way; a zero arrival means that a dropping link holds it.
type packet struct {
	data []byte
	at   time.Time
}

// stream is one direction of a connection, guarded by the network's mutex.
type stream struct {
	pair  *pair
	link  *link
	queue []packet
	size  int       // bytes in queue
	last  time.Time // latest arrival: nothing overtakes
	end   endKind
	endAt time.Time   // zero while the link holds it
	timer *time.Timer // wakes the reader for the next arrival
}

// pair is a connection as a whole. Its four possible waiters, a reader and a writer at each end, share one condition.
type pair struct {
	net    *Network
	moved  sync.Cond
	a, b   *stream // there and back
	closed int     // ends that have been closed
}

// newPair returns both ends of a new connection.
func newPair(from, to *Host, fromAddr, toAddr addr) (near, far *conn) {
	n := from.net
	p := &pair{net: n}
	p.moved.L = &n.mu
	p.a = p.stream(n.link(from, to))
	p.b = p.stream(n.link(to, from))
	near = &conn{host: from, pair: p, local: fromAddr, remote: addr{to.name, toAddr.port}, out: p.a, in: p.b}
	far = &conn{host: to, pair: p, local: toAddr, remote: fromAddr, out: p.b, in: p.a}
	from.conns[near] = struct{}{}
	to.conns[far] = struct{}{}
	return near, far
}

func (p *pair) stream(l *link) *stream {
	s := &stream{pair: p, link: l}
	l.streams[s] = struct{}{}
	return s
}

// wake is called by timers, without the lock.
func (p *pair) wake() {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.moved.Broadcast()
}

// reset breaks both directions at once. What is under way is lost.
func (p *pair) reset(now time.Time) {
	for _, s := range []*stream{p.a, p.b} {
		s.queue = slices.DeleteFunc(s.queue, func(k packet) bool { return !arrived(k.at, now) })
		s.end, s.endAt = endReset, now
	}
	p.moved.Broadcast()
}

// release forgets a connection that both ends have closed and that has nothing left to deliver to anybody.
func (p *pair) release() {
	if p.closed++; p.closed == 2 {
		delete(p.a.link.streams, p.a)
		delete(p.b.link.streams, p.b)
	}
}

// schedule returns the arrival of n bytes sent now, zero if the link drops.
func (s *stream) schedule(now time.Time, n int) time.Time {
	if s.link.Drop {
		return time.Time{}
	}
	s.last = later(s.link.arrival(now, n), s.last)
	return s.last
}

func (s *stream) send(data []byte, now time.Time) {
	s.link.traffic.Bytes += int64(len(data))
	s.queue = append(s.queue, packet{append([]byte(nil), data...), s.schedule(now, len(data))})
	s.size += len(data)
	s.pair.moved.Broadcast()
}

// sendEnd lets the stream end after everything sent before. A stronger end replaces a weaker one.
func (s *stream) sendEnd(kind endKind, now time.Time) {
	if kind <= s.end {
		return
	}
	s.end, s.endAt = kind, s.schedule(now, 0)
	s.announceEnd(now)
}

// announceEnd wakes both ends when the end arrives: a blocked writer at the other end waits for it too.
func (s *stream) announceEnd(now time.Time) {
	if s.endAt.After(now) {
		time.AfterFunc(s.endAt.Sub(now), s.pair.wake)
	}
	s.pair.moved.Broadcast()
}

// reschedule applies a change of the link to everything that has not arrived yet.
func (l *link) reschedule(now time.Time) {
	for s := range l.streams {
		s.last = time.Time{}
		for i := range s.queue {
			if p := &s.queue[i]; p.at.IsZero() || p.at.After(now) {
				p.at = s.schedule(now, len(p.data))
			}
		}
		if s.end != endNone && (s.endAt.IsZero() || s.endAt.After(now)) {
			s.endAt = s.schedule(now, 0)
			s.announceEnd(now)
		}
		s.pair.moved.Broadcast()
	}
}

// ended returns how the stream has ended as far as its reader can know.
func (s *stream) ended(now time.Time) endKind {
	if s.endAt.IsZero() || s.endAt.After(now) {
		return endNone
	}
	return s.end
}

// read copies what has arrived. It returns 0 and no error if that is nothing.
func (s *stream) read(p []byte, now time.Time) (n int, err error) {
	for len(s.queue) > 0 && n < len(p) && arrived(s.queue[0].at, now) {
		head := &s.queue[0]
		k := copy(p[n:], head.data)
		n += k
		head.data = head.data[k:]
		if len(head.data) == 0 {
			s.queue[0] = packet{}
			s.queue = s.queue[1:]
		}
	}
	if s.size -= n; n > 0 || len(s.queue) > 0 {
		return n, nil
	}
	switch s.ended(now) {
	case endNone:
		return 0, nil
	case endReset:
		return 0, os.NewSyscallError("read", syscall.ECONNRESET)
	default:
		return 0, io.EOF
	}
}

func arrived(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// arm makes the reader wake up when the first packet arrives.
func (s *stream) arm(now time.Time) {
	if len(s.queue) == 0 || s.queue[0].at.IsZero() {
		return
	}
	wait := s.queue[0].at.Sub(now)
	if s.timer == nil {
		s.timer = time.AfterFunc(wait, s.pair.wake)
		return
	}
	s.timer.Reset(wait)
}

// conn is one end of a connection. It implements net.Conn and CloseWrite, guarded by the network's mutex.
type conn struct {
	host            *Host
	pair            *pair
	local, remote   addr
	in, out         *stream
	closed          bool
	readBy, writeBy deadline
}

// Read returns what has arrived, waiting for at least one byte.
func (c *conn) Read(p []byte) (int, error) {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	for {
		now := time.Now()
		if err := c.usable(&c.readBy, now); err != nil {
			return 0, c.error("read", err)
		}
		n, err := c.in.read(p, now)
		if n > 0 || len(p) == 0 {
			c.pair.moved.Broadcast() // the writer has room again
			return n, nil
		}
		if err == io.EOF {
			return 0, err
		}
		if err != nil {
			return 0, c.error("read", err)
		}
		c.in.arm(now)
		c.pair.moved.Wait()
	}
}

// Write hands p to the link, waiting while too much is under way.
func (c *conn) Write(p []byte) (n int, err error) {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	for {
		now := time.Now()
		if err := c.writable(now); err != nil {
			return n, c.error("write", err)
		}
		if c.out.link.breaks() {
			c.pair.reset(now)
			continue
		}
		for n < len(p) && c.out.size < window {
			k := min(len(p)-n, maxData)
			c.out.send(p[n:n+k], now)
			n += k
		}
		if n == len(p) {
			return n, nil
		}
		c.pair.moved.Wait()
	}
}

// usable says why an end of its own doing, or a deadline, keeps the connection from working.
func (c *conn) usable(d *deadline, now time.Time) error {
	if c.closed {
		return net.ErrClosed
	}
	if d.passed(now) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

func (c *conn) writable(now time.Time) error {
	if err := c.usable(&c.writeBy, now); err != nil {
		return err
	}
	switch c.in.ended(now) {
	case endReset:
		return os.NewSyscallError("write", syscall.ECONNRESET)
	case endClosed:
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	if c.out.end != endNone {
		return os.NewSyscallError("write", syscall.EPIPE)
	}
	return nil
}

// Close ends the connection; what was written before still arrives.
func (c *conn) Close() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return c.error("close", net.ErrClosed)
	}
	c.shut(endClosed, time.Now())
	return nil
}

// CloseWrite tells the other end that nothing more comes. Reading goes on.
func (c *conn) CloseWrite() error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return c.error("close", net.ErrClosed)
	}
	c.out.sendEnd(endHalf, time.Now())
	return nil
}

// abort is what the operating system does with the connections of a process that died.
func (c *conn) abort(now time.Time) {
	if !c.closed {
		c.shut(endReset, now)
	}
}

func (c *conn) shut(kind endKind, now time.Time) {
	c.closed = true
	c.readBy.stop()
	c.writeBy.stop()
	delete(c.host.conns, c)
	c.out.sendEnd(kind, now)
	c.pair.moved.Broadcast()
	c.pair.release()
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy, &c.writeBy) }

func (c *conn) SetReadDeadline(t time.Time) error { return c.setDeadlines(t, &c.readBy) }

func (c *conn) SetWriteDeadline(t time.Time) error { return c.setDeadlines(t, &c.writeBy) }

func (c *conn) setDeadlines(t time.Time, ds ...*deadline) error {
	c.host.net.mu.Lock()
	defer c.host.net.mu.Unlock()
	if c.closed {
		return c.error("set", net.ErrClosed)
	}
	for _, d := range ds {
		d.set(t, c.pair.wake)
	}
	c.pair.moved.Broadcast()
	return nil
}

func (c *conn) error(op string, err error) error { return opError(op, c.local, c.remote, err) }

// deadline is a moment after which reading or writing fails; zero means never.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) set(t time.Time, wake func()) {
	d.stop()
	d.at, d.timer = t, nil
	if wait := time.Until(t); !t.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, wake)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

func (d *deadline) passed(now time.Time) bool { return !d.at.IsZero() && !now.Before(d.at) }
