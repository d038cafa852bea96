package listener

import "errors"

// freeHead is how much a connection may send before its request is known that counts nowhere: the buffer that net/http has for it
// anyway. Usual headers fit.
const freeHead = 4 << 10

var errHeads = errors.New("too many bytes of headers at a time")

// takeHead counts bytes that came before a request was known, or its handshake was over. It reports false if all connections
// together have too many of them.
func (c *Conn) takeHead(bytes int) bool {
	if c.known.Load() || c.ln.cfg.HeaderBytes <= 0 {
		return true
	}
	before := c.head.Add(int64(bytes)) - int64(bytes)
	more := max(before+int64(bytes)-freeHead, 0) - max(before-freeHead, 0)
	return more == 0 || c.ln.heads.Add(more) <= c.ln.cfg.HeaderBytes
}

// giveHead forgets the header of the last request.
func (c *Conn) giveHead() {
	if had := c.head.Swap(0); had > freeHead {
		c.ln.heads.Add(freeHead - had)
	}
	c.known.Store(false)
}
