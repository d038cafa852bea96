package server

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// What the last collection left does not rise and fall with the garbage of requests. What has come since is added up as far as
// it is large.
const (
	liveHeap    = "/gc/heap/live:bytes"
	stacks      = "/memory/classes/heap/stacks:bytes"
	collections = "/gc/cycles/total:gc-cycles"

	fromSystem  = "/memory/classes/total:bytes"
	returned    = "/memory/classes/heap/released:bytes"
	allocations = "/gc/heap/allocs:bytes"
)

// Shares of the memory, in percent.
const (
	ofClients   = 75 // what they register
	ofPeers     = 90 // what other nodes tell
	ofDocuments = 82 // what is encoded for readers
	ofCalls     = 90 // what is made for one call

	ofConnections = 95 // connections
)

// What those take that stay.
const (
	connectionBytes = 16 << 10
	watcherBytes    = 32 << 10

	alwaysOpen = 1000 // connections, however short memory is
)

// A headroom says whether there is memory for something large. The zero value is ready.
type headroom struct {
	mu     sync.Mutex
	cycle  uint64 // of the last collection that was seen
	recent int64  // bytes that were let in since
}

// take reports whether bytes more leave the live heap below most, and notes them. Before it says no for what has come lately and
// may be gone again, it collects.
func (h *headroom) take(bytes, most int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	live := h.look()
	if live+bytes <= most && live+h.recent+bytes > most {
		runtime.GC()
		live = h.look()
	}
	if live+h.recent+bytes > most {
		return false
	}
	h.recent += bytes
	return true
}

// liveNow returns what the last collection left. It waits for nobody, as the registry may be locked.
func liveNow() int64 {
	sample := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// look returns what the last collection left, and what connections have for stacks. With mu held.
func (h *headroom) look() (live int64) {
	sample := []metrics.Sample{{Name: liveHeap}, {Name: collections}, {Name: stacks}}
	metrics.Read(sample)
	if cycle := sample[1].Value.Uint64(); cycle != h.cycle {
		h.cycle, h.recent = cycle, 0
	}
	return int64(sample[0].Value.Uint64() + sample[2].Value.Uint64())
}

// shareOf returns how much of the memory may be in use for what comes from this origin to be taken.
func shareOf(origin registry.Origin) int64 {
	if origin.By >= registry.ByPeer {
		return ofPeers
	}
	return ofClients
}

// memory returns how much the heap may have; not above 0: there is no limit.
func (l *Limits) memory() int64 {
	if l.MemoryBytes != 0 {
		return l.MemoryBytes
	}
	if most := debug.SetMemoryLimit(-1); most != math.MaxInt64 {
		return most
	}
	return 0
}

// largestBody is the buffer that the largest usual batch comes into.
const largestBody = 32 << 20

// heldBytes returns how much bodies and answers may hold together: DecodingBytes, but an eighth of the memory at most, as the
// registry may have most of it.
func (l *Limits) heldBytes() int64 {
	most := l.memory()
	if most <= 0 || l.DecodingBytes <= 0 {
		return l.DecodingBytes
	}
	return min(l.DecodingBytes, max(most/8, largestBody))
}

// largestHeaders is how many bytes the headers of all requests may have beyond the usual.
const largestHeaders = 128 << 20

// headerBytes returns the same for this memory: a thirty-second.
func (l *Limits) headerBytes() int64 {
	if most := l.memory(); most > 0 {
		return min(max(most/32, 2*maxHeaderBytes), largestHeaders)
	}
	return largestHeaders
}

const (
	giveBackInterval = 10 * time.Second
	giveBackFrom     = 32 << 20 // bytes that are not needed any more: less is not worth a collection of its own
	usualMetadata    = 16 << 10
)

// lessen returns what the delta keeps of an instance that is gone. Its readers look up whom to remove, and nothing else: very
// large metadata would keep memory for minutes, and so would the metadata of many while memory is short.
func (s *Server) lessen(rec registry.Record) registry.Record {
	in, size := rec.Instance(), 0
	for _, e := range in.Metadata {
		size += len(e.Key) + len(e.Value)
	}
	s.removed.Add(int64(rec.Weight()))
	if most := s.node.limits.Load().memory(); size <= usualMetadata && (most <= 0 || liveNow() <= most/4) {
		return rec
	}
	in.Metadata, in.DataCenter, in.Lease = nil, nil, rec.Lease()
	return registry.NewRecord(in)
}

// hugeBody is from where on a body counts as much that is removed: usual batches come all the time, and need no collection.
const hugeBody = 1 << 20

// freed is told of what a body has held.
func (s *Server) freed(bytes int64) {
	if bytes >= hugeBody {
		s.removed.Add(bytes)
	}
}

// giveBack returns memory to the system when much has been removed, and after crowds of connections and requests. By itself a
// node that is idle would collect after two minutes only.
func (s *Server) giveBack(time.Time) {
	removed := s.removed.Load() >= giveBackFrom
	if due := s.settled.due(processMemory()); !due && !removed {
		return
	}
	if removed {
		s.removed.Store(0)
		s.cache.LetGo()
	}
	runtime.GC() // what is in pools stays for one collection
	debug.FreeOSMemory()
	s.settled.held, _ = processMemory()
}

// settled is what a node had when it last gave memory back.
type settled struct {
	held      int64 // bytes from the system
	allocated int64 // bytes since the start, when it looked last
}

// due reports whether a node that has these now holds much more and is quiet: one that has work to do collects anyway.
func (s *settled) due(held, allocated int64) bool {
	quiet := allocated-s.allocated < giveBackFrom
	s.allocated = allocated
	s.held = min(s.held, held)
	return quiet && held-s.held >= max(giveBackFrom, s.held/4)
}

// processMemory returns what the program has from the system, and what it has allocated since its start.
func processMemory() (held, allocated int64) {
	sample := []metrics.Sample{{Name: fromSystem}, {Name: returned}, {Name: allocations}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64() - sample[1].Value.Uint64()), int64(sample[2].Value.Uint64())
}
