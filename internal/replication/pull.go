package replication

import (
	"encoding/json"
	"fmt"
	"time"

	"heureka.internal/heureka/internal/registry"
)

const (
	bucketsAtOnce   = 32
	maxBucketsBatch = 8 << 20 // the size after which an answer leaves the rest for another request
)

// A Pull takes over what another heureka node knows better in some buckets. It does no I/O: its owner posts Request and hands
// the answer to Take, until there is nothing more to ask for.
type Pull struct {
	Changed  int // instances that changed here
	Received int // instances that came

	store Store
	from  registry.Origin
	left  []int
	asked int // of left, those in the last request
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
		for _, e := range p.store.Bucket(i, now) {
			b.Have = appendWords(b.Have, e.Digest())
		}
		ask.Buckets = append(ask.Buckets, b)
	}
	return encoded(ask)
}

// Take merges an answer.
func (p *Pull) Take(doc []byte, now time.Time) error {
	var answer bucketsAnswer
	if err := json.Unmarshal(doc, &answer); err != nil {
		return err
	}
	if len(answer.Rest) >= p.asked {
		return fmt.Errorf("none of %d buckets came", p.asked)
	}
	for i := range answer.Entries {
		e, err := answer.Entries[i].entry()
		if err != nil {
			return err
		}
		if !e.Tombstone {
			p.Received++
		}
		e.From = p.from
		if p.store.Merge(e, now) {
			p.Changed++
		}
	}
	p.left = append(answer.Rest, p.left[p.asked:]...)
	return nil
}

// AnswerDigest returns the answer to a node that asks for the digest.
func AnswerDigest(store Store) []byte {
	d := store.Digest()
	return encoded(digestAnswer{Protocol: Protocol, Digest: appendWords(nil, d[:]...)})
}

// TakeDigest reads such an answer.
func TakeDigest(doc []byte) (d [registry.Buckets]uint64, err error) {
	var answer digestAnswer
	if err := json.Unmarshal(doc, &answer); err != nil {
		return d, err
	}
	return decodeDigest(answer.Digest)
}

// AnswerBuckets returns the entries that the asker lacks; nil if it asks for what there is not.
func AnswerBuckets(store Store, body []byte, now time.Time) []byte {
	var ask bucketsRequest
	if json.Unmarshal(body, &ask) != nil || len(ask.Buckets) > registry.Buckets {
		return nil
	}
	answer := bucketsAnswer{Protocol: Protocol, Entries: []entryDoc{}}
	size := 0
	for _, b := range ask.Buckets {
		switch {
		case b.Bucket < 0 || b.Bucket >= registry.Buckets:
			return nil
		case size > maxBucketsBatch:
			answer.Rest = append(answer.Rest, b.Bucket)
		default:
			size += answer.add(store, b, now)
		}
	}
	return encoded(answer)
}

// add returns about how many bytes it added.
func (a *bucketsAnswer) add(store Store, b bucketRequest, now time.Time) (size int) {
	have := wordSet(b.Have)
	for _, e := range store.Bucket(b.Bucket, now) {
		if have[e.Digest()] {
			continue
		}
		d := docOf(&e)
		a.Entries = append(a.Entries, d)
		size += len(d.Instance) + len(d.App) + len(d.ID) + 64
	}
	return size
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
