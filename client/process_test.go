//go:build unix

package client_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/client"
)

// process makes the test binary a service of its own, which prints its port.
const process = "HEUREKA_TEST_SERVICE"

func TestMain(m *testing.M) {
	if status, err := strconv.Atoi(os.Getenv(process)); err == nil {
		serveStatus(status)
		return
	}
	os.Exit(m.Run())
}

// serveStatus answers every request with a status until standard input ends.
func serveStatus(status int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(1)
	}
	fmt.Println(ln.Addr().(*net.TCPAddr).Port)
	go func() {
		_ = http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// service starts a process and returns it as an instance.
func service(t *testing.T, status int) (*heureka.Instance, *os.Process) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", process, status))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	var port int
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &port); err != nil {
		t.Fatal(err)
	}
	in := inst("orders", strconv.Itoa(port), up)
	in.HostName, in.IPAddr, in.Port.Number = "127.0.0.1", "127.0.0.1", port
	return in, cmd.Process
}

// Real processes: of three instances one is stopped, which looks alive to TCP, and one answers 503. With default settings,
// less than one call of a hundred fails, and none after the first seconds.
func TestCallsOfRealProcesses(t *testing.T) {
	good, _ := service(t, 200)
	bad, _ := service(t, 503)
	hung, p := service(t, 200)
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	tr := &client.Transport{Client: filled(t, good, bad, hung)}
	defer tr.CloseIdleConnections()
	web := &http.Client{Transport: tr, Timeout: 4 * time.Second}
	const callers, first = 10, 15 * time.Second
	calls := int64(2_000)
	if *long {
		calls = 10_000
	}
	var failed, late atomic.Int64
	begin := time.Now()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls / callers {
				if call(t.Context(), web) {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				if failed.Add(1); time.Since(begin) > first {
					late.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d of %d calls failed in %v, %d after the first %v; %+v", failed.Load(), calls, time.Since(begin), late.Load(), first, tr.Stats())
	if failed.Load() >= calls/100 || late.Load() > 0 {
		t.Errorf("%d of %d calls failed, %d after the first %v", failed.Load(), calls, late.Load(), first)
	}
}

// call reports whether a call went well.
func call(ctx context.Context, web *http.Client) bool {
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://orders/", nil)
	resp, err := web.Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
