//go:build drill

package drill

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// inside marks the process that is in the namespaces.
const inside = "HEUREKA_DRILL_INSIDE"

var (
	program string // the program
	names   = &nameServer{pods: map[string]map[netip.Addr]bool{}}
)

func TestMain(m *testing.M) {
	if os.Getenv(inside) == "" {
		os.Exit(enter())
	}
	program = os.Getenv(inside)
	if err := names.serve(); err != nil {
		fmt.Fprintln(os.Stderr, "drill: error:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// world makes the one network that all pods and clients are on. An address that nobody has is on the wire, whose other end
// does not answer, as that of a pod that is gone.
const world = `set -e
ip link set lo up
ip link add pods type veth peer name nobody
ip link set pods up
ip link set nobody up
ip addr add 10.77.0.1/16 dev pods
ip -6 addr add fd77::1/64 dev pods nodad
echo "nameserver 127.0.0.53" > "$0.resolv"
mount --bind "$0.resolv" /etc/resolv.conf
exec "$0" "$@"`

// enter builds the program and runs this one again, in the world.
func enter() int {
	dir, err := os.MkdirTemp("", "drill")
	if err != nil {
		fmt.Fprintln(os.Stderr, "drill: error:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "heureka")
	build := exec.Command("go", "build", "-o", bin, "heureka.internal/heureka/cmd/heureka")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "drill: error: %v\n%s", err, out)
		return 1
	}
	args := []string{"--net", "--mount", "--pid", "--fork", "--kill-child"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	self := filepath.Join(dir, "self")
	if err := os.Symlink(os.Args[0], self); err != nil {
		fmt.Fprintln(os.Stderr, "drill: error:", err)
		return 1
	}
	cmd := exec.Command("unshare", append(append(args, "sh", "-c", world, self), os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), inside+"="+bin)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintf(os.Stderr, "drill: %v: a test failed, or unshare or ip is missing, or the right to make namespaces\n", err)
		return 1
	}
	return 0
}

// A nameServer tells the addresses of the pods of each service. A service without any does not exist.
type nameServer struct {
	mu   sync.Mutex
	pods map[string]map[netip.Addr]bool
}

func (s *nameServer) add(service string, a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pods[service] == nil {
		s.pods[service] = map[netip.Addr]bool{}
	}
	s.pods[service][a] = true
}

func (s *nameServer) remove(service string, a netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pods[service], a)
}

func (s *nameServer) serve() error {
	conn, err := net.ListenPacket("udp", "127.0.0.53:53")
	if err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := s.answer(buf[:n]); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return nil
}

// answer reads a question for A or AAAA and returns the records, NXDOMAIN for a name that does not exist.
func (s *nameServer) answer(q []byte) []byte {
	if len(q) < 17 {
		return nil
	}
	var labels []string
	at := 12
	for at < len(q) && q[at] != 0 {
		n := int(q[at])
		if at+1+n >= len(q) {
			return nil
		}
		labels = append(labels, string(q[at+1:at+1+n]))
		at += 1 + n
	}
	if at+5 > len(q) {
		return nil
	}
	kind, end := binary.BigEndian.Uint16(q[at+1:]), at+5
	s.mu.Lock()
	defer s.mu.Unlock()
	pods := s.pods[strings.Join(labels, ".")]
	head := append([]byte{}, q[:2]...)
	var records []byte
	count := uint16(0)
	for a := range pods {
		if want := map[uint16]bool{1: a.Is4(), 28: a.Is6()}; !want[kind] {
			continue
		}
		records = append(records, 0xc0, 12)
		records = binary.BigEndian.AppendUint16(records, kind)
		records = append(records, 0, 1, 0, 0, 0, 0)
		records = binary.BigEndian.AppendUint16(records, uint16(len(a.AsSlice())))
		records = append(records, a.AsSlice()...)
		count++
	}
	flags := uint16(0x8580) // an answer, with authority, recursion available
	if len(pods) == 0 {
		flags |= 3
	}
	for _, w := range []uint16{flags, 1, count, 0, 0} {
		head = binary.BigEndian.AppendUint16(head, w)
	}
	return append(append(head, q[12:end]...), records...)
}

// ip changes an address of the world.
func ip(t *testing.T, verb string, a netip.Addr) {
	t.Helper()
	bits, more := "16", []string{}
	if a.Is6() {
		bits, more = "64", []string{"nodad"}
	}
	args := append([]string{"addr", verb, a.String() + "/" + bits, "dev", "pods"}, more...)
	if verb == "del" {
		args = args[:5]
	}
	if out, err := exec.CommandContext(context.Background(), "ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %v: %v %s", args, err, out)
	}
}
