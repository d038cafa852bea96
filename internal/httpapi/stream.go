package httpapi

import (
	"bytes"
	"errors"
	"io"

	"heureka.internal/heureka/internal/wire"
)

// A batchStream reads the entries of a batch one after the other, so that a long one of large records takes the memory of one
// buffer, which is the call's and counts as bodies do.
type batchStream struct {
	*call
	in     *buffer // the part of the batch at hand; what is before pos has been read
	pos    int
	limits wire.Limits
	limit  int64 // bytes of an entry
	read   int   // entries
}

var errNoBatch = errors.New("want a batch: {\"replicationList\":[...]}")

// maxBlanks is how many of them may stand in a row.
const maxBlanks = 1 << 20

// next returns the next entry; io.EOF behind the last one.
func (s *batchStream) next() (it wire.ReplicationItem, err error) {
	if s.read == 0 {
		if err := s.expect("{", `"replicationList"`, ":", "["); err != nil {
			return it, err
		}
	}
	switch c, err := s.peek(); {
	case err != nil:
		return it, err
	case c == ']':
		return it, s.end()
	case s.read > 0:
		if err := s.expect(","); err != nil {
			return it, err
		}
	}
	if s.read++; s.limits.BatchEntries > 0 && s.read > s.limits.BatchEntries {
		return it, wire.ErrTooManyEntries
	}
	entry, err := s.object()
	if err != nil {
		return it, err
	}
	return s.limits.DecodeBatchEntry(entry)
}

// end reads what stands behind the entries. It returns io.EOF if that is the end of a batch, and of the body.
func (s *batchStream) end() error {
	if err := s.expect("]", "}"); err != nil {
		return err
	}
	switch _, err := s.peek(); err {
	case nil:
		return errNoBatch
	case io.ErrUnexpectedEOF:
		return io.EOF
	default:
		return err
	}
}

// expect reads over these words, each perhaps behind blanks.
func (s *batchStream) expect(words ...string) error {
	for _, word := range words {
		if _, err := s.peek(); err != nil {
			return err
		}
		for len(s.in.B)-s.pos < len(word) {
			if err := s.fill(); err != nil {
				return err
			}
		}
		if !bytes.HasPrefix(s.in.B[s.pos:], []byte(word)) {
			return errNoBatch
		}
		s.pos += len(word)
	}
	return nil
}

// peek reads over blanks and returns the character behind them.
func (s *batchStream) peek() (byte, error) {
	for blanks := 0; ; blanks++ {
		for s.pos == len(s.in.B) {
			if err := s.fill(); err != nil {
				return 0, err
			}
		}
		switch c := s.in.B[s.pos]; {
		case c != ' ' && c != '\n' && c != '\t' && c != '\r':
			return c, nil
		case blanks == maxBlanks:
			return 0, errTooLarge
		}
		s.pos++
	}
}

// object reads an object, whose inside only the decoder looks at.
func (s *batchStream) object() ([]byte, error) {
	switch c, err := s.peek(); {
	case err != nil:
		return nil, err
	case c != '{':
		return nil, errNoBatch
	}
	depth, quoted := 0, false
	for i := 0; int64(i) < s.limit; i++ {
		for s.pos+i >= len(s.in.B) {
			if err := s.fill(); err != nil {
				return nil, err
			}
		}
		switch c := s.in.B[s.pos+i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				entry := s.in.B[s.pos : s.pos+i+1]
				s.pos += i + 1
				return entry, nil
			}
		}
	}
	return nil, errTooLarge
}

// fill makes room for more of the body where it has been read, and reads on.
func (s *batchStream) fill() error {
	s.in.B = s.in.B[:copy(s.in.B, s.in.B[s.pos:])]
	s.pos = 0
	before := len(s.in.B)
	err := s.more(s.in, s.Request.Body)
	switch {
	case err == io.EOF && len(s.in.B) > before:
		return nil // it comes again
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}
