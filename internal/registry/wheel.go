package registry

import "time"

const (
	wheelSlots = 4096 // of a second each: leases that last longer are looked at once per turn
	overdue    = wheelSlots
)

// A wheel keeps leases in the order in which they may run out, so that a tick looks only at those whose time has come.
// A renewal leaves the lease where it is; its place is corrected when the wheel gets there. Guarded by Registry.mu.
type wheel struct {
	heads  [wheelSlots + 1]*lease // the last one lists what had run out when it was last looked at
	cursor int64                  // second up to which all slots are empty
}

// place puts a lease that is in no slot where it runs out.
func (w *wheel) place(l *lease, at time.Duration) {
	sec := min(max(int64(at/time.Second), w.cursor), w.cursor+wheelSlots-1)
	w.push(l, int32(sec%wheelSlots))
}

func (w *wheel) push(l *lease, slot int32) {
	l.slot, l.wheelPrev, l.wheelNext = slot, nil, w.heads[slot]
	if l.wheelNext != nil {
		l.wheelNext.wheelPrev = l
	}
	w.heads[slot] = l
}

// take removes a lease from its slot.
func (w *wheel) take(l *lease) {
	if l.wheelPrev != nil {
		l.wheelPrev.wheelNext = l.wheelNext
	} else {
		w.heads[l.slot] = l.wheelNext
	}
	if l.wheelNext != nil {
		l.wheelNext.wheelPrev = l.wheelPrev
	}
	l.wheelPrev, l.wheelNext = nil, nil
}

// move puts a lease where it runs out.
func (w *wheel) move(l *lease, at time.Duration) {
	w.take(l)
	w.place(l, at)
}

// step looks at the leases of one more second, by which they may have run out: those that did are listed as overdue, the
// others go to where they belong. It reports whether there are more seconds to look at. The slot of the present second
// stays in reach because part of it is still to come.
func (w *wheel) step(now time.Duration, expiry func(*lease) time.Duration) (more bool) {
	last := int64(now / time.Second)
	w.cursor = max(w.cursor, last-wheelSlots+1)
	w.sort(int32(w.cursor%wheelSlots), now, expiry)
	if w.cursor >= last {
		return false
	}
	w.cursor++
	return true
}

// sort empties a slot of everything that does not run out in its second.
func (w *wheel) sort(slot int32, now time.Duration, expiry func(*lease) time.Duration) {
	for l := w.heads[slot]; l != nil; {
		next := l.wheelNext
		if at := expiry(l); at < now {
			w.take(l)
			w.push(l, overdue)
		} else {
			w.move(l, at)
		}
		l = next
	}
}
