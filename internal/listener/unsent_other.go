//go:build !linux

package listener

import (
	"net"
	"time"
)

// limitUnsent bounds what the kernel keeps for a peer that does not read.
func limitUnsent(c net.Conn, bytes int, _ time.Duration) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(bytes) // a system that refuses keeps what it likes, as it did
	}
}
