package auth

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxRemembered bounds a memory: an entry takes some hundred bytes.
const maxRemembered = 100_000

// A memory holds credentials that have been verified, by their hashes. Its zero value is empty. Reading takes no lock: every
// heartbeat does.
type memory struct {
	entries sync.Map // [32]byte to *verified
	count   atomic.Int64
}

// A verified is what a credential has proved.
type verified struct {
	Principal
	of         *known // when the files change, nothing counts that was verified before
	generation uint64 // likewise, of keys
	until      atomic.Int64
}

// recall returns what is known of a credential, nil for nothing.
func (m *memory) recall(key [32]byte, now time.Time) *verified {
	e, _ := m.entries.Load(key)
	if v, ok := e.(*verified); ok && now.UnixNano() < v.until.Load() {
		return v
	}
	return nil
}

func (m *memory) remember(key [32]byte, v *verified, until, now time.Time) {
	v.until.Store(until.UnixNano())
	if _, known := m.entries.Swap(key, v); !known && m.count.Add(1) > maxRemembered {
		m.forget(now)
	}
}

// forget makes room: what has run out goes first, and if nothing has, all.
func (m *memory) forget(now time.Time) {
	kept := int64(0)
	m.entries.Range(func(key, e any) bool {
		if e.(*verified).until.Load() <= now.UnixNano() {
			m.entries.Delete(key)
		} else {
			kept++
		}
		return true
	})
	if kept > maxRemembered*3/4 {
		m.entries.Clear()
		kept = 0
	}
	m.count.Store(kept)
}
