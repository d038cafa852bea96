package wire

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays, or XML elements, may nest. The protocol itself needs six levels.
const maxDepth = 64

// A scanner reads JSON piece by piece from a body in memory. Its methods do nothing once err is set, so callers check
// it once, at the end. Texts that it returns alias the body or a buffer and are valid until the next read.
type scanner struct {
	data    []byte
	pos     int
	window  *window // over a body of which data is a part; nil: data is all
	depth   int
	lenient bool // client side: bear what W-JLEG-2 lists
	limits  Limits
	tmp     []byte
	err     *SyntaxError
}

// A token is the kind of a scalar.
type token uint8

const (
	noToken token = iota
	stringToken
	numberToken
	trueToken
	falseToken
)

// newScanner begins after a byte order mark (W-JDEC-1).
func newScanner(data []byte, lenient bool) scanner {
	s := scanner{data: data, lenient: lenient}
	s.skipMark()
	return s
}

const byteOrderMark = "\uFEFF"

func (s *scanner) skipMark() {
	if bytes.HasPrefix(s.data, []byte(byteOrderMark)) {
		s.pos = len(byteOrderMark)
	}
}

// failure returns err as an error, nil if there is none.
func (s *scanner) failure() error {
	if s.err == nil {
		return nil
	}
	return s.err
}

func (s *scanner) fail(msg string) {
	if s.err == nil {
		s.err = &SyntaxError{Offset: s.window.offset() + int64(s.pos), Msg: msg}
	}
}

// unexpected fails with what was wanted and what stands there.
func (s *scanner) unexpected(want string) {
	found := "the end"
	if s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case '{':
			found = "an object"
		case '[':
			found = "an array"
		case 'n':
			found = "null"
		default:
			found = strconv.QuoteRune(rune(c))
		}
	}
	s.fail("want " + want + ", found " + found)
}

// peek skips white space and returns the byte after it, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) || s.more() {
		switch c := s.data[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// enter steps into an object or array, leave out of it; leave also reports true after an error.
func (s *scanner) enter(opener byte, want string) bool {
	if s.err != nil {
		return false
	}
	if s.peek() != opener {
		s.unexpected(want)
		return false
	}
	if s.depth == maxDepth {
		s.fail("nested too deeply")
		return false
	}
	s.pos++
	s.depth++
	return true
}

func (s *scanner) leave(closer byte) bool {
	if s.err != nil {
		return true
	}
	if s.peek() != closer {
		return false
	}
	s.pos++
	s.depth--
	return true
}

func (s *scanner) punctuation(c byte) bool {
	if s.err == nil && s.peek() != c {
		s.unexpected(strconv.QuoteRune(rune(c)))
	}
	s.pos++
	return s.err == nil
}

// members yields the name of each member of an object; the loop must read or skip the value.
func (s *scanner) members(yield func(name []byte) bool) {
	if !s.enter('{', "an object") {
		return
	}
	for first := true; !s.leave('}'); first = false {
		if !first && !s.punctuation(',') {
			return
		}
		if s.peek() != '"' {
			s.unexpected("a member name")
			return
		}
		s.hold()
		from := s.pos + 1
		name := s.string()
		written := s.data[from:max(from, s.pos-1)]
		ok := s.punctuation(':') && yield(name)
		if s.err != nil {
			s.err.within(written)
		}
		if !ok {
			return
		}
	}
}

// elements yields once for each element of an array; the loop must read or skip it.
func (s *scanner) elements(yield func() bool) {
	if !s.enter('[', "an array") {
		return
	}
	for n := 0; !s.leave(']'); n++ {
		if n > 0 && !s.punctuation(',') {
			return
		}
		ok := yield()
		if s.err != nil {
			s.err.withinElement(n)
		}
		if !ok {
			return
		}
	}
}

// skip reads over one value of any kind.
func (s *scanner) skip() {
	switch s.peek() {
	case '{':
		for range s.members {
			s.skip()
		}
	case '[':
		for range s.elements {
			s.skip()
		}
	default:
		if !s.null() {
			s.scalar()
		}
	}
}

// null reads a null, if there is one.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.hold()
	s.literal("null")
	return true
}

// scalar reads a string, number or boolean and returns its text.
func (s *scanner) scalar() ([]byte, token) {
	if s.err != nil {
		return nil, noToken
	}
	s.hold()
	switch c := s.peek(); {
	case c == '"':
		return s.string(), stringToken
	case c == '-' || isDigit(c):
		return s.number(), numberToken
	case c == 't':
		return s.literal("true"), trueToken
	case c == 'f':
		return s.literal("false"), falseToken
	}
	s.unexpected("a string, number or boolean")
	return nil, noToken
}

// text reads a scalar as text: numbers and booleans stand for themselves (W-JDEC-3).
func (s *scanner) text() []byte {
	t, _ := s.scalar()
	return t
}

func (s *scanner) literal(word string) []byte {
	end := s.pos + len(word)
	if end > len(s.data) || string(s.data[s.pos:end]) != word {
		s.unexpected(word)
		return nil
	}
	t := s.data[s.pos:end]
	s.pos = end
	return t
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number reads a number by the grammar of JSON.
func (s *scanner) number() []byte {
	start := s.pos
	if s.data[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else {
		s.digits()
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		s.digits()
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		s.digits()
	}
	return s.data[start:s.pos]
}

// digits reads at least one digit.
func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.unexpected("a digit")
	}
}

// string reads a string whose quote is next.
func (s *scanner) string() []byte {
	start := s.pos + 1
	var high byte
	for i := start; i < len(s.data); i++ {
		c := s.data[i]
		switch {
		case c == '"':
			s.pos = i + 1
			return s.valid(s.data[start:i], high)
		case c == '\\':
			s.pos = i
			s.tmp = append(s.tmp[:0], s.data[start:i]...)
			return s.escaped(high)
		case c < ' ':
			s.pos = i
			s.fail("control character in a string")
			return nil
		}
		high |= c
	}
	s.pos = len(s.data)
	s.fail("unterminated string")
	return nil
}

// valid returns t if it is UTF-8, which needs a look only if it has a high bit. Broken text refuses a body on the server,
// as on the reference, and becomes U+FFFD on the client, which must not lose a registry over it.
func (s *scanner) valid(t []byte, high byte) []byte {
	if high < utf8.RuneSelf || utf8.Valid(t) {
		return t
	}
	if s.lenient {
		return bytes.ToValidUTF8(t, []byte("\uFFFD"))
	}
	s.fail("invalid UTF-8 before this place")
	return nil
}

// escaped reads the rest of a string from its first backslash on; what came before is in tmp.
func (s *scanner) escaped(high byte) []byte {
	for s.err == nil && s.pos < len(s.data) {
		c := s.data[s.pos]
		s.pos++
		switch {
		case c == '"':
			return s.valid(s.tmp, high)
		case c == '\\':
			s.escape()
		case c < ' ':
			s.fail("control character in a string")
		default:
			high |= c
			s.tmp = append(s.tmp, c)
		}
	}
	s.fail("unterminated string")
	return nil
}

// escape reads what follows a backslash and adds its meaning to tmp.
func (s *scanner) escape() {
	if s.pos == len(s.data) {
		return
	}
	c := s.data[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		s.tmp = utf8.AppendRune(s.tmp, s.unicode())
		return
	default:
		s.fail("unknown escape in a string")
	}
	s.tmp = append(s.tmp, c)
}

// unicode reads the digits of \uXXXX and joins surrogate pairs; half a pair becomes U+FFFD.
func (s *scanner) unicode() rune {
	r := s.hex4()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if bytes.HasPrefix(s.data[s.pos:], []byte(`\u`)) {
		before := s.pos
		s.pos += len(`\u`)
		if joined := utf16.DecodeRune(r, s.hex4()); joined != utf8.RuneError {
			return joined
		}
		s.pos = before
	}
	return utf8.RuneError
}

func (s *scanner) hex4() rune {
	r, ok := hexRune(s.data[s.pos:])
	if !ok {
		s.fail("want four hexadecimal digits")
		return utf8.RuneError
	}
	s.pos += 4
	return r
}

// hexRune reads the four hexadecimal digits at the beginning of b.
func hexRune[T string | []byte](b T) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for i := range 4 {
		switch c := b[i]; {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
