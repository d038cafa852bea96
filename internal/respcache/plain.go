package respcache

import (
	"io"
	"sync"

	"github.com/klauspost/compress/flate"
)

// plain returns the answer that has the text of a, which is compressed. Keeping the text as well would cost twenty times as
// much memory as a does: with 10,000 instances in both formats, that doubled what a node needs. Inflating takes 2.5 ms a
// megabyte, and whoever cares about that asks for gzip.
func (a *Answer) plain() *Answer {
	tag := a.ETag[:len(a.ETag)-1] + `-p"`
	return &Answer{Format: a.Format, ETag: tag, Length: a.text, packed: a}
}

// inflaters keeps idle decompressors, which have a window of 32 KiB.
var inflaters = sync.Pool{New: func() any { return flate.NewReader(nil) }}

// inflateTo writes the text of the compressed answer, whose gzip header and trailer are not needed for that: its sizes and
// sums are known to be right.
func (a *Answer) inflateTo(w io.Writer) (int64, error) {
	from := a.packed.Body()
	defer from.Close()
	from.skip(len(gzipHeader))
	z := inflaters.Get().(io.ReadCloser)
	defer inflaters.Put(z)
	if err := z.(flate.Resetter).Reset(from, nil); err != nil {
		return 0, err
	}
	g := gatherers.Get().(*gatherer)
	defer g.release()
	g.w = w
	if _, err := io.Copy(g, z); err != nil {
		return g.n, err
	}
	g.flush()
	return g.n, g.err
}
