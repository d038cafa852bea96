package wire

import (
	"strconv"
	"strings"
)

// NegotiateDocument picks the format of the cached documents from the Accept headers, joined by commas: JSON exactly
// when the text contains "json" in lower case (W-NEG-3). ok is false for 406, when neither type is acceptable (W-NEG-6).
func NegotiateDocument(accept string) (f Format, ok bool) {
	if xml, json := preferences(accept); xml.q == 0 && json.q == 0 {
		return XML, false
	}
	if strings.Contains(accept, "json") {
		return JSON, true
	}
	return XML, true
}

// NegotiateSingle picks the format of single instances, status and batch answers by ordinary negotiation: the highest
// quality wins, then the more specific range, then XML (W-NEG-5). ok is false for 406.
func NegotiateSingle(accept string) (f Format, ok bool) {
	xml, json := preferences(accept)
	switch {
	case xml.q == 0 && json.q == 0:
		return XML, false
	case json.q > xml.q, json.q == xml.q && json.precision > xml.precision:
		return JSON, true
	}
	return XML, true
}

// A preference is how much a caller wants a media type.
type preference struct {
	precision precision // of the range that decides
	q         float64   // 0 is not at all
}

type precision uint8

const (
	noRange precision = iota
	anyType
	anySubtype
	exactType
)

// preferences reads an Accept header. The most precise range that covers a type decides on it; an empty header accepts
// everything.
func preferences(accept string) (xml, json preference) {
	switch accept {
	case "", "*/*":
		return preference{anyType, 1}, preference{anyType, 1}
	case "application/json":
		return preference{}, preference{exactType, 1}
	}
	for rest := accept; rest != ""; {
		var element string
		element, rest = cutUnquoted(rest, ',')
		mediaRange, params := cutUnquoted(element, ';')
		q := quality(params)
		xml.consider(mediaRange, "xml", q)
		json.consider(mediaRange, "json", q)
	}
	return xml, json
}

// consider takes a media range into account for application/subtype.
func (p *preference) consider(mediaRange, subtype string, q float64) {
	precision := coverage(strings.TrimSpace(mediaRange), subtype)
	if precision > p.precision || precision != noRange && precision == p.precision && q > p.q {
		*p = preference{precision, q}
	}
}

func coverage(mediaRange, subtype string) precision {
	switch typ, sub, _ := strings.Cut(mediaRange, "/"); {
	case typ == "*" && (sub == "*" || sub == ""): // a bare star is what old Java clients send
		return anyType
	case !strings.EqualFold(typ, "application"):
		return noRange
	case sub == "*":
		return anySubtype
	case strings.EqualFold(sub, subtype):
		return exactType
	}
	return noRange
}

// quality returns the q among the parameters of a media range: 1 if there is none, 0 if it makes no sense.
func quality(params string) float64 {
	value, ok := parameter(params, "q")
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || !(q >= 0) {
		return 0
	}
	return min(q, 1)
}

// RequestFormat reads the Content-Type of a body; ok is false for 415 (W-NEG-8). A wildcard is XML (W-NEG-9).
func RequestFormat(contentType string) (f Format, ok bool) {
	mediaType, params := cutUnquoted(contentType, ';')
	switch mediaType = strings.TrimSpace(mediaType); {
	case strings.EqualFold(mediaType, JSON.MediaType()):
		f = JSON
	case strings.EqualFold(mediaType, XML.MediaType()), mediaType == "*/*":
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
