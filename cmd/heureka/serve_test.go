package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// A registry outlives whoever reads its log, as in heureka serve 2>&1 | logger, and still stops cleanly.
func TestServeOutlivesTheReaderOfItsLog(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	cmd := exec.Command("heureka", "serve", "--server.port=0", "--server.address=127.0.0.1")
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	writer.Close()

	var said []string
	lines := bufio.NewScanner(reader)
	for lines.Scan() && !strings.Contains(lines.Text(), "open for traffic") {
		said = append(said, lines.Text())
	}
	if reader.Close(); lines.Err() != nil || len(said) == 0 {
		t.Fatalf("the server said %q, %v", said, lines.Err())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // a stop writes log lines
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v after nobody read its log any more", err)
	}
}
