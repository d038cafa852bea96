package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestManuals(t *testing.T) {
	dir := t.TempDir()
	if status := run([]string{"man", dir}, nil, io.Discard, io.Discard); status != 0 {
		t.Fatalf("heureka man: exit status %d", status)
	}
	for name, want := range map[string][]string{
		"heureka.1":            {`.TH "HEUREKA" 1`, ".BR heureka\\-serve (1)"},
		"heureka-serve.1":      {"\n  \\-\\-server.port\n", ".SH EXAMPLES", ".BR heureka (1)"},
		"heureka-status-set.1": {".B \\-\\-drain\n"},
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q:\n%s", name, w, text)
			}
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "heureka-man.1")); err == nil {
		t.Error("a hidden command has a page")
	}
}

func TestRoff(t *testing.T) {
	if got, want := roff(".a\n'b\nc -d \\e\n"), "\\&.a\n\\&'b\nc \\-d \\ee"; got != want {
		t.Errorf("roff = %q, want %q", got, want)
	}
}
