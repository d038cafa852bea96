package spring

import (
	"slices"
	"strconv"
	"strings"
)

// Squash returns the form in which elements of names are compared: lower case, without '-' and '_'.
func Squash(s string) string { return strings.ToLower(dashes.Replace(s)) }

// SquashAll drops dots as well: environment variables cannot tell them from dashes.
func SquashAll(s string) string { return strings.ReplaceAll(Squash(s), ".", "") }

var dashes = strings.NewReplacer("-", "", "_", "")

// SplitName splits a property's name at dots and brackets, which quote a map key or hold a list index. The index is that
// of a trailing [n], else -1.
func SplitName(raw string) (elems []string, index int) {
	for rest := raw; rest != ""; {
		i := strings.IndexAny(rest, ".[")
		if i < 0 {
			return append(elems, rest), -1
		}
		if i > 0 {
			elems = append(elems, rest[:i])
		}
		end := strings.IndexByte(rest[i:], ']')
		if rest[i] == '.' || end < 0 {
			rest = rest[i+1:]
			continue
		}
		inner := rest[i+1 : i+end]
		rest = strings.TrimPrefix(rest[i+end+1:], ".")
		if n, err := strconv.ParseUint(inner, 10, 16); err == nil && rest == "" {
			return elems, int(n)
		}
		if inner != "" {
			elems = append(elems, inner)
		}
	}
	return elems, -1
}

// Same reports whether two names mean the same property. A list and its elements do.
func Same(a, b string) bool {
	x, _ := SplitName(a)
	y, _ := SplitName(b)
	return slices.EqualFunc(x, y, func(s, t string) bool { return Squash(s) == Squash(t) })
}

// Refers reports whether the name in a placeholder means the property that is spelled raw. Only a name in canonical form,
// which is kebab case, matches in any spelling.
func Refers(wanted, raw string) bool {
	return wanted == raw || wanted != "" && !strings.ContainsFunc(wanted, notCanonical) && Same(wanted, raw)
}

func notCanonical(r rune) bool {
	return (r < 'a' || 'z' < r) && (r < '0' || '9' < r) && r != '-' && r != '.' && r != '[' && r != ']'
}

// EnvNames returns the environment variables that Spring tries for a name in a placeholder, in this order.
func EnvNames(wanted string) []string {
	under := strings.NewReplacer(".", "_", "-", "_").Replace(wanted)
	joined := strings.NewReplacer(".", "_", "-", "").Replace(wanted)
	return []string{wanted, under, strings.ToUpper(under), strings.ToUpper(joined)}
}
