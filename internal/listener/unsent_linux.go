package listener

import (
	"net"
	"syscall"
	"time"
)

// tcpNotSentLowat is TCP_NOTSENT_LOWAT: the kernel takes no more of an answer while so many bytes of it have not been
// sent. Unlike a small send buffer it does not slow a fast peer that is far away.
const tcpNotSentLowat = 25

// tcpUserTimeout is TCP_USER_TIMEOUT: a connection ends when its peer has acknowledged nothing for so many milliseconds.
const tcpUserTimeout = 18

// limitUnsent bounds what the kernel keeps for a peer that does not read, and for how long for one that is gone: what a
// watcher is told now and then would fit in there for a quarter of an hour. Connections that are no sockets have no kernel.
func limitUnsent(c net.Conn, bytes int, stall time.Duration) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // a kernel that does not know an option keeps what it likes, as it did
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, bytes)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(stall.Milliseconds()))
	})
}
