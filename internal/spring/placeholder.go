package spring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits against values that grow without end.
const (
	maxSteps = 10_000
	maxText  = 64 << 10
	maxDepth = 64
)

var errGrows = errors.New("placeholder expansion too large")

// Expand replaces ${name} and ${name:default} in s, with nesting on both sides of the colon; \${ stands for ${ itself. What
// lookup returns is expanded in its turn. A name that nothing is known of, and which has no default, is an error that says
// what is wanted.
func Expand(s string, lookup func(name string) (string, bool)) (string, error) {
	e := expander{lookup: lookup}
	return e.text(s, nil)
}

type expander struct {
	lookup func(name string) (string, bool)
	steps  int
}

// text expands s. open are the names that are being expanded around it.
func (e *expander) text(s string, open []string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		if !found {
			break
		}
		if literal, escaped := strings.CutSuffix(before, `\`); escaped {
			b.WriteString(literal + "${")
			s = rest
			continue
		}
		end := closing(rest)
		if end < 0 {
			break
		}
		b.WriteString(before)
		value, err := e.placeholder(rest[:end], open)
		if err != nil {
			return "", err
		}
		if b.WriteString(value); b.Len() > maxText {
			return "", errGrows
		}
		s = rest[end+1:]
	}
	b.WriteString(s)
	return b.String(), nil
}

// closing returns the index of the brace that ends the placeholder whose inside begins s, or -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}

func (e *expander) placeholder(inside string, open []string) (string, error) {
	if e.steps++; e.steps > maxSteps || len(open) > maxDepth {
		return "", errGrows
	}
	namePart, fallback, hasFallback := cutDefault(inside)
	name, err := e.text(namePart, open)
	if err != nil {
		return "", err
	}
	name = strings.TrimSpace(name)
	if slices.Contains(open, name) {
		return "", fmt.Errorf("want placeholders without a cycle: %s", strings.Join(append(open, name), " needs "))
	}
	value, ok := e.lookup(name)
	if !ok {
		value, ok = random(name)
	}
	switch {
	case ok:
		return e.text(value, append(slices.Clone(open), name))
	case hasFallback:
		return e.text(fallback, open)
	}
	return "", fmt.Errorf("want a value for ${%s}: neither a setting nor an environment variable has that name", name)
}

// cutDefault splits at the first colon outside of nested placeholders.
func cutDefault(s string) (name, fallback string, found bool) {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			depth--
		case ':':
			if depth == 0 {
				return s[:i], s[i+1:], true
			}
		}
	}
	return s, "", false
}
