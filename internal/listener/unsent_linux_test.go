package listener_test

import (
	"net"
	"syscall"
	"testing"

	"heureka.internal/heureka/internal/listener"
)

// The kernel keeps no more for a peer that does not read, and no longer for one that is gone, than the configuration says.
func TestTheKernelKeepsLittle(t *testing.T) {
	ln := tcp(t)
	l, err := listener.New(ln, config)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*listener.Conn).Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := map[int]int{}
	if err := raw.Control(func(fd uintptr) {
		for _, option := range []int{25, 18} { // TCP_NOTSENT_LOWAT, TCP_USER_TIMEOUT
			got[option], _ = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if got[25] != config.Unsent || got[18] != int(config.Stall.Milliseconds()) {
		t.Errorf("the kernel keeps %d bytes, and for %d ms; want %d, %v", got[25], got[18], config.Unsent, config.Stall)
	}
}
