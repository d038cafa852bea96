package replication

import (
	"fmt"
	"sync"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

const (
	refusedTime  = 5 * time.Minute // for which a refused record is not asked for again: there may be room for it later
	maxRefused   = 1 << 16         // records remembered of a peer
	refusedPause = time.Minute     // between two lines about them
)

// A gate keeps out what a peer has and this node's limits do not allow, wherever it comes from beside batches. It remembers
// what it is, so that a peer that has it for good does not send it at each comparison. Safe for concurrent use.
type gate struct {
	admit func(in *heureka.Instance, origin registry.Origin) error // nil: all may come in

	mu      sync.Mutex
	known   int
	until   map[int]map[uint64]time.Time // by bucket and digest of the entry
	refused uint64
	said    time.Time
	unsaid  int // refused since
}

// check returns why a record may not come in.
func (g *gate) check(in *heureka.Instance, origin registry.Origin) error {
	if g == nil || g.admit == nil {
		return nil
	}
	err := g.admit(in, origin)
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.refused++
		g.unsaid++
	}
	return err
}

// refuses is check for an entry. It remembers the entry, and says whether it is a new one.
func (g *gate) refuses(e *registry.Entry, origin registry.Origin, now time.Time) (fresh bool, err error) {
	if e.Tombstone {
		return false, nil
	}
	if err = g.check(e.Instance, origin); err == nil {
		return false, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known >= maxRefused || g.until == nil {
		g.known, g.until = 0, make(map[int]map[uint64]time.Time)
	}
	bucket := g.until[e.Bucket()]
	if bucket == nil {
		bucket = make(map[uint64]time.Time)
		g.until[e.Bucket()] = bucket
	}
	digest := e.Digest()
	if _, known := bucket[digest]; !known {
		fresh = true
		g.known++
	}
	bucket[digest] = now.Add(refusedTime)
	return fresh, fmt.Errorf("entry %.200q: %w", e.Key, err)
}

// refusedOf returns the digests of the entries in a bucket that are not to be asked for.
func (g *gate) refusedOf(bucket int, now time.Time) (digests []uint64) {
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for digest, until := range g.until[bucket] {
		if !now.Before(until) {
			delete(g.until[bucket], digest)
			g.known--
			continue
		}
		digests = append(digests, digest)
	}
	return digests
}

// news returns how many records to tell of, at most once a minute.
func (g *gate) news(now time.Time) (records int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.unsaid == 0 || now.Sub(g.said) < refusedPause {
		return 0
	}
	records, g.unsaid, g.said = g.unsaid, 0, now
	return records
}

// count returns how many records have been refused.
func (g *gate) count() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.refused
}

// refusing tells of records of the peer that have been refused, the last one because of err.
func (p *peer) refusing(err error) {
	if err == nil {
		return
	}
	if n := p.gate.news(p.set.cfg.Now()); n > 0 {
		p.set.log.Warn("records of peer refused", "peer", p.conn.URL(), "records", n, "err", err)
	}
}
