package main

import (
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A guard is what everything printed passes on its way to a terminal: whoever chose the text, it neither steers the terminal
// nor shows in another order than it has. Text must come in whole runes.
type guard struct{ w io.Writer }

func (g guard) Write(p []byte) (int, error) {
	if _, err := io.WriteString(g.w, neutral(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// behind returns what a guard guards, for what knows itself what is safe: another program, and control of the terminal.
func behind(w io.Writer) io.Writer {
	if g, ok := w.(guard); ok {
		return g.w
	}
	return w
}

// steer sends the terminal what a guard would not let pass.
func steer(w io.Writer, sequence string) { _, _ = io.WriteString(behind(w), sequence) }

// ourStyle is what printer.styled makes. A stranger could imitate it, and colour the line where it stands.
var ourStyle = regexp.MustCompile(`^\x1b\[(1|3[1-6]|90)?m`)

// neutral replaces all in s that could steer a terminal, but for lines, tabs and our own styles.
func neutral(s string) string {
	if strings.IndexFunc(s, steers) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch style := ourStyle.FindString(s); {
		case style != "":
			size = len(style)
			b.WriteString(style)
		case steers(r) || r == utf8.RuneError && size == 1: // a byte 0x9b alone is a control to some terminals
			b.WriteByte('?')
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func steers(r rune) bool { return r != '\n' && r != '\t' && unprintable(r) }

func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
