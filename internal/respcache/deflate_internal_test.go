package respcache

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"testing"
)

// stream makes a gzip stream of segments whose text is known.
func stream(texts []string, segments ...[]byte) []byte {
	b := []byte(gzipHeader)
	for _, s := range segments {
		b = append(b, s...)
	}
	return appendTrailer(b, sumOf([]byte(strings.Join(texts, ""))))
}

func unzip(t *testing.T, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestStoredBlocks(t *testing.T) {
	for _, n := range []int{0, 1, 100, storedLimit - 1, storedLimit, storedLimit + 1, 3*storedLimit + 7} {
		text := strings.Repeat("x", n)
		if got := unzip(t, stream([]string{text}, appendStored(nil, []byte(text)))); got != text {
			t.Errorf("%d bytes stored come back as %d", n, len(got))
		}
	}
}

// A chunk stands on its own: it can follow, and be followed by, any other chunk or stored block, the same one included.
func TestChunksInAnyOrder(t *testing.T) {
	a := strings.Repeat("the same words again and again, ", 3000)
	b := strings.ToUpper(a)
	for _, level := range []int{quickLevel, thoroughLevel} {
		ca, cb, stored := deflate([]byte(a), level), deflate([]byte(b), level), appendStored(nil, []byte(","))
		texts := []string{b, ",", a, a, ",", b}
		got := unzip(t, stream(texts, cb, stored, ca, ca, stored, cb))
		if got != strings.Join(texts, "") {
			t.Errorf("level %d: chunks do not stand on their own", level)
		}
		if len(ca) > len(a)/50 {
			t.Errorf("level %d: %d bytes became %d", level, len(a), len(ca))
		}
	}
}
