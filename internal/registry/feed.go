package registry

import (
	"context"
	"errors"
	"sync"
	"unsafe"
)

// ErrBehind tells a follower that changes it has not read are gone: it has to begin again with a picture of the whole.
var ErrBehind = errors.New("the follower is behind: changes it has not read are gone")

// A Feed keeps the last changes of a registry in order. Followers read it at their own pace, each with a cursor: the Seq of
// the last change that it has read. A slow one is told that it is behind; the registry waits for nobody. All methods are
// safe for concurrent use.
type Feed struct {
	maxBytes int64

	mu    sync.Mutex
	ring  []sized // the change of number s at s modulo its length; grows up to max
	max   int
	first uint64 // the oldest change that is kept; last+1 if none is
	last  uint64
	bytes int64         // that the kept changes keep alive
	woken chan struct{} // closed at the next change; nil while nobody waits
}

// A sized change comes with its size.
type sized struct {
	Change
	size int64
}

func (f *Feed) limit(changes int, bytes int64) { f.max, f.maxBytes, f.first = changes, bytes, 1 }

// append adds the next change. It is called with the registry locked.
func (f *Feed) append(ch Change) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch n := int(ch.Seq - f.first); {
	case n == f.max:
		f.drop()
	case n == len(f.ring):
		f.grow()
	}
	k := sized{ch, ch.Size()}
	*f.at(ch.Seq) = k
	f.last = ch.Seq
	f.bytes += k.size
	for f.bytes > f.maxBytes {
		f.drop()
	}
	if f.woken != nil {
		close(f.woken)
		f.woken = nil
	}
}

func (f *Feed) at(seq uint64) *sized { return &f.ring[seq%uint64(len(f.ring))] }

func (f *Feed) drop() {
	f.bytes -= f.at(f.first).size
	*f.at(f.first) = sized{}
	f.first++
}

func (f *Feed) grow() {
	old := f.ring
	f.ring = make([]sized, min(max(2*len(old), 64), f.max))
	for s := f.first; s <= f.last; s++ {
		*f.at(s) = old[s%uint64(len(old))]
	}
}

// Last returns the number of the last change.
func (f *Feed) Last() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// Read copies the changes after cursor into buf, as many as there are and fit. It returns ErrBehind if the next one is gone,
// or has never been, as that of a cursor from before a restart.
func (f *Feed) Read(cursor uint64, buf []Change) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cursor+1 < f.first || cursor > f.last {
		return 0, ErrBehind
	}
	for n < len(buf) && cursor+uint64(n) < f.last {
		buf[n] = f.at(cursor + uint64(n) + 1).Change
		n++
	}
	return n, nil
}

// Wait returns when there is a change after cursor, or with an error when ctx has ended.
func (f *Feed) Wait(ctx context.Context, cursor uint64) error {
	for {
		woken := f.Next(cursor)
		if woken == nil {
			return nil
		}
		select {
		case <-woken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Next returns a channel that is closed at the next change; nil if there is one after cursor.
func (f *Feed) Next(cursor uint64) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cursor != f.last {
		return nil
	}
	if f.woken == nil {
		f.woken = make(chan struct{})
	}
	return f.woken
}

// Size returns how many bytes a change keeps alive, at most: it may share some of them with others.
func (c *Change) Size() int64 {
	n := int64(unsafe.Sizeof(*c)) + int64(len(c.Key.App)+len(c.Key.ID)+len(c.Reason)+len(c.Origin.Address)+len(c.Origin.Principal)+len(c.Origin.Note))
	return n + c.Record.size() + c.Previous.size()
}
