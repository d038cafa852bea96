package server

import (
	"math"
	"runtime/debug"
	"runtime/metrics"

	"heureka.internal/heureka/internal/registry"
)

// liveHeap is what the last collection left: it does not rise and fall with the garbage of requests.
const liveHeap = "/gc/heap/live:bytes"

// memoryFull reports whether the live heap leaves no room for a new instance that comes from this origin.
func (l *Limits) memoryFull(by registry.Origin) bool {
	most := l.MemoryBytes
	if most == 0 {
		most = debug.SetMemoryLimit(-1)
	}
	if most <= 0 || most == math.MaxInt64 {
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
