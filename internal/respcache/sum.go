package respcache

import "hash/crc32"

// A sum describes a stretch of text so that the CRC of two stretches in a row follows from their sums alone. The CRC-32
// of gzip is a remainder of polynomials over GF(2): that of A and B in a row is crc(A)·x^(8·len B) + crc(B). Each sum
// keeps its own power of x, because computing it costs ten times as much as joining two sums. The zero value is the sum
// of no text.
type sum struct {
	crc   uint32
	power uint32 // x^(8n) modulo the polynomial, bits reversed as in hash/crc32
	n     int64
}

// one is the polynomial 1, bits reversed.
const one = 1 << 31

// sumOf returns the sum of text.
func sumOf(text []byte) sum {
	return sum{crc: crc32.ChecksumIEEE(text), power: powerOf(int64(len(text))), n: int64(len(text))}
}

// then returns the sum of the text of s followed by the text of next.
func (s sum) then(next sum) sum {
	switch {
	case s.n == 0:
		return next
	case next.n == 0:
		return s
	}
	return sum{
		crc:   multiply(next.power, s.crc) ^ next.crc,
		power: multiply(s.power, next.power),
		n:     s.n + next.n,
	}
}

// multiply returns a·b modulo the polynomial.
func multiply(a, b uint32) uint32 {
	var product uint32
	for a != 0 {
		product ^= b & -(a >> 31)
		a <<= 1
		b = b>>1 ^ crc32.IEEE&-(b&1)
	}
	return product
}

// squares holds x^(2^k): the powers repeat from k = 32 on, because x has the order 2^32-1.
var squares = func() (s [32]uint32) {
	s[0] = one >> 1
	for k := 1; k < len(s); k++ {
		s[k] = multiply(s[k-1], s[k-1])
	}
	return s
}()

// powerOf returns x^(8n) modulo the polynomial.
func powerOf(n int64) uint32 {
	p := uint32(one)
	for k := 3; n > 0; k++ {
		if n&1 == 1 {
			p = multiply(squares[k%len(squares)], p)
		}
		n >>= 1
	}
	return p
}
