package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// No line is lost and none is torn while a file is opened again and again.
func TestReopenedFilesLoseNoLine(t *testing.T) {
	dir := t.TempDir()
	f := &logFile{name: filepath.Join(dir, "log"), mode: 0o600}
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	const writers, lines, files = 4, 500, 50
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range lines {
				if _, err := f.Write([]byte(strconv.Itoa(i*lines+n) + "\n")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range files {
		if err := os.Rename(f.name, f.name+strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
		if err := f.reopen(); err != nil {
			t.Fatal(err)
		}
	}
	wg.Wait()
	seen := map[string]bool{}
	names, err := filepath.Glob(f.name + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			seen[strings.TrimSpace(line)] = true
		}
	}
	for n := range writers * lines {
		if !seen[strconv.Itoa(n)] {
			t.Fatalf("line %d is lost; %d of %d are there", n, len(seen), writers*lines)
		}
	}
}

// A write that blocks keeps nobody from opening the file again, nor others from writing to it.
func TestBlockedWriteKeepsNobodyFromReopening(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f := &logFile{name: filepath.Join(t.TempDir(), "log"), mode: 0o600}
	f.f.Store(w)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = f.Write(make([]byte, 1<<20)) // more than a pipe holds
	}()
	if _, err := r.Read(make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	if err := f.reopen(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("line\n")); err != nil {
		t.Error(err)
	}
	r.Close()
	<-done
}
