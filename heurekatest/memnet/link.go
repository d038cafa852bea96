package memnet

import (
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// A Link says how packets travel from one host to another; the way back is a Link of its own. The zero value is perfect:
// no delay, unlimited speed.
type Link struct {
	Latency        time.Duration // one way
	Jitter         time.Duration // added at random to each packet, evenly from 0 to Jitter; order is kept
	BytesPerSecond int           // shared by all connections on the link; 0 is unlimited

	// Drop makes packets vanish. Connecting over the link hangs, in whichever direction, because a handshake needs both
	// ways; established connections fall silent. What was swallowed arrives after the link works again.
	Drop bool
	// DropConnects makes only attempts to connect along the link vanish, as a firewall does: connections in the other
	// direction, and established ones, work.
	DropConnects bool
	// Unreachable makes attempts to connect along the link fail with EHOSTUNREACH.
	Unreachable bool
	// ResetChance is the probability, from 0 to 1, that a write over the link, or connecting, resets the connection.
	ResetChance float64
}

// Traffic counts what went over one link.
type Traffic struct {
	Connects int64 // connections opened along it
	Bytes    int64 // written to it, also those that a dropping link holds
}

// route is a direction between two hosts.
type route struct{ from, to string }

// link is a Link in use.
type link struct {
	Link
	rng     *rand.Rand
	freeAt  time.Time // when the last byte given to a link of limited speed has left
	traffic Traffic
	streams map[*stream]struct{}
}

// newLink gives each link a generator of its own, so that traffic elsewhere does not change what it does.
func newLink(r route, seed uint64, l Link) *link {
	h := fnv.New64a()
	h.Write([]byte(r.from + "\x00" + r.to))
	return &link{Link: l, rng: rand.New(rand.NewPCG(seed, h.Sum64())), streams: make(map[*stream]struct{})}
}

// arrival returns when n bytes sent now reach the other end.
func (l *link) arrival(now time.Time, n int) time.Time {
	if l.BytesPerSecond > 0 {
		l.freeAt = later(now, l.freeAt).Add(time.Duration(n) * time.Second / time.Duration(l.BytesPerSecond))
		now = l.freeAt
	}
	return now.Add(l.delay())
}

func (l *link) delay() time.Duration {
	if l.Jitter <= 0 {
		return l.Latency
	}
	return l.Latency + time.Duration(l.rng.Int64N(int64(l.Jitter)+1))
}

// breaks draws whether the next packet resets its connection.
func (l *link) breaks() bool { return l.ResetChance > 0 && l.rng.Float64() < l.ResetChance }

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
