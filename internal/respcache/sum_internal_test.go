package respcache

import (
	"hash/crc32"
	"testing"

	"pgregory.net/rapid"
)

func TestSumOfTextInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 0, 300)).Draw(t, "parts")
		var got sum
		var whole []byte
		for _, p := range parts {
			got = got.then(sumOf(p))
			whole = append(whole, p...)
		}
		if got.crc != crc32.ChecksumIEEE(whole) || got.n != int64(len(whole)) {
			t.Fatalf("sum of %d parts = %08x, %d; want %08x, %d", len(parts), got.crc, got.n, crc32.ChecksumIEEE(whole), len(whole))
		}
	})
}

// Joining is associative, so blocks may be joined from pieces and documents from blocks.
func TestSumsJoinInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.Byte(), 0, 100)
		a, b, c := sumOf(text.Draw(t, "a")), sumOf(text.Draw(t, "b")), sumOf(text.Draw(t, "c"))
		if left, right := a.then(b).then(c), a.then(b.then(c)); left != right {
			t.Fatalf("(a b) c = %+v, a (b c) = %+v", left, right)
		}
	})
}

// Lengths beyond 4 GiB use powers of x beyond the 32 that are kept.
func TestPowerOfLongText(t *testing.T) {
	for _, n := range []int64{1, 1 << 28, 1<<29 - 1, 1 << 29, 1 << 31, 1<<33 + 5, 1 << 40} {
		if got, want := powerOf(n), multiply(powerOf(n/2), powerOf(n-n/2)); got != want {
			t.Errorf("powerOf(%d) = %08x, the powers of its halves multiply to %08x", n, got, want)
		}
	}
}

func BenchmarkSumThen(b *testing.B) {
	s, next := sumOf([]byte("some text")), sumOf([]byte("and more"))
	for b.Loop() {
		s = s.then(next)
	}
}
