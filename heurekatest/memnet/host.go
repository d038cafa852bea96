package memnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	firstFreePort = 40000
	// connectTimeout is how long Linux keeps knocking before a connect fails with ETIMEDOUT.
	connectTimeout = 127 * time.Second
)

// A Host is one machine with one process on it. Its methods are safe for concurrent use.
type Host struct {
	net       *Network
	name      string
	down      bool
	ports     int // handed out so far
	listeners map[int]*listener
	conns     map[*conn]struct{}
}

// Name returns the host's name.
func (h *Host) Name() string { return h.name }

// Listen opens a port such as ":8761"; ":0" picks a free one. A host part is ignored.
func (h *Host) Listen(address string) (net.Listener, error) {
	_, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", address, err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	return h.listen(port)
}

func (h *Host) listen(port int) (net.Listener, error) {
	if port == 0 {
		port = h.freePort()
	}
	ln := &listener{host: h, addr: addr{h.name, port}}
	ln.arrived.L = &h.net.mu
	if h.down {
		return nil, opError("listen", ln.addr, nil, os.NewSyscallError("bind", syscall.ENETDOWN))
	}
	if h.listeners[port] != nil {
		return nil, opError("listen", ln.addr, nil, os.NewSyscallError("bind", syscall.EADDRINUSE))
	}
	h.listeners[port] = ln
	return ln, nil
}

func (h *Host) freePort() int {
	h.ports++
	return firstFreePort + h.ports
}

// Dial connects to an address such as "a:8761".
func (h *Host) Dial(network, address string) (net.Conn, error) {
	return h.DialContext(context.Background(), network, address)
}

// DialContext connects to an address such as "a:8761". Over a dropping link it waits until the link works again, ctx
// ends, or as long as Linux would. Once connected, ctx has no effect.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	name, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	to := addr{name, port}
	ctx, cancel := context.WithTimeoutCause(ctx, connectTimeout, os.NewSyscallError("connect", syscall.ETIMEDOUT))
	defer cancel()
	peer, trip, err := h.handshake(ctx, to.host)
	if err == nil {
		err = sleep(ctx, trip)
	}
	if err != nil {
		return nil, opError("dial", nil, to, dialCause(ctx, err))
	}
	return h.connect(peer, to)
}

// handshake waits until packets pass both ways, and returns how long the exchange of the first two takes.
func (h *Host) handshake(ctx context.Context, name string) (peer *Host, trip time.Duration, err error) {
	n := h.net
	stop := context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.dials.Broadcast()
	})
	defer stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	if peer, err = n.lookup(h, name); err != nil {
		return nil, 0, err
	}
	out, back := n.link(h, peer), n.link(peer, h)
	for {
		switch {
		case ctx.Err() != nil:
			return nil, 0, ctx.Err()
		case h.down:
			return nil, 0, os.NewSyscallError("connect", syscall.ENETDOWN)
		case out.Unreachable:
			return nil, 0, os.NewSyscallError("connect", syscall.EHOSTUNREACH)
		case !out.Drop && !out.DropConnects && !back.Drop:
			return peer, out.delay() + back.delay(), nil
		}
		n.dials.Wait()
	}
}

// connect joins the two ends if somebody listens.
func (h *Host) connect(peer *Host, to addr) (net.Conn, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	ln := peer.listeners[to.port]
	out := n.link(h, peer)
	switch {
	case h.down:
		return nil, opError("dial", nil, to, os.NewSyscallError("connect", syscall.ENETDOWN))
	case ln == nil:
		return nil, opError("dial", nil, to, os.NewSyscallError("connect", syscall.ECONNREFUSED))
	case out.breaks():
		return nil, opError("dial", nil, to, os.NewSyscallError("connect", syscall.ECONNRESET))
	}
	out.traffic.Connects++
	near, far := newPair(h, peer, addr{h.name, h.freePort()}, ln.addr)
	ln.queue = append(ln.queue, far)
	ln.arrived.Signal()
	return near, nil
}

// Kill ends the process on the host: its listeners close, its connections are reset, and until Restart it can neither
// listen nor dial. Connecting to it is refused. For a machine without power, partition it first.
func (h *Host) Kill() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.down = true
	for _, ln := range h.listeners {
		ln.close()
	}
	for c := range h.conns {
		c.abort(time.Now())
	}
	h.net.dials.Broadcast()
}

// Restart lets a killed host listen and dial again.
func (h *Host) Restart() {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.down = false
}

// listener is an open port.
type listener struct {
	host    *Host
	addr    addr
	queue   []*conn
	closed  bool
	arrived sync.Cond
}

func (ln *listener) Accept() (net.Conn, error) {
	ln.host.net.mu.Lock()
	defer ln.host.net.mu.Unlock()
	for len(ln.queue) == 0 && !ln.closed {
		ln.arrived.Wait()
	}
	if ln.closed {
		return nil, opError("accept", ln.addr, nil, net.ErrClosed)
	}
	c := ln.queue[0]
	ln.queue = slices.Delete(ln.queue, 0, 1)
	return c, nil
}

func (ln *listener) Close() error {
	ln.host.net.mu.Lock()
	defer ln.host.net.mu.Unlock()
	if ln.closed {
		return opError("close", ln.addr, nil, net.ErrClosed)
	}
	ln.close()
	return nil
}

// close resets the connections that nobody has accepted.
func (ln *listener) close() {
	ln.closed = true
	delete(ln.host.listeners, ln.addr.port)
	for _, c := range ln.queue {
		c.abort(time.Now())
	}
	ln.queue = nil
	ln.arrived.Broadcast()
}

func (ln *listener) Addr() net.Addr { return ln.addr }

// addr is "host:port".
type addr struct {
	host string
	port int
}

func (addr) Network() string  { return "tcp" }
func (a addr) String() string { return net.JoinHostPort(a.host, strconv.Itoa(a.port)) }

// sleep waits for d unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dialCause is what the real network says when ctx has ended: a time-out that is also a context error.
func dialCause(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), syscall.ETIMEDOUT):
		return context.Cause(ctx)
	case ctx.Err() == context.DeadlineExceeded:
		return timeoutError{}
	default:
		return ctx.Err()
	}
}

// timeoutError is the "i/o timeout" of a dialer.
type timeoutError struct{}

func (timeoutError) Error() string        { return "i/o timeout" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// opError is the error type of package net.
func opError(op string, source, to net.Addr, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Source: source, Addr: to, Err: err}
}
