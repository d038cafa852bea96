package heureka

import (
	"unicode"
	"unicode/utf8"
)

// AppName returns the form in which application names are compared and sent: upper case as Java makes it without a locale,
// so "müsli" becomes "MÜSLI" and "straße" becomes "STRASSE" (W-IDENT-5, S-DEF-34).
func AppName(s string) string {
	for i := range len(s) {
		if c := s[i]; 'a' <= c && c <= 'z' || c >= utf8.RuneSelf {
			return string(AppendAppName(make([]byte, 0, len(s)), s))
		}
	}
	return s
}

// AppendAppName appends AppName(s) to b. Bytes that are not UTF-8 stay as they are.
func AppendAppName(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			b, i = append(b, c), i+1
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch long := severalUpper[r]; {
		case r == utf8.RuneError && n == 1:
			b = append(b, c)
		case long != "":
			b = append(b, long...)
		default:
			b = utf8.AppendRune(b, unicode.ToUpper(r))
		}
		i += n
	}
	return b
}

// severalUpper holds the letters that become several in upper case, which package unicode leaves out: those of Unicode's
// SpecialCasing.txt that depend on no locale.
var severalUpper = map[rune]string{
	'ß': "SS", 'ŉ': "ʼN", 'ǰ': "J̌", 'ΐ': "Ϊ́", 'ΰ': "Ϋ́", 'և': "ԵՒ", 'ẖ': "H̱", 'ẗ': "T̈", 'ẘ': "W̊", 'ẙ': "Y̊",
	'ẚ': "Aʾ", 'ὐ': "Υ̓", 'ὒ': "Υ̓̀", 'ὔ': "Υ̓́", 'ὖ': "Υ̓͂", 'ᾀ': "ἈΙ", 'ᾁ': "ἉΙ", 'ᾂ': "ἊΙ", 'ᾃ': "ἋΙ", 'ᾄ': "ἌΙ",
	'ᾅ': "ἍΙ", 'ᾆ': "ἎΙ", 'ᾇ': "ἏΙ", 'ᾈ': "ἈΙ", 'ᾉ': "ἉΙ", 'ᾊ': "ἊΙ", 'ᾋ': "ἋΙ", 'ᾌ': "ἌΙ", 'ᾍ': "ἍΙ", 'ᾎ': "ἎΙ",
	'ᾏ': "ἏΙ", 'ᾐ': "ἨΙ", 'ᾑ': "ἩΙ", 'ᾒ': "ἪΙ", 'ᾓ': "ἫΙ", 'ᾔ': "ἬΙ", 'ᾕ': "ἭΙ", 'ᾖ': "ἮΙ", 'ᾗ': "ἯΙ", 'ᾘ': "ἨΙ",
	'ᾙ': "ἩΙ", 'ᾚ': "ἪΙ", 'ᾛ': "ἫΙ", 'ᾜ': "ἬΙ", 'ᾝ': "ἭΙ", 'ᾞ': "ἮΙ", 'ᾟ': "ἯΙ", 'ᾠ': "ὨΙ", 'ᾡ': "ὩΙ", 'ᾢ': "ὪΙ",
	'ᾣ': "ὫΙ", 'ᾤ': "ὬΙ", 'ᾥ': "ὭΙ", 'ᾦ': "ὮΙ", 'ᾧ': "ὯΙ", 'ᾨ': "ὨΙ", 'ᾩ': "ὩΙ", 'ᾪ': "ὪΙ", 'ᾫ': "ὫΙ", 'ᾬ': "ὬΙ",
	'ᾭ': "ὭΙ", 'ᾮ': "ὮΙ", 'ᾯ': "ὯΙ", 'ᾲ': "ᾺΙ", 'ᾳ': "ΑΙ", 'ᾴ': "ΆΙ", 'ᾶ': "Α͂", 'ᾷ': "Α͂Ι", 'ᾼ': "ΑΙ", 'ῂ': "ῊΙ",
	'ῃ': "ΗΙ", 'ῄ': "ΉΙ", 'ῆ': "Η͂", 'ῇ': "Η͂Ι", 'ῌ': "ΗΙ", 'ῒ': "Ϊ̀", 'ΐ': "Ϊ́", 'ῖ': "Ι͂", 'ῗ': "Ϊ͂", 'ῢ': "Ϋ̀",
	'ΰ': "Ϋ́", 'ῤ': "Ρ̓", 'ῦ': "Υ͂", 'ῧ': "Ϋ͂", 'ῲ': "ῺΙ", 'ῳ': "ΩΙ", 'ῴ': "ΏΙ", 'ῶ': "Ω͂", 'ῷ': "Ω͂Ι", 'ῼ': "ΩΙ",
	'ﬀ': "FF", 'ﬁ': "FI", 'ﬂ': "FL", 'ﬃ': "FFI", 'ﬄ': "FFL", 'ﬅ': "ST", 'ﬆ': "ST", 'ﬓ': "ՄՆ", 'ﬔ': "ՄԵ", 'ﬕ': "ՄԻ",
	'ﬖ': "ՎՆ", 'ﬗ': "ՄԽ",
}
