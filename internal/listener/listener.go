// Package listener accepts a server's connections and bounds what each of them may cost: how many there are, how long one
// lives without its peer taking a byte, and how much the kernel keeps for a peer that does not read. Its connections send
// a body that is kept in parts without copying the parts together. What is sent, and which requests are admitted, is left
// to others.
package listener

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Config says what connections may cost. Every field must be set but the last two.
type Config struct {
	MaxConnections int                 // open at once; beyond that the longest idle one is closed, or the new one refused
	IdleGrace      time.Duration       // an idle connection is not closed for another one before it has been idle for so long
	Stall          time.Duration       // a connection whose peer has taken no byte of an answer for so long is closed
	Unsent         int                 // bytes of an answer that the kernel keeps for a peer that does not read, at most
	HeaderBytes    int64               // of headers beyond 4 KiB each, of all requests under way together; 0: no bound
	Room           func(open int) bool // is there memory for another connection? nil: always
}

func (c Config) validate() error {
	var errs []error
	for name, ok := range map[string]bool{
		"connections": c.MaxConnections > 0, "idle grace": c.IdleGrace >= 0, "stall": c.Stall > 0, "unsent bytes": c.Unsent > 0,
	} {
		if !ok {
			errs = append(errs, errors.New("listener: "+name+" must be positive"))
		}
	}
	return errors.Join(errs...)
}

// Stats are counters since the start, and how many connections are open now.
type Stats struct {
	Open, Max  int
	Accepted   int64
	Refused    int64 // closed at once: all others were in use, or there was no memory for them, or for a large header
	ClosedIdle int64 // closed to make room
	Stalled    int64 // closed because the peer took nothing
}

// A Listener hands out connections of type *Conn. Its methods are safe for concurrent use.
type Listener struct {
	net.Listener
	cfg Config

	accepted, refused, closedIdle, stalled atomic.Int64
	heads                                  atomic.Int64 // bytes of headers, as in Config

	mu    sync.Mutex
	conns map[*Conn]struct{}
}

// New wraps ln. The HTTP server that uses it needs Listener.ConnState and ConnContext in its fields of these names.
func New(ln net.Listener, cfg Config) (*Listener, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Listener{Listener: ln, cfg: cfg, conns: map[*Conn]struct{}{}}, nil
}

// Accept returns the next connection there is room for.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.admit(raw); c != nil {
			l.accepted.Add(1)
			return c, nil
		}
		l.refused.Add(1)
		raw.Close() // at once: the client tries another server now, not after its time-out
	}
}

// admit takes raw in, closing idle connections for it if need be. It returns nil if all connections are in use.
func (l *Listener) admit(raw net.Conn) *Conn {
	memory := l.cfg.Room == nil || l.cfg.Room(l.open())
	if !memory || !l.room(1) {
		idle := l.longestIdle(time.Now())
		for _, c := range idle {
			l.closedIdle.Add(1)
			c.Close()
		}
		if !l.room(1) || !memory && len(idle) == 0 {
			return nil
		}
	}
	c := newConn(raw, l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns[c] = struct{}{}
	return c
}

func (l *Listener) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

func (l *Listener) room(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)+n <= l.cfg.MaxConnections
}

// longestIdle returns a hundredth of the connections, at least one, that have been idle for longest: finding them takes a
// look at each, which must not happen for every connection of a crowd.
func (l *Listener) longestIdle(now time.Time) []*Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := newOldest(max(l.cfg.MaxConnections/100, 1))
	for c := range l.conns {
		if since := c.idleSince.Load(); since != 0 && now.UnixNano()-since >= int64(l.cfg.IdleGrace) {
			oldest.offer(c, since)
		}
	}
	return oldest.conns()
}

func (l *Listener) forget(c *Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// Stats returns the counters.
func (l *Listener) Stats() Stats {
	return Stats{Open: l.open(), Max: l.cfg.MaxConnections, Accepted: l.accepted.Load(), Refused: l.refused.Load(),
		ClosedIdle: l.closedIdle.Load(), Stalled: l.stalled.Load()}
}

// ConnState is for http.Server: it notes which connections wait for a request, and that what comes after one is no header
// any more. Headers stay in memory for as long as requests are under way.
func (l *Listener) ConnState(raw net.Conn, s http.ConnState) {
	c := connOf(raw)
	switch {
	case c == nil:
	case s == http.StateIdle || s == http.StateNew:
		if s == http.StateIdle {
			c.giveHead()
		}
		c.idleSince.Store(c.progress.Load()) // when the answer began to leave: the clock was read then
	default:
		c.known.Store(true)
		c.idleSince.Store(0)
	}
}

type connKey struct{}

// ConnContext is for http.Server: it makes a request's connection known to FromContext.
func (l *Listener) ConnContext(ctx context.Context, raw net.Conn) context.Context {
	if c := connOf(raw); c != nil {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// FromContext returns the connection of the request whose context ctx is; nil if another listener accepted it.
func FromContext(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

// connOf finds our connection in one that wraps it, as TLS does.
func connOf(raw net.Conn) *Conn {
	for raw != nil {
		switch c := raw.(type) {
		case *Conn:
			return c
		case interface{ NetConn() net.Conn }:
			raw = c.NetConn()
		default:
			return nil
		}
	}
	return nil
}
