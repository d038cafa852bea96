package examples_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"heureka.internal/heureka/heurekatest"
)

// A program is a running example.
type program struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

// run starts an example with its log in the test's. It ends with the test, and the test with it if that takes minutes.
func run(t *testing.T, bin string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p := &program{t: t, cmd: exec.CommandContext(ctx, bin, args...)}
	p.cmd.Stderr = t.Output()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = p.cmd.Wait() })
	return p
}

// want reads lines until one begins with the given text, and returns its rest.
func (p *program) want(begin string) string {
	p.t.Helper()
	for p.lines.Scan() {
		if rest, ok := strings.CutPrefix(p.lines.Text(), begin); ok {
			return strings.TrimSpace(rest)
		}
	}
	p.t.Fatalf("%s printed no line with %q", filepath.Base(p.cmd.Path), begin)
	return ""
}

// terminate asks the program to end, as an orchestrator does, and wants it to succeed.
func (p *program) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	for p.lines.Scan() { // to the end: Wait closes the pipe
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%s after SIGTERM: %v", filepath.Base(p.cmd.Path), err)
	}
}

func TestServiceAndCaller(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs programs")
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "./service", "./caller")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		t.Fatal(err)
	}
	registry := heurekatest.NewServer(t)
	// start returns a service, once it is registered, and its address.
	start := func() (*program, string) {
		p := run(t, filepath.Join(dir, "service"), "-eureka", registry.URL, "-ip", "127.0.0.1", "-listen", "127.0.0.1:0")
		_, addr, _ := strings.Cut(p.want("registered as "), " at ")
		return p, addr
	}

	one, first := start()
	caller := run(t, filepath.Join(dir, "caller"), "-eureka", registry.URL, "-refresh", "100ms", "-every", "20ms")
	caller.want(first + " says SERVING")
	two, second := start()
	caller.want(second + " says SERVING")
	caller.want(first + " says SERVING")
	one.terminate()
	caller.want(second + " says SERVING")
	two.terminate()
	caller.want("error: ")
	caller.terminate()
}
