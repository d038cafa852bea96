package config

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/magiconair/properties"
)

// readProperties reads all documents of a .properties text.
func readProperties(data []byte, origin Origin) ([]document, error) {
	lines := strings.Split(string(data), "\n")
	var docs []document
	for first := 0; first <= len(lines); {
		n := slices.IndexFunc(lines[first:], isSeparator)
		if n < 0 {
			n = len(lines) - first
		}
		doc, err := readPropertiesPart(strings.Join(lines[first:first+n], "\n"), first, origin)
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
		first += n + 1
	}
	return docs, nil
}

func isSeparator(line string) bool {
	line = strings.TrimRight(line, " \t\r")
	return line == "#---" || line == "!---"
}

var propertiesLine = regexp.MustCompile(`^properties: Line (\d+): `)

// readPropertiesPart reads one document, which follows the given number of lines.
func readPropertiesPart(text string, before int, origin Origin) (document, error) {
	loader := properties.Loader{Encoding: properties.UTF8, DisableExpansion: true}
	props, err := loader.LoadBytes([]byte(text))
	if err != nil {
		msg := err.Error()
		if m := propertiesLine.FindStringSubmatch(msg); m != nil {
			n, _ := strconv.Atoi(m[1])
			origin.Line, msg = before+n, msg[len(m[0]):]
		}
		return document{}, &Mistake{Origin: origin, Problem: "not a valid properties file: " + msg}
	}
	lines := keyLines(text)
	b := newLayerBuilder()
	for _, key := range props.Keys() {
		value, _ := props.Get(key)
		at := origin
		if n := lines[key]; n > 0 {
			at.Line = before + n
		}
		b.add(parseName(key), property{Raw: key, Text: value, Origin: at})
	}
	return newDocument(b.done()), nil
}

// keyLines returns the line of each plain key, for messages; the parser does not tell. Keys with escapes are left out.
func keyLines(text string) map[string]int {
	lines := map[string]int{}
	continued := false
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimLeft(line, " \t\f")
		if !continued && trimmed != "" && trimmed[0] != '#' && trimmed[0] != '!' {
			key := trimmed
			if i := strings.IndexAny(key, "=: \t\f"); i >= 0 {
				key = key[:i]
			}
			lines[key] = n
		}
		backslashes := len(line) - len(strings.TrimRight(line, `\`))
		continued = backslashes%2 == 1
	}
	return lines
}
