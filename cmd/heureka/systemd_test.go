package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A manager is what systemd is to a service: it hears what the service says of itself.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, socket string) *manager {
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn}
}

// await returns the next message that begins so; answers to the watchdog come at any time and are left out, unless asked for.
func (m *manager) await(begin string) string {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	for buf := make([]byte, 4096); ; {
		n, err := m.conn.Read(buf)
		if err != nil {
			m.t.Fatalf("no %s: %v", begin, err)
		}
		switch said := string(buf[:n]); {
		case strings.HasPrefix(said, begin):
			return said
		case said != "WATCHDOG=1":
			m.t.Fatalf("the service says %q, want %s", said, begin)
		}
	}
}

// supervised starts the program as systemd does.
func supervised(t *testing.T, env ...string) *exec.Cmd {
	cmd := exec.Command("heureka", "serve", "--server.port=0", "--server.address=127.0.0.1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), io.Discard, io.Discard
	cmd.Env = append(os.Environ(), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return cmd
}

func signalTo(t *testing.T, cmd *exec.Cmd, sig syscall.Signal) {
	t.Helper()
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// The service says when it serves, reloads and stops, and that it is alive, to a socket in the file system or without a name.
func TestServiceManagerIsTold(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // t.TempDir is too long for the address of a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	sockets := []string{filepath.Join(dir, "notify")}
	if runtime.GOOS == "linux" {
		sockets = append(sockets, fmt.Sprintf("@heureka-test-%d", os.Getpid()))
	}
	for _, socket := range sockets {
		m := newManager(t, socket)
		before, _ := monotonic()
		cmd := supervised(t, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=100000")
		m.await("READY=1")
		m.await("WATCHDOG=1")

		signalTo(t, cmd, syscall.SIGHUP)
		reloading := m.await("RELOADING=1")
		if after, ok := monotonic(); ok {
			_, usec, _ := strings.Cut(reloading, "\nMONOTONIC_USEC=")
			if at, err := strconv.ParseInt(usec, 10, 64); err != nil || at < before || at > after {
				t.Errorf("reloading says %q, want a time between %d and %d", reloading, before, after)
			}
		}
		m.await("READY=1")

		signalTo(t, cmd, syscall.SIGTERM)
		m.await("STOPPING=1")
		if err := cmd.Wait(); err != nil {
			t.Errorf("the service ended with %v", err)
		}
	}
}

// The watchdog asks for an answer in each period, but only of the process that it names.
func TestWatchdogOfThisProcess(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	tests := []struct {
		name, pid, usec string
		want            time.Duration
	}{
		{"no watchdog", "", "", 0},
		{"for any process", "", "30000000", 30 * time.Second},
		{"for this one", own, "30000000", 30 * time.Second},
		{"for another one", own + "0", "30000000", 0},
		{"no number", own, "soon", 0},
		{"negative", own, "-5", 0},
	}
	for _, test := range tests {
		env := map[string]string{"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_PID": test.pid, "WATCHDOG_USEC": test.usec}
		if got := serviceManager(func(name string) string { return env[name] }, nil).watchdog; got != test.want {
			t.Errorf("%s: watchdog = %v, want %v", test.name, got, test.want)
		}
	}
}

// A manager that is gone is a warning, not the end of the service.
func TestServiceManagerIsGone(t *testing.T) {
	var log strings.Builder
	gone := systemd{socket: "/nowhere/notify", log: slog.New(slog.NewTextHandler(&log, nil))}
	gone.tell("READY=1")
	if !strings.Contains(log.String(), `level=WARN msg="service manager not told" state="READY=1"`) {
		t.Errorf("the log says %q", log.String())
	}
	log.Reset()
	if (systemd{log: gone.log}).tell("READY=1"); log.Len() > 0 {
		t.Errorf("without a manager, the log says %q", log.String())
	}
}
