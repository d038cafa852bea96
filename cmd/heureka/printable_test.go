package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Names and error texts that strangers chose do not steer the terminal of who reads them.
func TestPrintable(t *testing.T) {
	bad := "a\x1b[2Jb\u009b31mc\x7fd\u202ee\u2066f\rg"
	if got, want := printable(bad), "a?[2Jb?31mc?d?e?f?g"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := printable("Größe 東京 e\u0301"); got != "Größe 東京 e\u0301" {
		t.Errorf("%q", got)
	}
	var b bytes.Buffer
	p := &program{stderr: &b}
	p.printError(errors.New("server says " + bad))
	if strings.ContainsAny(b.String(), "\x1b\x7f\r\u009b\u202e\u2066") {
		t.Errorf("%q", b.String())
	}
}
