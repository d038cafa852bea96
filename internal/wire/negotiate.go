package wire

import (
	"strconv"
	"strings"
)

// NegotiateDocument picks the format of the cached documents from the Accept headers, joined by commas: JSON exactly
// when the text contains "json" in lower case (W-NEG-3). ok is false for 406, when neither type is acceptable (W-NEG-6).
func NegotiateDocument(accept string) (f Format, ok bool) {
	if _, ok := NegotiateSingle(accept); !ok {
		return XML, false
	}
	if strings.Contains(accept, "json") {
		return JSON, true
	}
	return XML, true
}

// NegotiateSingle picks the format of single instances, status and batch answers by ordinary negotiation: the range with
// the highest quality wins, then the more specific, then the earlier one, and XML where it covers both (W-NEG-5). As on
// the reference a quality of 0 is the lowest there is, not a refusal. ok is false for 406.
func NegotiateSingle(accept string) (f Format, ok bool) {
	switch accept {
	case "", "*/*":
		return XML, true
	case "application/json":
		return JSON, true
	}
	var best preference
	for rest := accept; rest != ""; {
		var element string
		element, rest = cutUnquoted(rest, ',')
		mediaRange, params := cutUnquoted(element, ';')
		format, precision := coverage(strings.TrimSpace(mediaRange))
		this := preference{quality(params), precision}
		if precision != noRange && this.q >= 0 && (!ok || best.less(this)) {
			f, ok, best = format, true, this
		}
	}
	return f, ok
}

// A preference is how much a caller wants what a media range covers.
type preference struct {
	q         float64
	precision precision
}

func (p preference) less(than preference) bool {
	return p.q < than.q || p.q == than.q && p.precision < than.precision
}

type precision uint8

const (
	noRange precision = iota
	anyType
	anySubtype
	exactType
)

// coverage returns the format that a media range asks for and how precisely it does: XML for a range that covers both.
func coverage(mediaRange string) (Format, precision) {
	typ, sub, ok := strings.Cut(mediaRange, "/")
	if !ok {
		sub = "*" // a bare star is what old Java clients send
	}
	p := exactType
	switch {
	case typ == "*":
		p = anyType
	case !strings.EqualFold(typ, "application"):
		return XML, noRange
	case sub == "*":
		p = anySubtype
	}
	switch {
	case strings.EqualFold(sub, "json"):
		return JSON, p
	case sub == "*", strings.EqualFold(sub, "xml"):
		return XML, p
	}
	return XML, noRange
}

// quality returns the q among the parameters of a media range: 1 if there is none, negative if it makes no sense.
func quality(params string) float64 {
	value, ok := parameter(params, "q")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !(q >= 0) {
		return -1
	}
	return min(q, 1)
}

// RequestFormat reads the Content-Type of a body; ok is false for 415 (W-NEG-8). Wildcards are XML (W-NEG-9).
func RequestFormat(contentType string) (f Format, ok bool) {
	mediaType, params := cutUnquoted(contentType, ';')
	switch mediaType = strings.TrimSpace(mediaType); {
	case strings.EqualFold(mediaType, JSON.MediaType()):
		f = JSON
	case strings.EqualFold(mediaType, XML.MediaType()), mediaType == "*/*", strings.EqualFold(mediaType, "application/*"):
		f = XML
	default:
		return XML, false
	}
	if charset, sent := parameter(params, "charset"); sent {
		ok = strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "iso-8859-1")
		return f, ok
	}
	return f, true
}

// parameter returns the value of the first parameter with this name, without quotes.
func parameter(params, name string) (value string, ok bool) {
	for rest := params; rest != ""; {
		var param string
		param, rest = cutUnquoted(rest, ';')
		key, value, _ := strings.Cut(param, "=")
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.Trim(strings.TrimSpace(value), `"`), true
		}
	}
	return "", false
}

// cutUnquoted splits s at the first sep outside quotes.
func cutUnquoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}
