package wire

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// integer reads a whole number from a number or a text (W-JDEC-4).
func (s *scanner) integer() int64 {
	t, kind := s.scalar()
	return s.within(t, kind, math.MinInt64, math.MaxInt64)
}

// integer32 reads a number that the reference holds in 32 bits.
func (s *scanner) integer32() int64 {
	t, kind := s.scalar()
	return s.within(t, kind, math.MinInt32, math.MaxInt32)
}

// within returns the whole number that a scalar stands for. One that is out of bounds refuses a body on the server, and
// is 0 in a text, as on the reference; a client takes the nearest.
func (s *scanner) within(t []byte, kind token, low, high int64) int64 {
	switch kind {
	case trueToken:
		return 1
	case falseToken:
		return 0
	}
	n, fits := lenientInt(t)
	switch {
	case fits && low <= n && n <= high:
		return n
	case s.lenient:
		return max(low, min(n, high))
	case kind == numberToken:
		s.fail("number out of range")
	}
	return 0
}

// lenientInt reads text as a whole number: fractions are cut off, and what is no number is 0 (W-JDEC-4). A number of more
// than 64 bits does not fit: n is the nearest.
func lenientInt(t []byte) (n int64, fits bool) {
	t = bytes.TrimSpace(t)
	if n, ok := decimal(t); ok {
		return n, true
	}
	if n, err := strconv.ParseInt(string(t), 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return n, err == nil
	}
	for _, c := range t {
		if !isDigit(c) && c != '.' && c|0x20 != 'e' && c != '+' && c != '-' {
			return 0, true
		}
	}
	f, _ := strconv.ParseFloat(string(t), 64) // ±Inf beyond its range, 0 if malformed
	switch {
	case f >= math.MaxInt64:
		return math.MaxInt64, false
	case f <= math.MinInt64:
		return math.MinInt64, false
	}
	return int64(f), true
}

// decimal reads up to 18 digits with an optional minus sign: all real numbers of the protocol.
func decimal(t []byte) (int64, bool) {
	digits := t
	if len(t) > 0 && t[0] == '-' {
		digits = t[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(t) {
		n = -n
	}
	return n, true
}

// boolean reads a truth value (W-JDEC-5): of texts only "true" is true, of whole numbers all but zero.
func (s *scanner) boolean() bool {
	t, kind := s.scalar()
	switch kind {
	case stringToken:
		return string(t) == "true"
	case numberToken:
		return !bytes.ContainsAny(t, ".eE") && s.within(t, kind, math.MinInt32, math.MaxInt32) != 0
	}
	return kind == trueToken
}
