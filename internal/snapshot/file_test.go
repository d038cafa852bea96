package snapshot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var someHeader = Header{Records: "entries 1", Node: "a", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}

// records yields lines.
func records(lines ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, l := range lines {
			if !yield([]byte(l)) {
				return
			}
		}
	}
}

func written(t *testing.T, lines ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	if n, err := write(&b, someHeader, records(lines...)); err != nil || n != len(lines) {
		t.Fatalf("write = %d, %v", n, err)
	}
	return b.Bytes()
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, lines := range [][]string{nil, {`{"a":1}`}, {"one", "two", strings.Repeat("long ", 1<<16)}} {
		var got []string
		h, n, err := read(bytes.NewReader(written(t, lines...)), func(b []byte) { got = append(got, string(b)) })
		if err != nil || n != len(lines) || !slices.Equal(got, lines) || h.Node != "a" || !h.At.Equal(someHeader.At) || h.Records != "entries 1" {
			t.Errorf("read = %+v, %d, %v: %d lines of %d", h, n, err, len(got), len(lines))
		}
	}
}

// A file that has been cut anywhere, or in which a bit has changed, is noticed.
func TestBadFiles(t *testing.T) {
	whole := written(t, "one", "two", "three")
	for n := range whole {
		if _, _, err := read(bytes.NewReader(whole[:n]), func([]byte) {}); err == nil {
			t.Fatalf("a file cut after %d of %d bytes is read", n, len(whole))
		}
	}
	_, n, _ := read(bytes.NewReader(whole), func([]byte) {})
	for i := 10; i < len(whole); i++ { // the first ten are gzip's own and say nothing
		bad := bytes.Clone(whole)
		bad[i] ^= 4
		if _, got, err := read(bytes.NewReader(bad), func([]byte) {}); err == nil && got != n {
			t.Fatalf("a file with a changed byte %d is read as %d records", i, got)
		}
	}
}

// What is not ours, or of another version, says what it is.
func TestForeignFiles(t *testing.T) {
	zipped := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, text)
		_ = z.Close()
		return b.String()
	}
	for name, tt := range map[string]struct{ file, says string }{
		"empty":         {"", "no snapshot"},
		"text":          {"hello", "no snapshot"},
		"other gzip":    {zipped("hello\nworld\n"), "no snapshot of a registry"},
		"empty gzip":    {zipped(""), errTorn.Error()},
		"other version": {zipped(`{"kind":"heureka registry","version":7}` + "\n"), "version is 7"},
		"no end":        {zipped(`{"kind":"heureka registry","version":1}` + "\n{}\n{}\n"), errTorn.Error()},
		"wrong count":   {zipped(`{"kind":"heureka registry","version":1}` + "\n{}\n{\"count\":2}\n"), "says that they are 2"},
	} {
		_, _, err := read(strings.NewReader(tt.file), func([]byte) {})
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: error %v, want %q", name, err, tt.says)
		}
	}
}

type fullDisk struct{ room int }

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.room -= len(b); d.room < 0 {
		return 0, syscall.ENOSPC
	}
	return len(b), nil
}

func TestWritingToAFullDiskFails(t *testing.T) {
	lines := slices.Repeat([]string{strings.Repeat("0123456789", 100)}, 1000)
	for _, room := range []int{0, 10, 100, 1000} {
		if _, err := write(&fullDisk{room}, someHeader, records(lines...)); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("with room for %d bytes: error %v", room, err)
		}
	}
}

func TestPace(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(secs float64) time.Time { return start.Add(time.Duration(secs * float64(time.Second))) }
	type step struct {
		at    float64
		do    string // "change", "urgent", "wrote", "slow" (20 s), "failed"
		due   float64
		never bool
	}
	for name, steps := range map[string][]step{
		"nothing":                {{at: 0, never: true}},
		"a change":               {{at: 0, do: "change", due: 10}, {at: 5, do: "change", due: 10}},
		"an operator's word":     {{at: 0, do: "urgent", due: 1}, {at: 0.5, do: "change", due: 1}},
		"first slow, then soon":  {{at: 0, do: "change", due: 10}, {at: 3, do: "urgent", due: 4}},
		"nothing after a write":  {{at: 0, do: "wrote", due: 600}, {at: 700, due: 700}},
		"a change after a write": {{at: 0, do: "wrote", due: 600}, {at: 1, do: "change", due: 11}},
		"a failure":              {{at: 0, do: "failed", due: 10}},
		"5 % of the time":        {{at: 0, do: "slow", due: 600}, {at: 1, do: "urgent", due: 380}, {at: 390, due: 390}},
	} {
		var p Pace
		for _, s := range steps {
			switch s.do {
			case "change":
				p.Changed(false, at(s.at))
			case "urgent":
				p.Changed(true, at(s.at))
			case "wrote":
				p.Wrote(0, false, at(s.at))
			case "slow":
				p.Wrote(20*time.Second, false, at(s.at))
			case "failed":
				p.Wrote(0, true, at(s.at))
			}
			wait, ok := p.Due(at(s.at))
			if diff := cmp.Diff(at(s.due), at(s.at).Add(wait)); ok == s.never || ok && diff != "" {
				t.Errorf("%s, %+v: due in %v, %t", name, s, wait, ok)
			}
		}
	}
}
