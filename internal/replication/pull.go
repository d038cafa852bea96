package replication

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"heureka.internal/heureka/internal/registry"
)

const (
	bucketsAtOnce   = 32
	maxBucketsBatch = 8 << 20                           // the size after which an answer leaves the rest for another request
	usualEntry      = 1500                              // of one with its record; buffers grow where it is more
	entryOverhead   = 64                                // of each entry, in that size
	maxEntries      = maxBucketsBatch/entryOverhead + 1 // that an answer can have
	maxDigest       = 64 << 10
)

// A Pull takes over what another heureka node knows better in some buckets. It does no I/O: its owner posts Request and hands
// the answer to Take, until there is nothing more to ask for.
type Pull struct {
	Changed  int // instances that changed here
	Received int // instances that came
	Refused  int // of these, those that the limits of this node do not allow

	store Store
	from  registry.Origin
	left  []int
	gate  *gate // nil: all may come in
	bad   error // of the first record that makes no sense
	no    error // of the last one that was refused
	fresh int   // of Refused, those that were not known to be
	asked int   // of left, those in the last request
}

// NewPull returns the pull of these buckets from a node.
func NewPull(store Store, from registry.Origin, buckets []int) *Pull {
	return &Pull{store: store, from: from, left: buckets}
}

// Request returns what to ask next; nil: nothing.
func (p *Pull) Request(now time.Time) []byte {
	p.asked = min(len(p.left), bucketsAtOnce)
	if p.asked == 0 {
		return nil
	}
	ask := bucketsRequest{Protocol: Protocol}
	for _, i := range p.left[:p.asked] {
		b := bucketRequest{Bucket: i}
		for _, k := range p.store.Bucket(i, now) {
			b.Have = appendWords(b.Have, k.Digest())
		}
		b.Have = appendWords(b.Have, p.gate.refusedOf(i, now)...)
		ask.Buckets = append(ask.Buckets, b)
	}
	return encoded(ask)
}

// Take merges an answer.
func (p *Pull) Take(doc []byte, now time.Time) error {
	answer, err := readAnswer(doc)
	if err != nil {
		return err
	}
	if len(answer.Rest) > p.asked || len(answer.Rest) == p.asked && len(answer.entries) == 0 {
		return fmt.Errorf("none of %d requested buckets arrived", p.asked)
	}
	before, fresh := p.store.Digest(), p.fresh
	for i := range answer.entries {
		p.bad = cmp.Or(p.bad, p.merge(&answer.entries[i], now)) // a bad record costs that record
	}
	if len(answer.Rest) == p.asked && (p.fresh == fresh || p.fresh > maxRefused) && p.store.Digest() == before {
		answer.Rest = answer.Rest[1:] // what came of this bucket is not taken over: it would come again for ever
	}
	p.left = append(answer.Rest, p.left[p.asked:]...)
	return nil
}

// merge merges one entry. The error is that of one that makes no sense.
func (p *Pull) merge(read *readEntry, now time.Time) error {
	e := read.Entry
	if read.bad != nil {
		return read.bad
	}
	if !e.Valid() {
		return fmt.Errorf("invalid entry %.200q", e.Key)
	}
	if !e.Tombstone {
		p.Received++
	}
	if fresh, err := p.gate.refuses(&e, p.from, now); err != nil {
		p.Refused, p.no = p.Refused+1, err
		if fresh {
			p.fresh++
		}
		return nil
	}
	e.From = p.from
	if p.store.Merge(e, now) {
		p.Changed++
	}
	return nil
}

// Err says why a pull that has ended is not whole; nil if it is.
func (p *Pull) Err() error { return p.bad }

// AnswerDigest returns the answer to a node that asks for the digest; whole is as of Config.Whole.
func AnswerDigest(store Store, whole time.Duration) []byte {
	d := store.Digest()
	return encoded(digestAnswer{Protocol: Protocol, Digest: appendWords(nil, d[:]...), WholeMS: whole.Milliseconds()})
}

// TakeDigest reads such an answer.
func TakeDigest(doc []byte) (d [registry.Buckets]uint64, whole time.Duration, err error) {
	if len(doc) > maxDigest {
		return d, 0, errDigest
	}
	var answer digestAnswer
	if err := json.Unmarshal(doc, &answer); err != nil {
		return d, 0, err
	}
	d, err = decodeDigest(answer.Digest)
	return d, time.Duration(max(0, min(answer.WholeMS, maxWholeMS))) * time.Millisecond, err
}

// maxWholeMS is more than a node runs, and not too much for a duration.
const maxWholeMS = int64(100 * 365 * 24 * time.Hour / time.Millisecond)

// AnswerBuckets returns the entries that the asker lacks; nil if it asks for what there is not.
func AnswerBuckets(store Store, body []byte, now time.Time) []byte {
	var ask bucketsRequest
	if json.Unmarshal(body, &ask) != nil {
		return nil
	}
	a := newAnswer()
	var asked [registry.Buckets]bool
	for _, b := range ask.Buckets {
		if b.Bucket < 0 || b.Bucket >= registry.Buckets {
			reuse(a.doc)
			return nil
		}
		if asked[b.Bucket] {
			continue
		}
		asked[b.Bucket] = true
		if !a.add(store, b, now) {
			a.rest = append(a.rest, b.Bucket)
		}
	}
	return a.end()
}

// An answering is a bucketsAnswer while it is put together.
type answering struct {
	doc     []byte
	entries int
	rest    []int
}

func newAnswer() *answering {
	var doc []byte
	if used, ok := answers.Get().(*[]byte); ok {
		doc = (*used)[:0]
	}
	return &answering{doc: fmt.Appendf(doc, `{"protocol":%d,"entries":[`, Protocol)}
}

// answers are documents that have been sent: who copies a large registry asks for a hundred, each some megabytes.
var answers sync.Pool

// reuse lets the memory of an answer serve for another one.
func reuse(doc []byte) {
	if cap(doc) <= maxAnswer {
		answers.Put(&doc)
	}
}

// add adds what the asker lacks of a bucket. It reports whether that is all: an answer ends before the record that would make
// it too large, but for the first, so that the largest legal one fits and each answer brings something.
func (a *answering) add(store Store, b bucketRequest, now time.Time) bool {
	if a.size() > maxBucketsBatch {
		return false
	}
	lacks := lacking(store.Bucket(b.Bucket, now), b.Have)
	a.doc = slices.Grow(a.doc, min(len(lacks)*usualEntry, max(maxBucketsBatch-len(a.doc), 0)))
	for i := range lacks {
		e := lacks[i].Entry()
		before := len(a.doc)
		if a.entries > 0 {
			a.doc = append(a.doc, ',')
		}
		a.doc = AppendRecord(a.doc, &e)
		if a.entries++; a.entries > 1 && a.size() > maxBucketsBatch {
			a.doc, a.entries = a.doc[:before], maxEntries // nothing more fits
			return false
		}
	}
	return true
}

// lacking returns what one who has entries with these digests lacks of what is known.
func lacking(known []registry.Known, have []byte) []registry.Known {
	if len(have) < 8 {
		return known
	}
	digests := make(map[uint64]bool, len(known))
	for i := range known {
		digests[known[i].Digest()] = true
	}
	for ; len(have) >= 8; have = have[8:] { // whatever the asker says it has, it takes no memory here
		delete(digests, binary.BigEndian.Uint64(have))
	}
	return slices.DeleteFunc(known, func(k registry.Known) bool { return !digests[k.Digest()] })
}

func (a *answering) size() int { return len(a.doc) + a.entries*entryOverhead }

func (a *answering) end() []byte {
	a.doc = append(a.doc, ']')
	if a.rest != nil {
		a.doc = append(append(a.doc, `,"rest":`...), encoded(a.rest)...)
	}
	doc := append(a.doc, '}')
	if len(doc) < cap(doc)/4 { // the memory of a large one is for large ones
		small := bytes.Clone(doc)
		reuse(doc)
		return small
	}
	return doc
}

// NonZero returns the buckets that are not empty.
func NonZero(d *[registry.Buckets]uint64) (buckets []int) {
	for i, w := range d {
		if w != 0 {
			buckets = append(buckets, i)
		}
	}
	return buckets
}

func encoded(v any) []byte {
	doc, _ := json.Marshal(v) // numbers and texts: nothing that cannot be encoded
	return doc
}
