package replication

import (
	"time"

	"heureka.internal/heureka/internal/registry"
)

// Times that bound for how long two nodes that can talk may disagree. Those between nodes are jittered by a quarter.
const (
	ProbeInterval = 30 * time.Second // an empty batch to a peer that nothing was sent to
	SettleTime    = 3 * time.Second  // for how long digests must differ before that is a difference
	LongestPause  = longest          // towards a peer that fails

	// FruitlessTime is for how long Fruitless remembers. It ends what a node may have missed because the age of a record
	// is in no digest: one that was evicted here, had run out there, and was renewed there after the comparison.
	FruitlessTime = time.Minute
)

// A Drift decides when two nodes compare their registries: when these differ for longer than changes are under way. It
// does no I/O and is not safe for concurrent use.
type Drift struct {
	since     time.Time // they have differed at every look since; zero: they do not differ
	notBefore time.Time // the next exchange
}

// Equal notes that the digests are the same.
func (d *Drift) Equal() { d.since = time.Time{} }

// Differ notes that the digests differ, and reports whether to exchange now. If that does not count yet, another look is
// worth while at look.
func (d *Drift) Differ(now time.Time, atOnce bool) (exchange bool, look time.Time) {
	if d.since.IsZero() {
		d.since = now
	}
	if atOnce {
		d.notBefore = now
		return true, now
	}
	look = later(d.since.Add(SettleTime), d.notBefore)
	return !now.Before(look), look
}

// May reports whether the last exchange is long enough ago.
func (d *Drift) May(now time.Time) bool { return !now.Before(d.notBefore) }

// Exchanged notes the end of an exchange. One that brought nothing is not worth repeating before pause is over:
// registries can differ for good reasons, such as instances that are expired and protected on one side only.
func (d *Drift) Exchanged(healed int, pause time.Duration, now time.Time) {
	if healed > 0 {
		pause = SettleTime
	}
	*d = Drift{notBefore: now.Add(pause)}
}

// Fruitless remembers which buckets were still different after an exchange, so that they are not fetched again and again
// while both sides stay as they are.
type Fruitless map[int]bucketPair

type bucketPair struct {
	mine, theirs uint64
	at           time.Time
}

// Differing returns the buckets to fetch.
func (f Fruitless) Differing(mine, theirs *[registry.Buckets]uint64, now time.Time) (buckets []int) {
	for i := range mine {
		b, ok := f[i]
		known := ok && b.mine == mine[i] && b.theirs == theirs[i] && now.Sub(b.at) < FruitlessTime
		if mine[i] != theirs[i] && !known {
			buckets = append(buckets, i)
		}
	}
	return buckets
}

// Remember notes what these buckets are after they have been merged.
func (f Fruitless) Remember(buckets []int, mine, theirs *[registry.Buckets]uint64, now time.Time) {
	for _, i := range buckets {
		if mine[i] == theirs[i] {
			delete(f, i)
			continue
		}
		f[i] = bucketPair{mine[i], theirs[i], now}
	}
}
