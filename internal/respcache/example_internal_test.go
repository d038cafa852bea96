package respcache

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

// The numbers of docs/design/chunked-answers.md.
func TestWorkedExample(t *testing.T) {
	deflated, err := hex.DecodeString(strings.ReplaceAll("f2 0f 72 71 0d 0a 06 00 00 00 ff ff", " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	head, tail := glue([]byte(`{"application":[`)), glue([]byte(`]}`))
	piece := segment{bytes: deflated, text: sumOf([]byte("ORDERS"))}
	for _, tt := range []struct{ got, want sum }{
		{head.text, sum{0xdd24f75d, 0xa06a2517, 16}},
		{piece.text, sum{0x15d73a68, 0xe1351b80, 6}},
		{tail.text, sum{0x60783c67, 0x00008000, 2}},
	} {
		if tt.got != tt.want {
			t.Errorf("the sum is %x, want %x", tt.got, tt.want)
		}
	}
	all := head.text.then(piece.text)
	if all.crc != 0xf5d23306 {
		t.Errorf("head and piece: %x, want f5d23306", all.crc)
	}
	if all = all.then(tail.text); all.crc != 0x89f20f25 || all.n != 24 {
		t.Errorf("all: %x of %d bytes, want 89f20f25 of 24", all.crc, all.n)
	}
	answer := appendTrailer(bytes.Join([][]byte{[]byte(gzipHeader), head.bytes, piece.bytes, tail.bytes}, nil), all)
	z, err := gzip.NewReader(bytes.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(z); string(text) != `{"application":[ORDERS]}` || err != nil || len(answer) != 60 {
		t.Errorf("%d bytes, which gzip reads as %q, %v", len(answer), text, err)
	}
}
