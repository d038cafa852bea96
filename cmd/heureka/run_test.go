package main

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/heurekatest"
)

// eventually polls a condition of another process.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// supervise starts heureka run with a program that ends cleanly when it is told to, and waits until that is ready.
func supervise(t *testing.T, srv *heurekatest.Server, flags ...string) (*exec.Cmd, *lockedBuffer) {
	t.Helper()
	args := append([]string{"run", "--server", srv.URL, "--app", "orders", "--id", "a", "--port", "8080", "--host", "h"}, flags...)
	cmd := exec.Command("heureka", append(args, "--", "sh", "-c", "trap 'exit 0' INT TERM; echo ready; read never")...)
	var problems lockedBuffer
	cmd.Stderr = &problems
	_, inErr := cmd.StdinPipe() // stays open
	stdout, outErr := cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatalf("the program said %q: %v", line, err)
	}
	return cmd, &problems
}

// A lockedBuffer may be read while a program writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func shows(srv *heurekatest.Server, want heureka.Status) func() bool {
	return func() bool {
		in, ok := srv.Node.Instance(heureka.Key{App: "ORDERS", ID: "a"})
		return ok && in.Status == want
	}
}

func TestRunStopsAfterDrain(t *testing.T) {
	srv := heurekatest.NewServer(t)
	cmd, output := supervise(t, srv, "--drain-time", "1h")
	eventually(t, "it is registered", shows(srv, heureka.StatusUp))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is out of service", shows(srv, heureka.StatusDown))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // ends the wait
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want the program's clean end\n%s", err, output)
	}
	if srv.Has("ORDERS", "a") {
		t.Error("still registered after the end")
	}
}

// SIGTERM drains by default and says so; for a registry that does not answer nobody waits longer than for one call.
func TestRunDrainsByDefault(t *testing.T) {
	srv := heurekatest.NewServer(t)
	cmd, output := supervise(t, srv)
	eventually(t, "it is registered", shows(srv, heureka.StatusUp))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is out of service", shows(srv, heureka.StatusDown))
	eventually(t, "it says how long it drains", func() bool { return strings.Contains(output.String(), "takes=20s") })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // ends the wait
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, output)
	}
	srv.Stop()
	cmd, output = supervise(t, srv, "--timeout", "100ms", "--drain-time", "1h")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("without a server: ended with %v\n%s", err, output)
	}
}

// A program that is not healthy yet has its reason in the log, once.
func TestRunLogsFailedChecks(t *testing.T) {
	var checks atomic.Int64
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		checks.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer health.Close()
	cmd, output := supervise(t, heurekatest.NewServer(t), "--health", health.URL, "--health-interval", "20ms", "--drain-time", "0s")
	eventually(t, "it was asked several times", func() bool { return checks.Load() > 2 })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, output)
	}
	if n := strings.Count(output.String(), "health check fails, still starting"); n != 1 || !strings.Contains(output.String(), "answered 503") {
		t.Errorf("%d lines, want one that tells of 503:\n%s", n, output)
	}
}

// A registry that refuses the program has the next step in the log, as the errors of other commands have.
func TestRunLogsHints(t *testing.T) {
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	cmd, output := supervise(t, &heurekatest.Server{URL: refusing.URL + "/eureka/"}, "--health-interval", "20ms", "--drain-time", "0s")
	eventually(t, "it says what to do", func() bool { return strings.Contains(output.String(), `hint="`+credentialHint) })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, output)
	}
}

func TestRunStopsAtOnceWithoutDrain(t *testing.T) {
	srv := heurekatest.NewServer(t)
	cmd, output := supervise(t, srv) // the default is for SIGTERM
	eventually(t, "it is registered", shows(srv, heureka.StatusUp))
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want the program's clean end\n%s", err, output)
	}
	if srv.Has("ORDERS", "a") {
		t.Error("still registered after the end")
	}
}

func TestRunFollowsHealth(t *testing.T) {
	var healthy atomic.Bool
	health := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer health.Close()
	srv := heurekatest.NewServer(t)
	cmd, output := supervise(t, srv, "--health", health.URL, "--health-interval", "20ms", "--drain-time", "0s")
	eventually(t, "it is registered", func() bool { // as starting, or as down if the first checks ended before
		in, ok := srv.Node.Instance(heureka.Key{App: "ORDERS", ID: "a"})
		return ok && in.Status != heureka.StatusUp
	})
	healthy.Store(true)
	eventually(t, "it is up", shows(srv, heureka.StatusUp))
	healthy.Store(false)
	eventually(t, "it is down", shows(srv, heureka.StatusDown))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("ended with %v, want the program's clean end\n%s", err, output)
	}
}
