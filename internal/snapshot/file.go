// Package snapshot keeps a copy of a node's registry on disk: what a file of it looks like, how it gets there whole, and who may
// write it. It knows nothing of what the records in it mean.
package snapshot

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/klauspost/compress/gzip"
)

// Version is that of the form of the file. A file of another version is not read.
const Version = 1

const (
	kind      = "heureka registry"
	maxRecord = 64 << 20 // longer lines are not ours
)

// A Header is the first line of a file.
type Header struct {
	Kind    string    `json:"kind"`
	Version int       `json:"version"`
	Records string    `json:"records"` // the form of the records
	Node    string    `json:"node"`    // who wrote it
	At      time.Time `json:"at"`      // by the clock of who wrote it: when it began to
}

// A trailer is the last line. A whole file has as many records as it says; gzip adds the checksum of all.
type trailer struct {
	Count *int `json:"count"`
}

// errTorn is the error of a file whose end is missing.
var errTorn = errors.New("the file ends before its last record")

// write writes a file to w: JSON lines, compressed. The records must hold no line breaks.
func write(w io.Writer, h Header, records iter.Seq[[]byte]) (count int, err error) {
	h.Kind, h.Version = kind, Version
	z, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(z, 64<<10)
	lines := json.NewEncoder(out)
	if err := lines.Encode(h); err != nil {
		return 0, err
	}
	for record := range records {
		_, _ = out.Write(record) // what failed is told by the next write that can
		if err := out.WriteByte('\n'); err != nil {
			return count, err
		}
		count++
	}
	if err := lines.Encode(trailer{&count}); err != nil {
		return count, err
	}
	return count, errors.Join(out.Flush(), z.Close())
}

// read reads a file from r and gives each record to use, which must not keep it. What is wrong with the file may turn out only
// after its records: who needs a whole one reads it twice.
func read(r io.Reader, use func(record []byte)) (h Header, count int, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return h, 0, fmt.Errorf("it is no snapshot: %w", err)
	}
	defer z.Close()
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, maxRecord)
	if h, err = header(lines); err != nil {
		return h, 0, err
	}
	// The last line is the trailer. Each is held back until there is another one.
	var last []byte
	for lines.Scan() {
		if last != nil {
			use(last)
			count++
		}
		last = append(last[:0], lines.Bytes()...)
	}
	if err := lines.Err(); err != nil {
		return h, count, fmt.Errorf("%w: %w", errTorn, err)
	}
	var end trailer
	if err := json.Unmarshal(last, &end); err != nil || end.Count == nil {
		return h, count, errTorn
	}
	if *end.Count != count {
		return h, count, fmt.Errorf("it has %d records and says that they are %d", count, *end.Count)
	}
	return h, count, nil
}

// readHeader reads only the first line of a file.
func readHeader(r io.Reader) (Header, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return Header{}, err
	}
	defer z.Close()
	return header(bufio.NewScanner(z))
}

// header reads the first line.
func header(lines *bufio.Scanner) (h Header, err error) {
	if !lines.Scan() {
		if err := lines.Err(); err != nil {
			return h, fmt.Errorf("%w: %w", errTorn, err)
		}
		return h, errTorn
	}
	if err := json.Unmarshal(lines.Bytes(), &h); err != nil || h.Kind != kind {
		return h, errors.New("it is no snapshot of a registry")
	}
	if h.Version != Version {
		return h, fmt.Errorf("its version is %d, this program reads %d", h.Version, Version)
	}
	return h, nil
}
