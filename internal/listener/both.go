package listener

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// helloTimeout is how long a connection may take to its first byte, as long as net/http gives the headers of a request.
const helloTimeout = 10 * time.Second

// tlsRecord is the first byte of a TLS connection; no HTTP request begins with it.
const tlsRecord = 22

// A both hands out connections that speak TLS as such, and plain ones as they are. Who is silent holds nobody up: each
// connection waits for its first byte in a goroutine of its own, which Close ends.
type both struct {
	*Listener
	cfg *tls.Config

	ready chan net.Conn
	ended chan struct{} // accepting is over, for the reason in err
	err   error

	ctx  context.Context
	stop context.CancelFunc
	once sync.Once
	wg   sync.WaitGroup
}

// Both returns a listener for TLS and plain connections on the same port, told apart by their first byte.
func (l *Listener) Both(cfg *tls.Config) net.Listener {
	b := &both{Listener: l, cfg: cfg, ready: make(chan net.Conn), ended: make(chan struct{})}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// Accept returns the next connection that has sent its first byte.
func (b *both) Accept() (net.Conn, error) {
	b.once.Do(func() { b.wg.Go(b.run) })
	select {
	case c := <-b.ready:
		return c, nil
	case <-b.ended:
		return nil, b.err
	}
}

func (b *both) run() {
	defer close(b.ended)
	for {
		c, err := b.Listener.Accept()
		if temporary(err) && b.ctx.Err() == nil {
			time.Sleep(acceptPause) // too many files are open: net/http would wait too
			continue
		}
		if err != nil {
			b.err = err
			return
		}
		b.wg.Go(func() { b.sort(c.(*Conn)) })
	}
}

const acceptPause = 100 * time.Millisecond

func temporary(err error) bool {
	t, ok := err.(interface{ Temporary() bool }) // as net/http asks
	return ok && t.Temporary()
}

func (b *both) sort(c *Conn) {
	defer context.AfterFunc(b.ctx, func() { _ = c.Conn.SetReadDeadline(past) })()
	if !c.peek() {
		_ = c.Close() // it has sent nothing
		return
	}
	var conn net.Conn = c
	if c.first[0] == tlsRecord {
		conn = tls.Server(c, b.cfg)
	}
	select {
	case b.ready <- conn:
	case <-b.ctx.Done():
		_ = c.Close()
	}
}

// Close ends accepting, and the connections that have not been handed out.
func (b *both) Close() error {
	err := b.Listener.Close()
	b.stop()
	b.wg.Wait()
	return err
}

// peek reads the first byte, and keeps it for Read.
func (c *Conn) peek() bool {
	if c.Conn.SetReadDeadline(time.Now().Add(helloTimeout)) != nil {
		return false
	}
	n, _ := c.Conn.Read(c.first[:])
	c.peeked = n == 1
	return c.peeked && c.Conn.SetReadDeadline(time.Time{}) == nil
}

// Read returns the byte that was looked at before all others.
func (c *Conn) Read(p []byte) (int, error) {
	if !c.peeked || len(p) == 0 {
		n, err := c.Conn.Read(p)
		if !c.takeHead(n) {
			c.ln.refused.Add(1)
			return 0, errHeads
		}
		return n, err
	}
	c.peeked, p[0] = false, c.first[0]
	return 1, nil
}
