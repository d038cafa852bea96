package scenario

import (
	"time"
	"unsafe"
)

// A clock is what a machine's two clocks show: one that people set, and one that only ever goes on.
type clock struct {
	offset time.Duration // of the wall clock
	lost   time.Duration // while the machine stood still
}

// began is what the second clock shows when a simulation begins: nobody may expect zero.
const began = 1000 * time.Hour

// read returns what time.Now does, at a moment of the simulation.
func (c *clock) read(now time.Duration) time.Time {
	return reading(epoch.Add(now+c.offset-c.lost), began+now-c.lost)
}

// reading returns a time with two readings, which package time can only make of the machine's own clocks. Sub and its like
// compare the second one.
func reading(wall time.Time, sinceBoot time.Duration) time.Time {
	const hasSecond = 1 << 63
	t := struct {
		wall uint64
		ext  int64
		loc  *time.Location
	}{hasSecond | uint64(wall.Unix()-first.Unix())<<30 | uint64(wall.Nanosecond()), int64(sinceBoot), nil}
	return *(*time.Time)(unsafe.Pointer(&t))
}

// first is the first second that a time with two readings can have.
var first = time.Date(1885, 1, 1, 0, 0, 0, 0, time.UTC)
