package wire

import (
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// appendXMLText appends s as the text of an element (W-XENC-10). What XML 1.0 cannot carry at all becomes U+FFFD, where
// the reference writes a reference that no conforming parser accepts.
func appendXMLText(b []byte, s string) []byte {
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainXML[c] {
			i++
			continue
		}
		r, size := rune(c), 1
		if c >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
			if r > 0x9F && r < 0xFFFD || r > 0xFFFF {
				i += size
				continue
			}
		}
		b = append(b, s[done:i]...)
		b = appendXMLEscape(b, r)
		i += size
		done = i
	}
	return append(b, s[done:]...)
}

// plainXML tells the bytes that stand for themselves without a closer look.
var plainXML = func() (plain [256]bool) {
	for c := ' '; c < 0x7F; c++ {
		plain[c] = true
	}
	plain['\t'], plain['\n'] = true, true
	for _, c := range `&<>"'` {
		plain[c] = false
	}
	return plain
}()

func appendXMLEscape(b []byte, r rune) []byte {
	switch {
	case r == '&':
		return append(b, "&amp;"...)
	case r == '<':
		return append(b, "&lt;"...)
	case r == '>':
		return append(b, "&gt;"...)
	case r == '"':
		return append(b, "&quot;"...)
	case r == '\'':
		return append(b, "&apos;"...)
	case r == '\r':
		return append(b, "&#xd;"...)
	case 0x7F <= r && r <= 0x9F:
		const hex = "0123456789abcdef"
		return append(b, '&', '#', 'x', hex[r>>4], hex[r&15], ';')
	}
	return append(b, "\uFFFD"...)
}

// nameLetters are the letters beyond ASCII that stay as they are in element names: those of the common scripts that
// every edition of XML 1.0 allows. The rest, which older parsers refuse, is escaped.
var nameLetters = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x00C0, Hi: 0x00D6, Stride: 1},
		{Lo: 0x00D8, Hi: 0x00F6, Stride: 1},
		{Lo: 0x00F8, Hi: 0x0131, Stride: 1},
		{Lo: 0x0134, Hi: 0x013E, Stride: 1},
		{Lo: 0x0141, Hi: 0x0148, Stride: 1},
		{Lo: 0x014A, Hi: 0x017E, Stride: 1},
		{Lo: 0x038E, Hi: 0x03A1, Stride: 1},
		{Lo: 0x03A3, Hi: 0x03CE, Stride: 1},
		{Lo: 0x0401, Hi: 0x040C, Stride: 1},
		{Lo: 0x040E, Hi: 0x044F, Stride: 1},
		{Lo: 0x0451, Hi: 0x045C, Stride: 1},
		{Lo: 0x045E, Hi: 0x0481, Stride: 1},
		{Lo: 0x05D0, Hi: 0x05EA, Stride: 1},
		{Lo: 0x0621, Hi: 0x063A, Stride: 1},
		{Lo: 0x0641, Hi: 0x064A, Stride: 1},
		{Lo: 0x1E00, Hi: 0x1E9B, Stride: 1},
		{Lo: 0x1EA0, Hi: 0x1EF9, Stride: 1},
		{Lo: 0x3041, Hi: 0x3094, Stride: 1},
		{Lo: 0x30A1, Hi: 0x30FA, Stride: 1},
		{Lo: 0x4E00, Hi: 0x9FA5, Stride: 1},
		{Lo: 0xAC00, Hi: 0xD7A3, Stride: 1},
	},
	LatinOffset: 3,
}

// appendXMLName appends a metadata key as an element name (W-XENC-8). The reference lets every colon stay; here only the
// first does, as a name with two is malformed to every parser that knows namespaces.
func appendXMLName(b []byte, key string) []byte {
	colons := 0
	for i, r := range key {
		if r == ':' {
			colons++
		}
		switch {
		case r == '_':
			b = append(b, "__"...)
		case r == '$':
			b = append(b, "_-"...)
		case r == ':' && colons == 1, nameRune(r, i == 0):
			b = utf8.AppendRune(b, r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			b = appendNameEscape(appendNameEscape(b, high), low)
		default:
			b = appendNameEscape(b, r)
		}
	}
	return b
}

// nameRune reports whether r, other than a colon, may stand in a name, or at its beginning.
func nameRune(r rune, first bool) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z':
		return true
	case '0' <= r && r <= '9', r == '-', r == '.':
		return !first
	}
	return r >= utf8.RuneSelf && unicode.Is(nameLetters, r)
}

func appendNameEscape(b []byte, unit rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '_', '.', hex[unit>>12&15], hex[unit>>8&15], hex[unit>>4&15], hex[unit&15])
}

// appendXMLKey undoes appendXMLName; a lone underscore stays (W-XDEC-8).
func appendXMLKey(b []byte, name string) []byte {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c != '_' || i+1 == len(name) {
			b = append(b, c)
			continue
		}
		switch name[i+1] {
		case '_':
			b = append(b, '_')
			i++
		case '-':
			b = append(b, '$')
			i++
		case '.':
			if r, size := nameEscape(name[i:]); size > 0 {
				b = utf8.AppendRune(b, r)
				i += size - 1
				continue
			}
			b = append(b, c)
		default:
			b = append(b, c)
		}
	}
	return b
}

// nameEscape reads _.XXXX, or two of them that make a surrogate pair, at the beginning of s; size is 0 if there is none.
func nameEscape(s string) (r rune, size int) {
	const unit = len("_.0000")
	r, ok := hexRune(s[len("_."):])
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) && len(s) >= 2*unit && s[unit:unit+2] == "_." {
		if low, ok := hexRune(s[unit+2:]); ok {
			if joined := utf16.DecodeRune(r, low); joined != utf8.RuneError {
				return joined, 2 * unit
			}
		}
	}
	return r, unit // half a pair becomes U+FFFD when it is appended
}
