package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"heureka.internal/heureka/internal/cgroup"
)

// A node that a real cgroup limits says so, as one does in a container, and in a unit with MemoryMax=.
func TestServeTakesTheLimitOfItsCgroup(t *testing.T) {
	const limit = 1 << 30
	group := cgroup.New("heureka-serve", limit)
	if group == "" {
		t.Skip("NOT TESTED: no cgroup can be made here")
	}
	t.Cleanup(group.Remove)
	argv := group.Wrap([]string{"heureka", "serve", "--server.port=0", "--server.address=127.0.0.1"})
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "GOMEMLIMIT=")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	url := make(chan string, 1)
	var said bytes.Buffer
	var reader sync.WaitGroup
	reader.Go(func() { copyOutput(&said, out, url); close(url) })
	if _, serves := <-url; serves {
		signalTo(t, cmd, syscall.SIGTERM)
	}
	reader.Wait()
	if err := cmd.Wait(); err != nil {
		t.Errorf("the node ended with %v", err)
	}
	if want := fmt.Sprintf(`"memory limit taken from the cgroup" bytes=%d`, limit); !strings.Contains(said.String(), want) {
		t.Errorf("the node said nothing of %s:\n%s", want, &said)
	}
}
