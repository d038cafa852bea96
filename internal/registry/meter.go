package registry

import (
	"sync/atomic"
	"time"
)

// meterParts is how many parts the meter of renewals has.
const meterParts = 16

// meterSlots is how many time slots a meter remembers: more than a window, so that no slot is read while it is reused.
const meterSlots = 128

// A meter counts events in numbered time slots without a lock. It has parts, so that processors do not fight for one
// word. Each slot is one word, its number above its count.
type meter []meterPart

type meterPart struct {
	total atomic.Uint64
	slots [meterSlots]atomic.Uint64
}

// add counts n events in slot no. Events of a slot that has meanwhile been reused are lost: they are two minutes late.
func (m *meterPart) add(no, n uint32) {
	m.total.Add(uint64(n))
	s := &m.slots[no%meterSlots]
	for {
		old := s.Load()
		switch was := uint32(old >> 32); {
		case was == no:
			s.Add(uint64(n))
			return
		case was > no:
			return
		case s.CompareAndSwap(old, uint64(no)<<32|uint64(n)):
			return
		}
	}
}

// sum returns the number of events in the slots from first to last.
func (m meter) sum(first, last uint32) int64 {
	var total int64
	for i := range m {
		for no := first; no <= last; no++ {
			if w := m[i].slots[no%meterSlots].Load(); uint32(w>>32) == no {
				total += int64(uint32(w))
			}
		}
	}
	return total
}

// total returns the number of events ever.
func (m meter) total() uint64 {
	var n uint64
	for i := range m {
		n += m[i].total.Load()
	}
	return n
}

// slotBase keeps slot numbers positive for times around the epoch.
const slotBase = 1 << 10

// secondOf numbers the seconds since the epoch.
func secondOf(at time.Duration) uint32 { return uint32(at/time.Second) + slotBase }

// slidingMinute returns how many events m, counting by the second, has in the minute up to now.
func (m meter) slidingMinute(at time.Duration) int64 {
	now := secondOf(at)
	return m.sum(now-59, now)
}

// minuteOf numbers the minutes since start; everything before belongs to the first one (S-SP-6).
func minuteOf(at, start time.Duration) uint32 {
	return uint32(max(at-start, 0)/time.Minute) + slotBase
}

// completedMinute returns how many events m counted by the minute in the last minute that is over.
func (m meter) completedMinute(at, start time.Duration) int64 {
	no := minuteOf(at, start) - 1
	return m.sum(no, no)
}
