package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"heureka.internal/heureka/heurekatest/memnet"
)

// bubble runs f with a new network, in virtual time.
func bubble(t *testing.T, f func(t *testing.T, n *memnet.Network)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, new(memnet.Network)) })
}

func listen(t *testing.T, n *memnet.Network, host, address string) net.Listener {
	t.Helper()
	ln, err := n.Host(host).Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// connect returns both ends of a connection from b to a.
func connect(t *testing.T, n *memnet.Network) (near, far net.Conn) {
	t.Helper()
	ln := listen(t, n, "a", ":1")
	near, err := n.Host("b").Dial("tcp", "a:1")
	if err != nil {
		t.Fatal(err)
	}
	far, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatal(err)
	}
}

// expect reads exactly want.
func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// elapsed returns how much virtual time f takes.
func elapsed(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

func TestBytesArriveInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Default = memnet.Link{Latency: 5 * time.Millisecond, Jitter: 20 * time.Millisecond}
		near, far := connect(t, n)
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: more than the window
		var wg sync.WaitGroup
		wg.Go(func() {
			for chunk := range slices.Chunk(sent, 1000) {
				if _, err := near.Write(chunk); err != nil {
					t.Error(err)
				}
			}
			near.Close()
		})
		got, err := io.ReadAll(far)
		wg.Wait()
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read %d bytes, %v; want the %d sent", len(got), err, len(sent))
		}
	})
}

func TestLatencyIsPerDirection(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.SetLink("b", "a", memnet.Link{Latency: 30 * time.Millisecond})
		n.SetLink("a", "b", memnet.Link{Latency: 5 * time.Millisecond})
		var near, far net.Conn
		if d := elapsed(func() { near, far = connect(t, n) }); d != 35*time.Millisecond {
			t.Errorf("connecting took %v, want 35ms", d)
		}
		if d := elapsed(func() { write(t, near, "x"); expect(t, far, "x") }); d != 30*time.Millisecond {
			t.Errorf("b to a took %v, want 30ms", d)
		}
		if d := elapsed(func() { write(t, far, "y"); expect(t, near, "y") }); d != 5*time.Millisecond {
			t.Errorf("a to b took %v, want 5ms", d)
		}
	})
}

func TestJitterComesFromTheSeed(t *testing.T) {
	trip := func(seed uint64) (d time.Duration) {
		bubble(t, func(t *testing.T, n *memnet.Network) {
			n.Seed, n.Default = seed, memnet.Link{Jitter: time.Second}
			near, far := connect(t, n)
			d = elapsed(func() { write(t, near, "x"); expect(t, far, "x") })
		})
		return d
	}
	one, again, two := trip(1), trip(1), trip(2)
	if one != again || one == two {
		t.Errorf("trips with seeds 1, 1, 2 took %v, %v, %v", one, again, two)
	}
}

func TestSlowLinkIsShared(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.SetLink("b", "a", memnet.Link{BytesPerSecond: 1000})
		near, far := connect(t, n)
		d := elapsed(func() {
			write(t, near, strings.Repeat("x", 5000))
			expect(t, far, strings.Repeat("x", 5000))
		})
		if d != 5*time.Second {
			t.Errorf("5000 bytes at 1000/s took %v", d)
		}
		other, err := n.Host("b").Dial("tcp", "a:1")
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		write(t, other, strings.Repeat("x", 2000))
		if d := elapsed(func() { write(t, near, "y"); expect(t, far, "y") }); d < 2*time.Second {
			t.Errorf("a byte behind 2000 of another connection took %v", d)
		}
	})
}

func TestWriteBlocksWhenNobodyReads(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		near.SetWriteDeadline(time.Now().Add(time.Second))
		sent, err := near.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || sent == 0 || sent == 1<<20 {
			t.Errorf("Write = %d, %v; want a part and a time-out", sent, err)
		}
		near.SetWriteDeadline(time.Time{})
		var wg sync.WaitGroup
		wg.Go(func() { write(t, near, "more") })
		if _, err := io.CopyN(io.Discard, far, int64(sent)+4); err != nil {
			t.Error(err)
		}
		wg.Wait()
	})
}

func TestDeadlines(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		var buf [1]byte
		near.SetReadDeadline(time.Now().Add(3 * time.Second))
		d := elapsed(func() {
			_, err := near.Read(buf[:])
			var ne net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
				t.Errorf("Read = %v, want a time-out", err)
			}
		})
		if d != 3*time.Second {
			t.Errorf("time-out after %v, want 3s", d)
		}
		near.SetDeadline(time.Time{})
		write(t, far, "x")
		expect(t, near, "x")

		var wg sync.WaitGroup // a deadline set while somebody reads counts, as net/http relies on
		wg.Go(func() {
			if _, err := near.Read(buf[:]); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Read = %v, want a time-out", err)
			}
		})
		synctest.Wait()
		near.SetReadDeadline(time.Unix(1, 0))
		wg.Wait()
	})
}

func TestClose(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		write(t, near, "bye")
		near.Close()
		expect(t, far, "bye")
		var buf [1]byte
		if _, err := far.Read(buf[:]); err != io.EOF {
			t.Errorf("Read after the other end closed = %v, want EOF", err)
		}
		if _, err := far.Write(buf[:]); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write after the other end closed = %v, want EPIPE", err)
		}
		for what, err := range map[string]error{
			"Read": second(near.Read(buf[:])), "Write": second(near.Write(buf[:])), "Close": near.Close(),
			"SetDeadline": near.SetDeadline(time.Now()),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close = %v, want net.ErrClosed", what, err)
			}
		}
	})
}

func second(_ int, err error) error { return err }

func TestCloseWrite(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		near.(interface{ CloseWrite() error }).CloseWrite()
		if rest, err := io.ReadAll(far); len(rest) > 0 || err != nil {
			t.Errorf("read %q, %v; want EOF", rest, err)
		}
		write(t, far, "still here")
		expect(t, near, "still here")
		if _, err := near.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write after CloseWrite = %v, want EPIPE", err)
		}
	})
}

func TestCloseWakesEverybody(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Default.Latency = time.Second
		near, far := connect(t, n)
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Read = %v, want net.ErrClosed", err)
			}
		})
		wg.Go(func() {
			if _, err := far.Write(make([]byte, 1<<20)); !errors.Is(err, syscall.EPIPE) {
				t.Errorf("Write = %v, want EPIPE", err)
			}
		})
		synctest.Wait()
		near.Close()
		wg.Wait()
	})
}

func TestDialErrors(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(n *memnet.Network)
		address string
		want    error
		after   time.Duration
	}{
		{"nobody listens", func(*memnet.Network) {}, "a:2", syscall.ECONNREFUSED, 0},
		{"killed", func(n *memnet.Network) { n.Host("a").Kill() }, "a:1", syscall.ECONNREFUSED, 0},
		{"dialer killed", func(n *memnet.Network) { n.Host("b").Kill() }, "a:1", syscall.ENETDOWN, 0},
		{"unreachable", func(n *memnet.Network) { n.SetLink("b", "a", memnet.Link{Unreachable: true}) }, "a:1", syscall.EHOSTUNREACH, 0},
		{"reset", func(n *memnet.Network) { n.SetLink("b", "a", memnet.Link{ResetChance: 1}) }, "a:1", syscall.ECONNRESET, 0},
		{"black hole", func(n *memnet.Network) { n.Partition([]string{"a"}, []string{"b"}) }, "a:1", context.DeadlineExceeded, time.Second},
		{"deaf", func(n *memnet.Network) { n.PartitionOneWay([]string{"a"}, []string{"b"}) }, "a:1", context.DeadlineExceeded, time.Second},
		{"firewall", func(n *memnet.Network) { n.SetLink("b", "a", memnet.Link{DropConnects: true}) }, "a:1", context.DeadlineExceeded, time.Second},
		{"far away", func(n *memnet.Network) { n.SetLink("b", "a", memnet.Link{Latency: time.Hour}) }, "a:1", context.DeadlineExceeded, time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, n *memnet.Network) {
				listen(t, n, "a", ":1")
				tt.prepare(n)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				d := elapsed(func() {
					_, err := n.Host("b").DialContext(ctx, "tcp", tt.address)
					var op *net.OpError
					if !errors.Is(err, tt.want) || !errors.As(err, &op) {
						t.Errorf("DialContext(%s) = %v, want %v in a net.OpError", tt.address, err, tt.want)
					}
				})
				if d != tt.after {
					t.Errorf("failed after %v, want %v", d, tt.after)
				}
			})
		})
	}
}

func TestDialGivesUpLikeLinux(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		listen(t, n, "a", ":1")
		n.Partition([]string{"a"}, []string{"b"})
		d := elapsed(func() {
			if _, err := n.Host("b").Dial("tcp", "a:1"); !errors.Is(err, syscall.ETIMEDOUT) {
				t.Errorf("Dial = %v, want ETIMEDOUT", err)
			}
		})
		if d != 127*time.Second {
			t.Errorf("gave up after %v", d)
		}
	})
}

func TestUnknownNames(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		listen(t, n, "a", ":1")
		_, err := n.Host("b").Dial("tcp", "nowhere:1")
		var dns *net.DNSError
		if !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("Dial(nowhere) = %v, want a DNSError", err)
		}
		n.Alias("10.0.0.1", "a")
		for _, from := range []struct{ host, address string }{{"b", "10.0.0.1:1"}, {"b", "A:1"}, {"a", "localhost:1"}} {
			c, err := n.Host(from.host).Dial("tcp", from.address)
			if err != nil {
				t.Errorf("Dial(%s) from %s = %v", from.address, from.host, err)
				continue
			}
			c.Close()
		}
	})
}

func TestListen(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln := listen(t, n, "a", ":1")
		if got := ln.Addr().String(); got != "a:1" || ln.Addr().Network() != "tcp" {
			t.Errorf("Addr = %s", got)
		}
		if _, err := n.Host("a").Listen(":1"); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("second Listen = %v, want EADDRINUSE", err)
		}
		x, y := listen(t, n, "a", ":0"), listen(t, n, "a", ":0")
		if x.Addr() == y.Addr() {
			t.Errorf("two free ports are both %v", x.Addr())
		}
		for _, bad := range []string{"1", ":port"} {
			if _, err := n.Host("a").Listen(bad); err == nil {
				t.Errorf("Listen(%q) worked", bad)
			}
			if _, err := n.Host("a").Dial("tcp", bad); err == nil {
				t.Errorf("Dial(%q) worked", bad)
			}
		}
		ln.Close()
		listen(t, n, "a", ":1")
	})
}

func TestTraffic(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		write(t, near, "12345")
		write(t, far, "123")
		if got, want := n.Traffic("b", "a"), (memnet.Traffic{Connects: 1, Bytes: 5}); got != want {
			t.Errorf("Traffic(b, a) = %+v, want %+v", got, want)
		}
		if got, want := n.Traffic("a", "b"), (memnet.Traffic{Bytes: 3}); got != want {
			t.Errorf("Traffic(a, b) = %+v, want %+v", got, want)
		}
	})
}

// Whatever happens to the link, what arrives is what was sent, in order and whole.
func TestStreamsSurviveTheirLink(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		chunks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 5000), 1, 30).Draw(rt, "chunks")
		links := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) memnet.Link {
			return memnet.Link{
				Latency:        time.Duration(rapid.IntRange(0, 50).Draw(rt, "latency")) * time.Millisecond,
				Jitter:         time.Duration(rapid.IntRange(0, 50).Draw(rt, "jitter")) * time.Millisecond,
				BytesPerSecond: rapid.SampledFrom([]int{0, 100_000}).Draw(rt, "speed"),
				Drop:           rapid.Bool().Draw(rt, "drop"),
			}
		}), 0, 10).Draw(rt, "links")
		bubble(t, func(t *testing.T, n *memnet.Network) {
			near, far := connect(t, n)
			var wg sync.WaitGroup
			wg.Go(func() {
				for _, c := range chunks {
					if _, err := near.Write(c); err != nil {
						t.Error(err)
					}
					time.Sleep(7 * time.Millisecond)
				}
				near.Close()
			})
			wg.Go(func() {
				for _, l := range links {
					n.SetLink("b", "a", l)
					time.Sleep(20 * time.Millisecond)
				}
				n.Heal()
			})
			got, err := io.ReadAll(far)
			wg.Wait()
			if err != nil || !bytes.Equal(got, bytes.Join(chunks, nil)) {
				rt.Errorf("read %d bytes, %v; want the %d sent", len(got), err, len(bytes.Join(chunks, nil)))
			}
		})
	})
}
