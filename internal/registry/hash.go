package registry

import (
	"math/bits"

	"heureka.internal/heureka"
)

// A hasher is a 64-bit hash whose result is the same on every node and in every release that compares digests. It is
// neither keyed nor meant to resist an attacker: it spreads keys over stripes and detects differences between peers.
type hasher uint64

// Odd constants with irregular bits.
const (
	hashSeed  hasher = 0x9e3779b97f4a7c15
	hashMul   uint64 = 0xd6e8feb86659fd93
	hashGuard uint64 = 0xa0761d6478bd642f
)

// word mixes in one number by the folded product of 128 bits.
func (h hasher) word(x uint64) hasher {
	hi, lo := bits.Mul64(uint64(h)^x^hashGuard, hashMul)
	return hasher(hi^lo) + hashSeed
}

// text mixes in a string and its length, so that neighbouring fields cannot run into each other.
func (h hasher) text(s string) hasher {
	n := uint64(len(s))
	for len(s) >= 8 {
		h = h.word(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
		s = s[8:]
	}
	var tail uint64
	for i := range len(s) {
		tail |= uint64(s[i]) << (8 * i)
	}
	return h.word(tail).word(n)
}

func (h hasher) flag(b bool) hasher {
	if b {
		return h.word(1)
	}
	return h.word(0)
}

func (h hasher) port(p heureka.Port) hasher { return h.word(uint64(p.Number)).flag(p.Enabled) }

func (h hasher) metadata(md heureka.Metadata) hasher {
	for _, e := range md {
		h = h.text(e.Key).text(e.Value)
	}
	return h.word(uint64(len(md)))
}
