package respcache

import (
	"bytes"
	"encoding/binary"
	"sync"

	"github.com/klauspost/compress/flate"
)

// Compression levels, measured on records of 1 kB, 128 in a chunk: level 5 takes 0.3 ms a chunk and gives 10 % more than
// one piece of zlib's level 6, level 8 takes 0.8 ms and gives 7 % more. Level 9 is slower than 8 and not smaller.
const (
	quickLevel    = 5
	thoroughLevel = 8
)

// gzipHeader begins a stream: deflate, no name, no time, so that equal contents give equal bytes.
const gzipHeader = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

// lastBlock is an empty final block; every other block is written as not final, so that chunks can follow each other.
const lastBlock = "\x03\x00"

// storedLimit is the longest text of a stored block.
const storedLimit = 1<<16 - 1

// appendStored appends text as stored blocks: they begin and end on a byte, need no window, and cost nothing to make.
func appendStored(b, text []byte) []byte {
	for len(text) > 0 {
		n := min(len(text), storedLimit)
		b = append(b, 0)
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint16(b, ^uint16(n))
		b = append(b, text[:n]...)
		text = text[n:]
	}
	return b
}

// appendTrailer ends the stream of the text that s describes.
func appendTrailer(b []byte, s sum) []byte {
	b = append(b, lastBlock...)
	b = binary.LittleEndian.AppendUint32(b, s.crc)
	return binary.LittleEndian.AppendUint32(b, uint32(s.n))
}

// A compressor makes chunks: deflate blocks that end on a byte and never refer to what came before them.
type compressor struct {
	writer *flate.Writer
	out    bytes.Buffer
}

// compressors keeps idle compressors, which are large (about 1 MB), for each level.
var compressors = map[int]*sync.Pool{
	quickLevel:    {New: func() any { return newCompressor(quickLevel) }},
	thoroughLevel: {New: func() any { return newCompressor(thoroughLevel) }},
}

func newCompressor(level int) *compressor {
	w, err := flate.NewWriter(nil, level)
	if err != nil {
		panic(err) // the level is one of the constants above
	}
	return &compressor{writer: w}
}

// deflate returns text as a chunk.
func deflate(text []byte, level int) []byte {
	pool := compressors[level]
	c := pool.Get().(*compressor)
	defer pool.Put(c)
	return c.deflate(text)
}

// deflate ignores errors: they could come from the buffer only, which has none.
func (c *compressor) deflate(text []byte) []byte {
	c.out.Reset()
	c.writer.Reset(&c.out)
	_, _ = c.writer.Write(text)
	_ = c.writer.Flush()
	return bytes.Clone(c.out.Bytes())
}
