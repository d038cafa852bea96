package replication

import (
	"math/bits"
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/wire"
)

// ops is a set of operations that one instance needs on the peer. They are sent in the order of the constants, which gives
// the same result as the order in which they were asked for, because what they say is read from the registry. A cancel is
// sent only if the instance is gone; it is remembered beside a later registration in case that is cancelled at this moment.
type ops uint8

const (
	opCancel   ops = 1 << iota
	opRegister     // at most with opCancel before it
	opOverride     // set or removed: which of both, the record says
	opBeat
)

func opOf(a wire.ReplicationAction) ops {
	switch a {
	case wire.Cancel:
		return opCancel
	case wire.Register:
		return opRegister
	case wire.StatusUpdate, wire.DeleteStatusOverride:
		return opOverride
	default:
		return opBeat
	}
}

// then returns what has to be sent when everything in next is asked for after o.
func (o ops) then(next ops) ops {
	if next&opCancel != 0 {
		o = opCancel
	}
	if next&opRegister != 0 {
		o = o&^opBeat | opRegister
	}
	o |= next & opOverride
	if next&opBeat != 0 && o&(opCancel|opRegister) == 0 {
		o |= opBeat
	}
	return o
}

// items returns the greatest number of items that o can become. A cancel may have become two.
func (o ops) items() int { return max(bits.OnesCount8(uint8(o)), bits.OnesCount8(uint8(o&opCancel))*2) }

// entry is one instance's place in a queue.
type entry struct {
	key   heureka.Key
	ops   ops
	since time.Time // when it got its place: what is asked for later does not move it (S-DEF-3)
	asked time.Time // when the newest of ops other than the heartbeat was asked for
	beat  time.Time // when the newest heartbeat came

	in         *fifo
	prev, next *entry
}

func (e *entry) ask(op ops, now time.Time) {
	e.ops = e.ops.then(op)
	if op == opBeat {
		e.beat = now
		return
	}
	e.asked = now
}

// fifo is a list of entries.
type fifo struct {
	head, tail *entry
	n          int
}

func (l *fifo) pushBack(e *entry) {
	e.in, e.prev, e.next = l, l.tail, nil
	if l.tail == nil {
		l.head = e
	} else {
		l.tail.next = e
	}
	l.tail = e
	l.n++
}

func (l *fifo) pushFront(e *entry) {
	e.in, e.prev, e.next = l, nil, l.head
	if l.head == nil {
		l.tail = e
	} else {
		l.head.prev = e
	}
	l.head = e
	l.n++
}

func (l *fifo) remove(e *entry) {
	if e.prev == nil {
		l.head = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		l.tail = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.in, e.prev, e.next = nil, nil, nil
	l.n--
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
