package registry

import (
	"maps"
	"sync"
	"sync/atomic"
)

// A teller is who told of a heartbeat, as a number small enough for a lease to remember.
type teller uint16

const (
	client      teller = iota // it arrived here
	somePeer                  // one of more than maxTellers
	disk                      // nobody since the lease was restored, see Restore
	firstTeller               // the rest are peers by address
	maxTellers  = 1000
)

// tellers numbers the peers that tell of heartbeats. Readers take no lock.
type tellers struct {
	known atomic.Pointer[tellerTable]
	mu    sync.Mutex // of those who add one
}

// A tellerTable is never changed.
type tellerTable struct {
	numbers   map[string]teller
	addresses []string // by number, from firstTeller on
}

// meet returns the number of whoever o is, who gets one if there is none yet. That locks: it comes before Registry.mu.
func (ts *tellers) meet(o *Origin) teller {
	if n, ok := ts.lookup(o); ok {
		return n
	}
	return ts.add(o.Address)
}

// of returns the number of one who has been met.
func (ts *tellers) of(o *Origin) teller {
	n, _ := ts.lookup(o)
	return n
}

func (ts *tellers) lookup(o *Origin) (n teller, ok bool) {
	if o.Replicates() {
		return client, true
	}
	if o.By == ByDisk {
		return disk, true
	}
	if table := ts.known.Load(); table != nil {
		if n, ok := table.numbers[o.Address]; ok {
			return n, true
		}
	}
	return somePeer, false
}

func (ts *tellers) add(address string) teller {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	table := ts.known.Load()
	if table == nil {
		table = &tellerTable{}
	}
	if n, ok := table.numbers[address]; ok {
		return n
	}
	if len(table.addresses) == maxTellers {
		return somePeer
	}
	n := firstTeller + teller(len(table.addresses))
	next := &tellerTable{numbers: maps.Clone(table.numbers), addresses: append(table.addresses[:len(table.addresses):len(table.addresses)], address)}
	if next.numbers == nil {
		next.numbers = map[string]teller{}
	}
	next.numbers[address] = n
	ts.known.Store(next)
	return n
}

// heartbeat returns one that t told of, without its time.
func (ts *tellers) heartbeat(t teller) Heartbeat {
	switch {
	case t == client:
		return Heartbeat{By: ByClient}
	case t == somePeer:
		return Heartbeat{By: ByPeer}
	case t == disk:
		return Heartbeat{By: ByDisk}
	}
	return Heartbeat{By: ByPeer, Address: ts.known.Load().addresses[t-firstTeller]}
}
