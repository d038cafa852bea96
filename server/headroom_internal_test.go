package server

import "testing"

// BenchmarkHeadroom is what it costs to ask for memory, as each part of a document does that is encoded anew. A part takes
// half a millisecond to encode.
func BenchmarkHeadroom(b *testing.B) {
	var h headroom
	b.ReportAllocs()
	for b.Loop() {
		if !h.take(1, 1<<40) {
			b.Fatal("no room")
		}
	}
}
