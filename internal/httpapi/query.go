package httpapi

import (
	"iter"
	"net/url"
	"slices"
	"strings"

	"heureka.internal/heureka"
)

// validEscapes reports whether every percent sign of a raw query begins an escape.
func validEscapes(raw string) bool {
	for i := strings.IndexByte(raw, '%'); i >= 0; {
		if i+2 >= len(raw) || !isHex(raw[i+1]) || !isHex(raw[i+2]) {
			return false
		}
		j := strings.IndexByte(raw[i+1:], '%')
		if j < 0 {
			break
		}
		i += 1 + j
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// param returns the first value of a query parameter (W-PATH-11). It reads the raw query each time, because a heartbeat
// has one or two parameters and a map of them would be most of its cost.
func param(raw, name string) (value string, ok bool) {
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k == name || unescape(k) == name {
			return unescape(v), true
		}
	}
	return "", false
}

// params iterates over all query parameters in order, decoded, repetitions included.
func params(raw string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for pair := range strings.SplitSeq(raw, "&") {
			k, v, _ := strings.Cut(pair, "=")
			if !yield(unescape(k), unescape(v)) {
				return
			}
		}
	}
}

// unescape undoes form encoding (W-PATH-12) in text that validEscapes has accepted.
func unescape(s string) string {
	s, _ = url.QueryUnescape(s)
	return validUTF8(s)
}

// metadataEntries makes a metadata entry of each query parameter that has a name; the first of a repeated name counts
// (W-META-2).
func metadataEntries(raw string) []heureka.MetadataEntry {
	var entries []heureka.MetadataEntry
	seen := map[string]bool{"": true}
	for k, v := range params(raw) {
		if !seen[k] {
			seen[k] = true
			entries = append(entries, heureka.MetadataEntry{Key: k, Value: v})
		}
	}
	return entries
}

// regions returns the regions parameter as it stands in a cache key: lower-cased, sorted, each name once (W-APPS-4).
func regions(raw string) string {
	list, _ := param(raw, "regions")
	if list == "" {
		return ""
	}
	names := strings.Split(strings.ToLower(list), ",")
	slices.Sort(names)
	names = slices.Compact(names)
	if names[0] == "" {
		names = names[1:]
	}
	return strings.Join(names, ",")
}
