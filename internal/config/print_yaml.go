package config

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// WriteYAML prints a file that can be fed back: loaded in place of all sources it gives the same settings, if secrets are
// shown. Defaults follow as comments, so that they stay defaults.
func (s *Settings) WriteYAML(w io.Writer, v View) error {
	var defaults strings.Builder
	y := yamlWriter{table: s.table}
	for _, x := range sortedByName(s.viewed(v)) {
		if x.Origin.Source == Default {
			fmt.Fprintf(&defaults, "# %s: %s\n", x.Name, x.yaml(x.Shown(v.Secrets)))
			continue
		}
		y.setting(x, x.Shown(v.Secrets))
	}
	_, err := fmt.Fprintf(w, "%s\n# Defaults:\n%s", y.b.String(), defaults.String())
	return err
}

// sortedByName brings settings with the same prefixes together, so that each prefix is written once.
func sortedByName(all []Setting) []Setting {
	slices.SortStableFunc(all, func(a, b Setting) int {
		return slices.Compare(strings.Split(a.Key.Name, "."), strings.Split(b.Key.Name, "."))
	})
	return all
}

// A yamlWriter nests dotted names.
type yamlWriter struct {
	b     strings.Builder
	table *index
	open  []string // the parents of the last line
}

func (y *yamlWriter) setting(x Setting, shown string) {
	parents, leaf := y.path(x)
	common := 0
	for common < min(len(parents), len(y.open)) && parents[common] == y.open[common] {
		common++
	}
	for i := common; i < len(parents); i++ {
		fmt.Fprintf(&y.b, "%s%s:\n", strings.Repeat("  ", i), parents[i])
	}
	y.open = parents
	origin := oneLine(x.Origin.String())
	if shown != x.Value.Text {
		origin += ", masked"
	}
	indent, key := strings.Repeat("  ", len(parents)), yamlText(leaf)
	if len(key) > longestPlainKey {
		key = "? " + key + "\n" + indent
	}
	fmt.Fprintf(&y.b, "%s%s: %s # from %s\n", indent, key, x.yaml(shown), origin)
}

// longestPlainKey is how many bytes a key may have without being marked as one by a question mark; YAML demands that of
// keys over 1024 characters.
const longestPlainKey = 1000

// path splits the name. The key of a map is one element, in brackets if it would be read differently without.
func (y *yamlWriter) path(x Setting) (parents []string, leaf string) {
	parents = strings.Split(x.Key.Name, ".")
	if !x.Key.Map {
		return parents[:len(parents)-1], parents[len(parents)-1]
	}
	leaf = x.Value.Sub
	if n := y.table.parseName(x.Name); n.sub != leaf || n.index >= 0 {
		leaf = "[" + leaf + "]"
	}
	return parents, leaf
}

// yaml returns the text as a YAML scalar that is read as the same text again.
func (s Setting) yaml(text string) string {
	switch s.Key.Kind {
	case Bool, Int, Float, Duration:
		return text
	}
	return yamlText(strings.ReplaceAll(text, "${", `\${`))
}

// plain is text that needs no quotes, if it does not look like another type.
var plain = regexp.MustCompile(`^[A-Za-z0-9/.][A-Za-z0-9,/:@%_+=.*-]*$`)

// yamlText returns the text as a plain or quoted scalar. Go's escapes are all known to YAML.
func yamlText(text string) string {
	var node yaml.Node
	if plain.MatchString(text) && yaml.Unmarshal([]byte(text), &node) == nil {
		if n := node.Content[0]; n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == text {
			return text
		}
	}
	return strconv.Quote(text)
}
