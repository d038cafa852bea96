package registry

import "time"

const (
	wheelSlots  = 4096 // of a second each: leases whose time comes later are looked at once per turn
	expiredSlot = wheelSlots
)

// A wheel keeps leases in the order in which they must be looked at, so that a tick looks only at those whose time has
// come. A renewal leaves the lease where it is; its place is corrected when the wheel gets there. Guarded by Registry.mu.
type wheel struct {
	heads   [wheelSlots + 1]*lease // the last one lists what had run out when it was last looked at
	cursor  int64                  // second up to which all slots are empty
	expired map[string]int         // leases of the last list, by application
}

// place puts a lease that is in no slot where it is looked at.
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
	if slot == expiredSlot {
		w.expired[l.key.App]++
	}
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
	if l.slot == expiredSlot {
		w.uncount(l.key.App)
	}
}

// uncount follows a lease that leaves the list of what has run out; an application without any is not kept.
func (w *wheel) uncount(app string) {
	if w.expired[app]--; w.expired[app] == 0 {
		delete(w.expired, app)
	}
}

// step looks at the leases of one more second, in which their time may have come: seat puts each where it belongs now. It
// reports whether there are more seconds to look at. The slot of the present second stays in reach because part of it is
// still to come, and is looked at only if present says so.
func (w *wheel) step(now time.Duration, present bool, seat func(l *lease, now time.Duration)) (more bool) {
	last := int64(now / time.Second)
	w.cursor = max(w.cursor, last-wheelSlots+1)
	if w.cursor < last || present {
		w.empty(int32(w.cursor%wheelSlots), now, seat)
	}
	if w.cursor >= last {
		return false
	}
	w.cursor++
	return true
}

// empty seats all leases of a slot.
func (w *wheel) empty(slot int32, now time.Duration, seat func(l *lease, now time.Duration)) {
	for l := w.heads[slot]; l != nil; {
		next := l.wheelNext
		w.take(l)
		seat(l, now)
		l = next
	}
}
