package config

import (
	"slices"
	"strconv"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// A name is a property name, taken apart.
type name struct {
	canonical string // full canonical name of a known key, squashed name of any other
	key       *Key   // nil: not in the table
	sub       string // what follows the name of a map
	index     int    // of a list element, -1 if there is none
}

// parseName reads a property name in any relaxed spelling (S-CFG-1): in each element case, '-' and '_' do not matter;
// brackets quote a map key or hold a list index.
func parseName(raw string) name { return table.parseName(raw) }

func (x *index) parseName(raw string) name {
	elems, index := spring.SplitName(raw)
	for i := len(elems); i > 0; i-- {
		if n, ok := x.dotted[spring.Squash(strings.Join(elems[:i], "."))].named(elems[i:], index); ok {
			return n
		}
	}
	return name{canonical: spring.Squash(strings.Join(elems, ".")), index: index}
}

// named returns the name that has the elements rest after s, and whether there may be some.
func (s spelling) named(rest []string, index int) (name, bool) {
	if s.key == nil || s.key.Map != (len(rest) > 0) {
		return name{}, false
	}
	if !s.key.Map {
		return name{canonical: s.name, key: s.key, index: index}, true
	}
	sub := strings.Join(rest, ".")
	if s.key.Name == serviceURL && spring.SquashAll(sub) == spring.Squash(defaultZone) {
		sub = defaultZone // Spring would take default-zone for another zone and silently keep its own default
	}
	return name{canonical: s.name + "." + sub, key: s.key, sub: sub, index: index}, true
}

const (
	serviceURL        = "eureka.client.service-url"
	availabilityZones = "eureka.client.availability-zones"
	region            = "eureka.client.region"
	defaultZone       = "defaultZone"
)

// parseEnvName reads the name of an environment variable. Underscores separate elements or nothing at all, so known keys
// are compared without them; a map key becomes lower case with dots, as Spring has it. A number at the end is a list index
// if lists is set, and else part of the name.
func parseEnvName(raw string, lists bool) name {
	if strings.ContainsAny(raw, ".[") { // Docker passes such names on unchanged
		return parseName(raw)
	}
	tokens := strings.Split(strings.ToLower(strings.ReplaceAll(raw, "-", "")), "_")
	for len(tokens) > 1 && tokens[len(tokens)-1] == "" {
		tokens = tokens[:len(tokens)-1]
	}
	full, index := tokens, -1
	if n, err := strconv.ParseUint(tokens[len(tokens)-1], 10, 16); err == nil && len(tokens) > 1 {
		tokens, index = tokens[:len(tokens)-1], int(n)
	}
	if n, ok := envKey(tokens, index); ok && lists && index >= 0 && n.key.isList() {
		return n
	}
	if n, ok := envKey(full, -1); ok {
		return n
	}
	if canonical, ok := switches[strings.Join(full, "")]; ok {
		return name{canonical: canonical, index: -1}
	}
	return name{canonical: strings.Join(full, "."), index: -1}
}

func envKey(tokens []string, index int) (name, bool) {
	for i := len(tokens); i > 0; i-- {
		if n, ok := table.flat[strings.Join(tokens[:i], "")].named(tokens[i:], index); ok {
			return n, true
		}
	}
	return name{}, false
}

func (k *Key) isList() bool { return k.Kind == List || k.Kind == URLs }

// Nearest returns the key that raw, which is none, was probably meant to be, or nil. One mistake in four characters is
// forgiven, not counting the namespace. Netflix's own names lack the "server" of Spring's (S-CFG-2), people who are in a
// hurry leave out all but the last word, and many a setting stands one level too deep or in the wrong namespace.
func Nearest(raw string) *Key {
	elems, _ := spring.SplitName(raw)
	if k := nearestPlace(elems); k != nil {
		return k
	}
	if k := nearestSpelling(elems, false); k != nil || len(elems) < 3 {
		return k
	}
	return nearestSpelling(elems[:len(elems)-1], true) // the name of a map, without the map key
}

// longWord is from how many letters on a last word is enough to recognise a setting in the wrong place.
const longWord = 12

// nearestPlace finds the key that has the same last word.
func nearestPlace(elems []string) *Key {
	var within []string
	switch {
	case len(elems) == 1:
		within = []string{"server.", "eureka.server.", "eureka.client.", "eureka.instance.", "heureka."}
	case len(elems) == 2 && spring.Squash(elems[0]) == "eureka":
		within = []string{"eureka.server."}
	case len(elems) > 2 && spring.Squash(elems[0]) == "eureka" && len(spring.Squash(elems[len(elems)-1])) >= longWord:
		within = []string{"eureka.server.", "eureka.client.", "eureka.instance."}
	}
	for _, namespace := range within {
		if n := parseName(namespace + elems[len(elems)-1]); n.key != nil && !n.key.Map {
			return n.key
		}
	}
	return nil
}

// nearestSpelling finds the key whose name differs least.
func nearestSpelling(elems []string, maps bool) *Key {
	want := spring.SquashAll(strings.Join(elems, "."))
	if len(elems) > 0 {
		elems = elems[1:]
	}
	if len(elems) > 1 {
		elems = elems[1:]
	}
	var best *Key
	limit := max(1, len(spring.SquashAll(strings.Join(elems, "")))/4) + 1
	for _, k := range table.keys {
		if maps && !k.Map {
			continue
		}
		for _, alias := range k.names() {
			if d := Distance(want, spring.SquashAll(alias), limit); d < limit {
				best, limit = k, d
			}
		}
	}
	return best
}

// Distance is the edit distance of a and b, with neighbours that changed places counting once, or limit if it is not below
// that.
func Distance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			cost := last[j]
			if a[i] != b[j] {
				cost++
			}
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				cost = min(cost, before[j-1]+1)
			}
			row[j+1] = min(cost, last[j+1]+1, row[j]+1)
		}
		if slices.Min(row) > limit {
			return limit
		}
	}
	return min(row[len(b)], limit)
}
