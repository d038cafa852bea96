package server

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"heureka.internal/heureka/internal/registry"
)

// liveHeap is what the last collection left: it does not rise and fall with the garbage of requests.
const liveHeap = "/gc/heap/live:bytes"

// memoryFull reports whether the live heap leaves no room for a new instance that comes from this origin.
func (l *Limits) memoryFull(by registry.Origin) bool {
	most := l.memory()
	if most <= 0 {
		return false
	}
	share := most / 4 * 3
	if by.By >= registry.ByPeer {
		share = most / 10 * 9
	}
	sample := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(sample)
	return sample[0].Value.Kind() == metrics.KindUint64 && sample[0].Value.Uint64() > uint64(share)
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

const (
	giveBackInterval = 10 * time.Second
	giveBackFrom     = 32 << 20 // bytes of removed instances: less is not worth a collection of its own
	usualMetadata    = 16 << 10
)

// lessen returns what the delta keeps of an instance that is gone. Its readers look up whom to remove, and nothing else: very
// large metadata would keep memory for minutes.
func (s *Server) lessen(rec registry.Record) registry.Record {
	size := 0
	for _, e := range rec.Instance.Metadata {
		size += len(e.Key) + len(e.Value)
	}
	s.removed.Add(int64(size))
	if size <= usualMetadata {
		return rec
	}
	less := *rec.Instance // its other texts share no memory with large metadata
	less.Metadata, less.Lease = nil, rec.Lease()
	return registry.Record{Instance: &less}
}

// hugeBody is from where on a body counts as much that is removed: usual batches come all the time, and need no collection.
const hugeBody = 1 << 20

// freed is told of what a body has held.
func (s *Server) freed(bytes int64) {
	if bytes >= hugeBody {
		s.removed.Add(bytes)
	}
}

// giveBack returns memory to the system when much has been removed. By itself a node that is idle would collect after two
// minutes only.
func (s *Server) giveBack(time.Time) {
	if s.removed.Load() >= giveBackFrom {
		s.removed.Store(0)
		s.cache.LetGo()
		debug.FreeOSMemory()
	}
}
