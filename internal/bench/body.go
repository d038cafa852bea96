package bench

import (
	"fmt"
	"hash/crc32"
	"io"
)

// A Body is what an answer's body looks like: enough to tell a right one from a wrong one without keeping either.
type Body struct {
	Size  int64
	Slack int64  // by how much an answer may be shorter or longer: one that changes meanwhile
	CRC   uint32 // Castagnoli; 0: any contents
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// BodyOf returns the Body of b.
func BodyOf(b []byte) Body { return Body{Size: int64(len(b)), CRC: crc32.Checksum(b, castagnoli)} }

// readBody reads r to its end.
func readBody(r io.Reader) (Body, error) {
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, r)
	return Body{Size: n, CRC: sum.Sum32()}, err
}

// differs says how got differs from what is expected; nil if it does not.
func (want *Body) differs(got Body) error {
	switch {
	case max(got.Size-want.Size, want.Size-got.Size) > want.Slack:
		return fmt.Errorf("answer of %d bytes, want %d", got.Size, want.Size)
	case want.CRC != 0 && got.CRC != want.CRC:
		return fmt.Errorf("answer of %d bytes with other contents than expected", got.Size)
	}
	return nil
}
