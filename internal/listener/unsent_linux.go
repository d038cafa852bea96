package listener

import (
	"net"
	"syscall"
)

// tcpNotSentLowat is TCP_NOTSENT_LOWAT: the kernel takes no more of an answer while so many bytes of it have not been
// sent. Unlike a small send buffer it does not slow a fast peer that is far away.
const tcpNotSentLowat = 25

// limitUnsent bounds what the kernel keeps for a peer that does not read. Connections that are no sockets have no kernel.
func limitUnsent(c net.Conn, bytes int) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { // a kernel that does not know the option keeps what it likes, as it did
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotSentLowat, bytes)
	})
}
