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
	var seen []string
	for p.lines.Scan() {
		if rest, ok := strings.CutPrefix(p.lines.Text(), begin); ok {
			return strings.TrimSpace(rest)
		}
		seen = append(seen, p.lines.Text())
	}
	p.t.Fatalf("%s printed no line with %q, but: %s", filepath.Base(p.cmd.Path), begin, strings.Join(seen, "\n"))
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
	service := func() *program {
		return run(t, filepath.Join(dir, "service"), "-eureka", registry.URL, "-host", "127.0.0.1", "-listen", "127.0.0.1:0", "-drain", "10ms")
	}

	one := service()
	id := one.want("registered as ")
	caller := run(t, filepath.Join(dir, "caller"), "-eureka", registry.URL, "-refresh", "100ms")
	caller.want("orders: 1 instances, 1 added")
	if got := caller.want("by name: "); got != id+" answers /by-name" {
		t.Errorf("caller heard %q by name, want %s", got, id)
	}
	if got := caller.want("picked: "); got != id+" answers /picked" {
		t.Errorf("caller heard %q from its pick, want %s", got, id)
	}

	two := service()
	two.want("registered as ")
	caller.want("orders: 2 instances, 1 added")
	one.terminate()
	if registry.Has("orders", id) {
		t.Errorf("%s is still registered after its end", id)
	}
	caller.want("orders: 1 instances, 0 added, 0 changed, 1 removed")
	two.terminate()
	caller.want("orders: 0 instances")
	caller.want("by name: nobody there")
	caller.terminate()
}
