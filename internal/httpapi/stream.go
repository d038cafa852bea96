package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"slices"

	"heureka.internal/heureka/internal/wire"
)

// A batchStream reads the entries of a batch one after the other, so that a long one of large records takes the memory of one
// of them.
type batchStream struct {
	src    limitedReader
	limit  int64 // bytes of an entry
	dec    *json.Decoder
	limits wire.Limits
	read   int
	begun  bool
}

// maxBetween is how many bytes of a batch may stand beside its entries.
const maxBetween = 1 << 20

// newBatchStream reads a batch from src, of entries that have at most limit bytes each.
func newBatchStream(src io.Reader, limit int64, limits wire.Limits) *batchStream {
	s := &batchStream{src: limitedReader{src: src}, limit: limit, limits: limits}
	s.dec = json.NewDecoder(&s.src)
	return s
}

// next returns the next entry; io.EOF behind the last one.
func (s *batchStream) next() (*wire.ReplicationItem, error) {
	s.src.left = s.limit + maxBetween
	if !s.begun {
		if err := s.begin(); err != nil {
			return nil, err
		}
		s.begun = true
	}
	if !s.dec.More() {
		return nil, s.end()
	}
	if s.read++; s.limits.BatchEntries > 0 && s.read > s.limits.BatchEntries {
		return nil, wire.ErrTooManyEntries
	}
	var entry json.RawMessage
	if err := s.dec.Decode(&entry); err != nil {
		return nil, err
	}
	if int64(len(entry)) > s.limit {
		return nil, errTooLarge
	}
	items, err := s.limits.DecodeBatch(slices.Concat([]byte(`{"replicationList":[`), entry, []byte(`]}`)))
	if err != nil {
		return nil, err
	}
	return &items[0], nil
}

var errNoBatch = errors.New("want a batch: {\"replicationList\":[...]}")

// begin reads up to the first entry. Members before the list are left alone, as of a batch that is read whole.
func (s *batchStream) begin() error {
	if t, err := s.dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, errNoBatch)
	}
	for s.dec.More() {
		name, err := s.dec.Token()
		if err != nil {
			return err
		}
		if name == "replicationList" {
			if t, err := s.dec.Token(); err != nil || t != json.Delim('[') {
				return errors.Join(err, errNoBatch)
			}
			return nil
		}
		var other json.RawMessage
		if err := s.dec.Decode(&other); err != nil {
			return err
		}
	}
	return errNoBatch
}

// end reads what stands behind the list, and returns io.EOF if that is as it should be.
func (s *batchStream) end() error {
	for {
		if _, err := s.dec.Token(); err != nil {
			return err // io.EOF at the end of the document
		}
	}
}
