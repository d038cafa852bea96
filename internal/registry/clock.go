package registry

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Clock orders what operators say, on whichever node they say it: a hybrid logical clock. Its time is that of the node's
// wall clock, or just after the latest that the node has heard of; of two equal times the nodes decide. Whoever has seen a
// command therefore speaks after it, and of others the wall clocks decide, which may be apart by as much as they are wrong.
// The zero Clock is before all others: nobody knows when that was said.
type Clock struct {
	Time uint64 // milliseconds since the epoch, and below them clockBits that count
	Node uint64 // random bits of the node that it was said to
}

const (
	clockBits = 16

	// maxSkew is how far a clock may be ahead of a node's own to move it. The stamp of one that is further ahead is kept and
	// compared as it is, by every node alike, but no node follows it.
	maxSkew = time.Minute
)

// IsZero reports whether nobody knows when it was.
func (c Clock) IsZero() bool { return c == Clock{} }

// Valid reports whether something can come after it.
func (c Clock) Valid() bool { return c.Time < math.MaxInt64 && (c.Time != 0 || c.Node == 0) }

func (c Clock) compare(d Clock) int {
	return cmp.Or(cmp.Compare(c.Time, d.Time), cmp.Compare(c.Node, d.Node))
}

// String returns the clock as nodes write it: time and node, in base 36.
func (c Clock) String() string {
	return strconv.FormatUint(c.Time, 36) + "." + strconv.FormatUint(c.Node, 36)
}

// ParseClock reads what String writes.
func ParseClock(s string) (c Clock, err error) {
	at, node, _ := strings.Cut(s, ".")
	if c.Time, err = strconv.ParseUint(at, 36, 64); err == nil {
		c.Node, err = strconv.ParseUint(node, 36, 64)
	}
	if err == nil && !c.Valid() {
		err = strconv.ErrRange
	}
	if err != nil {
		return Clock{}, fmt.Errorf("clock %.40q: %w", s, err)
	}
	return c, nil
}

// A ticker is the clock of a node. Guarded by Registry.mu.
type ticker struct {
	node   uint64
	latest uint64 // time that was given or heard
}

// tick returns a clock that is later than all that were given, heard or are in after.
func (k *ticker) tick(t instant, after Clock) Clock {
	k.latest = max(k.latest+1, wallTime(t))
	return Clock{Time: max(k.latest, after.Time+1), Node: k.node}
}

// hear notes another node's clock, unless that one is wrong.
func (k *ticker) hear(c Clock, t instant) {
	if c.Time <= wallTime(t)+uint64(maxSkew.Milliseconds())<<clockBits {
		k.latest = max(k.latest, c.Time)
	}
}

func wallTime(t instant) uint64 { return uint64(max(t.ms(), 0)) << clockBits }
