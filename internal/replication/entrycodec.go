package replication

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// What heureka nodes say to each other beside batches. It is ours alone: both ends are heureka, and what one does not
// know it leaves out. The documents say their protocol for those who keep them; a request and its answer say it in a header.

// digestAnswer answers GET peerreplication/digest.
type digestAnswer struct {
	Protocol int    `json:"protocol,omitempty"`
	Digest   []byte `json:"digest"`          // one number of eight bytes for each bucket
	WholeMS  int64  `json:"whole,omitempty"` // see Config.Whole; 0: not known
}

// bucketsRequest asks POST peerreplication/buckets for what the asker lacks.
type bucketsRequest struct {
	Protocol int         `json:"protocol,omitempty"`
	Buckets  bucketsList `json:"buckets"`
}

// bucketRequest names a bucket, and what the asker has in it.
type bucketRequest struct {
	Bucket int    `json:"bucket"`
	Have   []byte `json:"have,omitempty"` // digests of entries, eight bytes each
}

// bucketsAnswer holds the entries of the first buckets asked for that the asker does not have; those in Rest it must ask
// for again.
type bucketsAnswer struct {
	Protocol int        `json:"protocol,omitempty"`
	Rest     numberList `json:"rest,omitempty"`

	entries []readEntry // "entries", which encoding/json would go through four times
}

// A readEntry is one of an answer, or what is wrong with it.
type readEntry struct {
	registry.Entry
	bad error
}

// readAnswer reads the entries on all processors: most of a copy is that.
func readAnswer(doc []byte) (a bucketsAnswer, err error) {
	doc, docs, err := wire.CutList(doc, "entries", maxEntries)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(doc, &a); err != nil || docs == nil {
		return a, err
	}
	a.entries = make([]readEntry, len(docs))
	const atOnce = 64
	var next atomic.Int64
	var reading sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(docs)/atOnce+1) {
		reading.Go(func() {
			for end := int(next.Add(atOnce)); end-atOnce < len(docs); end = int(next.Add(atOnce)) {
				for i := end - atOnce; i < min(end, len(docs)); i++ {
					a.entries[i].Entry, a.entries[i].bad = ReadRecord(docs[i])
				}
			}
		})
	}
	reading.Wait()
	return a, nil
}

// Lists that refuse more than there can be, before it has taken memory: three bytes of JSON can make a hundred.
type (
	bucketsList []bucketRequest
	numberList  []int
	commandList []commandDoc
)

func (l *bucketsList) UnmarshalJSON(b []byte) (err error) {
	*l, err = counted[bucketRequest](b, registry.Buckets)
	return err
}

func (l *numberList) UnmarshalJSON(b []byte) (err error) {
	*l, err = counted[int](b, bucketsAtOnce)
	return err
}

func (l *commandList) UnmarshalJSON(b []byte) (err error) {
	*l, err = counted[commandDoc](b, maxCommands)
	return err
}

// maxCommands is how many entries of one instance's metadata operators may have set.
const maxCommands = 4096

var (
	errCrowded = errors.New("list has too many elements")
	errNoList  = errors.New("list expected")
)

// counted reads an array of at most limit elements.
func counted[T any](b []byte, limit int) ([]T, error) {
	list := []T{}
	d := json.NewDecoder(bytes.NewReader(b))
	switch opened, err := d.Token(); {
	case err != nil || opened == nil: // null is no list, as in encoding/json
		return nil, err
	case opened != json.Delim('['):
		return nil, errNoList
	}
	for d.More() {
		if len(list) == limit {
			return nil, errCrowded
		}
		list = append(list, *new(T))
		if err := d.Decode(&list[len(list)-1]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// entryDoc is a registry.Entry.
type entryDoc struct {
	App         string          `json:"app"`
	ID          string          `json:"id"`
	DirtyMS     int64           `json:"dirty"`
	Rev         uint64          `json:"rev"`
	Override    string          `json:"override,omitempty"`
	OverrideRev uint64          `json:"overrideRev,omitempty"`
	AgeMS       int64           `json:"age"`
	Instance    json.RawMessage `json:"record,omitempty"` // cut out before this is decoded; absent: cancelled; noRecord
	Owner       string          `json:"owner,omitempty"`

	Operators *operatorsDoc `json:"operators,omitempty"`
}

// operatorsDoc is when operators said what, and about what.
type operatorsDoc struct {
	Clock      string      `json:"clock,omitempty"` // of the last command about the override
	AboutDirty int64       `json:"aboutDirty,omitempty"`
	AboutRev   uint64      `json:"aboutRev,omitempty"`
	Restored   string      `json:"restored,omitempty"`
	Metadata   commandList `json:"metadata,omitempty"`
}

// commandDoc is a registry.MetadataCommand.
type commandDoc struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Clock string `json:"clock"`
}

// noRecord stands for an instance of which nothing is said but its override, as in snapshots: see registry.Entry.OnlyOverride.
var noRecord = json.RawMessage("null")

// headOf returns all that is said of an entry but its record.
func headOf(e *registry.Entry) entryDoc {
	d := entryDoc{
		App: e.Key.App, ID: e.Key.ID, DirtyMS: e.DirtyMS, Rev: e.Rev, OverrideRev: e.OverrideRev, AgeMS: e.Age.Milliseconds(), Owner: e.Owner,
		Operators: operatorsOf(e),
	}
	if e.HasOverride {
		d.Override = e.Override.String()
	}
	return d
}

// operatorsOf returns nil if they have said nothing.
func operatorsOf(e *registry.Entry) *operatorsDoc {
	if e.Clock.IsZero() && len(e.Metadata) == 0 {
		return nil
	}
	d := &operatorsDoc{Clock: e.Clock.String(), AboutDirty: e.About.DirtyMS, AboutRev: e.About.Rev}
	if e.Restored != heureka.StatusUnknown {
		d.Restored = e.Restored.String()
	}
	for _, c := range e.Metadata {
		d.Metadata = append(d.Metadata, commandDoc{c.Key, c.Value, c.Clock.String()})
	}
	return d
}

// tell gives e what d says; whether that makes sense is for Merge to judge.
func (d *operatorsDoc) tell(e *registry.Entry) (err error) {
	e.About = registry.About{DirtyMS: d.AboutDirty, Rev: d.AboutRev}
	if d.Restored != "" {
		var ok bool
		if e.Restored, ok = heureka.ParseStatus(d.Restored); !ok {
			return fmt.Errorf("unknown status %q", d.Restored)
		}
	}
	if d.Clock != "" {
		if e.Clock, err = registry.ParseClock(d.Clock); err != nil {
			return err
		}
	}
	for _, c := range d.Metadata {
		clock, err := registry.ParseClock(c.Clock)
		if err != nil {
			return err
		}
		e.Metadata = append(e.Metadata, registry.MetadataCommand{Key: c.Key, Value: c.Value, Clock: clock})
	}
	return nil
}

// entry returns what the document says beside the record; whether that makes sense is for Merge to judge.
func (d *entryDoc) entry() (registry.Entry, error) {
	e := registry.Entry{
		Key: heureka.Key{App: d.App, ID: d.ID}, DirtyMS: d.DirtyMS, Rev: d.Rev, OverrideRev: d.OverrideRev,
		Age: time.Duration(d.AgeMS) * time.Millisecond, Tombstone: len(d.Instance) == 0,
	}
	if d.Override != "" {
		var ok bool
		if e.Override, ok = heureka.ParseStatus(d.Override); !ok {
			return e, fmt.Errorf("entry %s: unknown status %q", e.Key, d.Override)
		}
		e.HasOverride = true
	}
	if d.Operators != nil {
		if err := d.Operators.tell(&e); err != nil {
			return e, fmt.Errorf("entry %s: %w", e.Key, err)
		}
	}
	if len(d.Owner) <= wire.MaxOwner {
		e.Owner = d.Owner
	}
	return e, nil
}

var errDigest = errors.New("digest has the wrong size")

func appendWords(b []byte, words ...uint64) []byte {
	for _, w := range words {
		b = binary.BigEndian.AppendUint64(b, w)
	}
	return b
}

func decodeDigest(b []byte) (d [registry.Buckets]uint64, err error) {
	if len(b) != 8*len(d) {
		return d, errDigest
	}
	for i := range d {
		d[i] = binary.BigEndian.Uint64(b[8*i:])
	}
	return d, nil
}

// Root returns the hash of a whole digest, fit for a header.
func Root(d *[registry.Buckets]uint64) string {
	var root uint64
	for _, w := range d {
		root = (root ^ w) * 0x9e3779b97f4a7c15 // an odd number: every bit of every bucket counts
		root ^= root >> 29
	}
	return base64.RawURLEncoding.EncodeToString(appendWords(nil, root))
}
