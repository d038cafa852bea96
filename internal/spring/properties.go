package spring

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A Property is an entry of a .properties text.
type Property struct {
	Key, Value string
	Line       int // where it begins, from 1
	Document   int // "#---" and "!---" begin the next one
}

// A SyntaxError says what is wrong in a text, and where.
type SyntaxError struct {
	Line    int
	Problem string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Problem) }

const blanks = " \t\f"

// ParseProperties reads a text in Java's .properties format: key=value, key:value or key value, comments with # and !,
// lines that a backslash at their end continues, escapes. A line that continues another is no comment, whatever it begins
// with. The text is taken as UTF-8.
func ParseProperties(text string) ([]Property, error) {
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	var all []Property
	document := 0
	for i := 0; i < len(lines); i++ {
		line := strings.TrimLeft(lines[i], blanks)
		if line == "" || line[0] == '#' || line[0] == '!' {
			if separator := strings.TrimRight(lines[i], blanks); separator == "#---" || separator == "!---" {
				document++
			}
			continue
		}
		p := Property{Line: i + 1, Document: document}
		for continued(line) {
			line = line[:len(line)-1]
			if i++; i == len(lines) {
				break
			}
			line += strings.TrimLeft(lines[i], blanks)
		}
		key, value := splitProperty(line)
		var badKey, badValue error
		p.Key, badKey = unescape(key)
		if p.Value, badValue = unescape(value); badKey != nil || badValue != nil {
			return nil, &SyntaxError{p.Line, `want four hexadecimal digits after \u`}
		}
		all = append(all, p)
	}
	return all, nil
}

// continued reports whether a line ends in an odd number of backslashes.
func continued(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// splitProperty cuts at the first blank, "=" or ":" that is not escaped.
func splitProperty(line string) (key, value string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			value = strings.TrimLeft(line[i:], blanks)
			if value != "" && (value[0] == '=' || value[0] == ':') {
				value = strings.TrimLeft(value[1:], blanks)
			}
			return line[:i], value
		}
	}
	return line, ""
}

var escapes = map[byte]byte{'t': '\t', 'n': '\n', 'r': '\r', 'f': '\f'}

// unescape resolves backslashes; one before an ordinary character vanishes. Characters beyond the first 65,536 are two
// escapes, as in UTF-16.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] != '\\' || i+1 == len(s):
			b.WriteByte(s[i])
		case s[i+1] == 'u':
			r, err := hexRune(s[i:])
			if err != nil {
				return "", err
			}
			i += 5
			if utf16.IsSurrogate(r) && strings.HasPrefix(s[i+1:], `\u`) {
				if low, err := hexRune(s[i+1:]); err == nil && utf16.IsSurrogate(low) {
					r, i = utf16.DecodeRune(r, low), i+6
				}
			}
			b.WriteRune(r)
		case escapes[s[i+1]] != 0:
			i++
			b.WriteByte(escapes[s[i]])
		default:
			i++
			b.WriteByte(s[i])
		}
	}
	return b.String(), nil
}

// hexRune reads the \uXXXX that s begins with.
func hexRune(s string) (rune, error) {
	n, err := strconv.ParseUint(s[2:min(6, len(s))], 16, 16)
	if len(s) < 6 {
		err = strconv.ErrSyntax
	}
	return rune(n), err
}
