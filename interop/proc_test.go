//go:build interop

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A proc is a running fixture. It ends with the test at the latest.
type proc struct {
	name   string
	cmd    *exec.Cmd
	log    string        // file with everything it printed
	exited chan struct{} // closed when it has ended
}

var procs atomic.Int32

// start runs cmd in a process group of its own, so that nothing it forks survives
// the test. Its output goes to a file, whose tail is logged when the test fails.
func start(t testing.TB, name string, cmd *exec.Cmd) *proc {
	t.Helper()
	file := fmt.Sprintf("%s-%d.log", name, procs.Add(1))
	p := &proc{name: name, cmd: cmd, exited: make(chan struct{}), log: filepath.Join(t.ArtifactDir(), file)}
	out, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	// Pdeathsig is for a test run that is itself killed and cleans nothing up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("last lines of %s:\n%s", p.name, p.tail(60))
		}
	})
	return p
}

// kill ends the whole group at once, as a crash would, and waits for it.
func (p *proc) kill() {
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// stop asks the process to end and waits until it has.
func (p *proc) stop(t testing.TB) {
	t.Helper()
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(limit):
		t.Fatalf("%s is still running %v after SIGTERM", p.name, limit)
	}
}

// ended reports whether the process has ended.
func (p *proc) ended() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// tail returns the last n lines that the process printed.
func (p *proc) tail(n int) string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// freePort returns a port that nothing listens on at the moment.
func freePort(t testing.TB) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// limit is how long a condition may take. It is generous because several JVMs may
// be starting on few cores; nothing waits longer than it must.
const limit = 3 * time.Minute

// eventually calls check until it returns nil, and says how long that took. These
// are real processes in real time, so polling is all there is.
func eventually(t testing.TB, limit time.Duration, check func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := check()
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > limit {
			t.Fatalf("after %v: %v", took.Round(time.Millisecond), err)
		}
		if stop, ok := errors.AsType[*fatalError](err); ok {
			t.Fatal(stop.err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

// A fatalError tells eventually that waiting longer is of no use.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }

// awaitReady waits until ready says nil, or gives up at once if p has ended.
func awaitReady(t testing.TB, p *proc, ready func() error) time.Duration {
	t.Helper()
	return eventually(t, limit, func() error {
		if p.ended() {
			return &fatalError{fmt.Errorf("%s ended, %v: %s", p.name, p.cmd.ProcessState, p.tail(20))}
		}
		return ready()
	})
}

// portTaken reports whether p ended because another process had its port: picking
// a free port and listening on it are two steps.
func portTaken(p *proc) bool {
	out := strings.ToLower(p.tail(200))
	return strings.Contains(out, "already in use") || strings.Contains(out, "eaddrinuse")
}
