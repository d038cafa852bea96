package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// As process 1, heureka run reaps the processes that others leave behind, and has the exit status of its program.
func TestRunAsProcessOne(t *testing.T) {
	// The grandchild ends after its parent, so that it is process 1's; the program looks for zombies until there are none.
	const program = `sh -c 'sleep 0.1 &'
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 0.2
  children=$(cat /proc/1/task/*/children)
  [ "$children" = "$$ " ] && { echo "alone: $$ of $children"; exit 7; }
done
echo "left: $children"; exit 8`
	cmd := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "heureka", "run", "--server", "http://127.0.0.1:1/eureka/", "--timeout", "100ms",
		"--app", "orders", "--port", "8080", "--", "sh", "-c", program)
	if os.Getuid() != 0 {
		cmd.Args = append([]string{"unshare", "--user", "--map-root-user"}, cmd.Args[1:]...)
	}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "unshare: ") || err != nil && strings.Contains(err.Error(), "not found") {
		t.Skipf("no namespaces here: %v %s", err, out)
	}
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit status %d, want the program's 7: %s", code, out)
	}
	killed := exec.Command("unshare", append(cmd.Args[1:len(cmd.Args)-1], "kill -KILL $$")...)
	if err := killed.Run(); killed.ProcessState.ExitCode() != 128+int(syscall.SIGKILL) {
		t.Errorf("a program that is killed: %v, want exit status 137", err)
	}
}
