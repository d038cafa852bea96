package memnet_test

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"heureka.internal/heureka/heurekatest/memnet"
)

func TestPartitionHoldsWhatIsSent(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Default.Latency = 100 * time.Millisecond
		near, far := connect(t, n)
		write(t, near, "under way ")
		n.Partition([]string{"a"}, []string{"b"})
		write(t, near, "sent later")
		far.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read across the partition = %v, want a time-out", err)
		}
		far.SetReadDeadline(time.Time{})
		n.Heal()
		if d := elapsed(func() { expect(t, far, "under way sent later") }); d != 100*time.Millisecond {
			t.Errorf("after healing it took %v, want one latency", d)
		}
	})
}

func TestPartitionEndsWaitingDials(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		listen(t, n, "a", ":1")
		n.PartitionOneWay([]string{"b"}, []string{"a"})
		time.AfterFunc(time.Minute, n.Heal)
		d := elapsed(func() {
			c, err := n.Host("b").Dial("tcp", "a:1")
			if err != nil {
				t.Fatal(err)
			}
			c.Close()
		})
		if d != time.Minute {
			t.Errorf("connected after %v, want when the partition ended", d)
		}
	})
}

func TestOneWayPartitionLetsTheOtherWayPass(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n)
		n.PartitionOneWay([]string{"b"}, []string{"a"})
		write(t, far, "x")
		expect(t, near, "x")
		write(t, near, "lost")
		far.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want a time-out", err)
		}
		near.Close() // the end is held like data
		far.SetReadDeadline(time.Time{})
		n.Heal()
		if rest, err := io.ReadAll(far); string(rest) != "lost" || err != nil {
			t.Errorf("after healing: %q, %v", rest, err)
		}
	})
}

func TestFirewallLetsAnswersPass(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, far := connect(t, n) // b to a
		n.SetLink("a", "b", memnet.Link{DropConnects: true})
		write(t, far, "x")
		expect(t, near, "x")
		if l := n.Link("a", "b"); !l.DropConnects {
			t.Errorf("Link = %+v", l)
		}
	})
}

func TestReset(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		n.Default.Latency = time.Second
		near, far := connect(t, n)
		write(t, near, "arrived")
		time.Sleep(time.Second)
		write(t, near, "under way")
		n.Reset("a", "b")
		expect(t, far, "arrived")
		for name, c := range map[string]net.Conn{"near": near, "far": far} {
			if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: Read after a reset = %v", name, err)
			}
			if _, err := c.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("%s: Write after a reset = %v", name, err)
			}
		}
	})
}

func TestResetChanceBreaksWrites(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, _ := connect(t, n)
		n.SetLink("b", "a", memnet.Link{ResetChance: 0.1})
		var err error
		count := 0
		for ; err == nil && count < 1000; count++ {
			_, err = near.Write([]byte("x"))
		}
		if !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after %d writes: %v, want ECONNRESET", count, err)
		}
	})
}

func TestKillAndRestart(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		ln := listen(t, n, "a", ":1")
		near, err := n.Host("b").Dial("tcp", "a:1")
		if err != nil {
			t.Fatal(err)
		}
		defer near.Close()
		n.Host("a").Kill() // with a connection that nobody has accepted
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read = %v, want ECONNRESET", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want net.ErrClosed", err)
		}
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close = %v, want net.ErrClosed", err)
		}
		if _, err := n.Host("a").Listen(":1"); !errors.Is(err, syscall.ENETDOWN) {
			t.Errorf("Listen while killed = %v", err)
		}
		n.Host("a").Restart()
		listen(t, n, "a", ":1")
		c, err := n.Host("b").Dial("tcp", "a:1")
		if err != nil {
			t.Fatalf("Dial after the restart = %v", err)
		}
		c.Close()
	})
}

func TestKillAcrossAPartition(t *testing.T) {
	bubble(t, func(t *testing.T, n *memnet.Network) {
		near, _ := connect(t, n)
		n.Partition([]string{"a"}, []string{"b"})
		n.Host("a").Kill()
		near.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read = %v, want silence", err)
		}
		near.SetReadDeadline(time.Time{})
		n.Heal()
		if _, err := near.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Read after healing = %v, want ECONNRESET", err)
		}
	})
}
