package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/v2"
)

// A resolver replaces ${name} and ${name:default} in values (as Spring does, with nesting on both sides of the colon).
type resolver struct {
	merged   *koanf.Koanf
	env      map[string]string
	fallback func(name string) (string, bool) // what only the table or the machine knows; nil: nothing
	used     map[string]bool                  // canonical names that a placeholder read
	steps    int
}

// Limits against values that grow without end.
const (
	maxSteps = 10_000
	maxText  = 64 << 10
)

// expand returns the text of p with its placeholders replaced.
func (r *resolver) expand(p property) (string, error) {
	r.steps = 0
	text, err := r.text(p.Text, nil)
	if err != nil {
		return "", err
	}
	return text, nil
}

// text resolves s. open are the names that are being resolved around it.
func (r *resolver) text(s string, open []string) (string, error) {
	var b strings.Builder
	for {
		start := strings.Index(s, "${")
		if start < 0 {
			break
		}
		if start > 0 && s[start-1] == '\\' { // \${ stands for ${ itself
			b.WriteString(s[:start-1] + "${")
			s = s[start+2:]
			continue
		}
		end := closing(s[start+2:])
		if end < 0 {
			break
		}
		b.WriteString(s[:start])
		value, err := r.placeholder(s[start+2:start+2+end], open)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		if b.Len() > maxText {
			return "", errors.New("want fewer placeholders: the value grows without end")
		}
		s = s[start+2+end+1:]
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

func (r *resolver) placeholder(inside string, open []string) (string, error) {
	if r.steps++; r.steps > maxSteps || len(open) > maxDepth {
		return "", errors.New("want fewer placeholders: the value grows without end")
	}
	namePart, defaultPart, hasDefault := cutDefault(inside)
	wanted, err := r.text(namePart, open)
	if err != nil {
		return "", err
	}
	wanted = strings.TrimSpace(wanted)
	if slices.Contains(open, wanted) {
		return "", fmt.Errorf("want placeholders without a cycle: %s", strings.Join(append(open, wanted), " needs "))
	}
	value, ok := r.lookup(wanted)
	switch {
	case ok:
		return r.text(value, append(slices.Clone(open), wanted))
	case hasDefault:
		return r.text(defaultPart, open)
	}
	return "", fmt.Errorf("want a value for ${%s}: neither a setting nor an environment variable has that name", wanted)
}

// cutDefault splits at the first colon outside of nested placeholders.
func cutDefault(s string) (namePart, defaultPart string, found bool) {
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

// lookup finds the value behind a placeholder's name. A name of the table or one in canonical form matches in any
// spelling, any other only as it is written.
func (r *resolver) lookup(wanted string) (string, bool) {
	n := parseName(wanted)
	p, ok := get(r.merged, n.canonical)
	if ok && (n.key != nil || isCanonical(wanted) || p.Raw == wanted) {
		r.used[n.canonical] = true
		return p.Text, true
	}
	for _, candidate := range envSpellings(wanted) {
		if v, ok := r.env[candidate]; ok {
			r.used[parseEnvName(candidate, false).canonical] = true
			return v, true
		}
	}
	if v, ok := random(wanted); ok {
		return v, true
	}
	if r.fallback != nil {
		return r.fallback(wanted)
	}
	return "", false
}

// envSpellings are the environment variables that Spring tries for a name.
func envSpellings(s string) []string {
	under := strings.NewReplacer(".", "_", "-", "_").Replace(s)
	joined := strings.NewReplacer(".", "_", "-", "").Replace(s)
	return []string{s, under, strings.ToUpper(under), strings.ToUpper(joined)}
}

// random serves Spring's ${random.uuid} and its kin, often part of an instance id. It is drawn when the configuration is
// read and stays.
func random(wanted string) (string, bool) {
	kind, ok := strings.CutPrefix(wanted, "random.")
	switch {
	case !ok:
		return "", false
	case kind == "uuid":
		b := randomBytes()
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
		return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), true
	case kind == "value":
		return hex.EncodeToString(randomBytes()), true
	case kind == "int":
		return strconv.Itoa(int(rand.Int32())), true
	case kind == "long":
		return strconv.FormatInt(rand.Int64(), 10), true
	}
	return randomRange(kind)
}

func randomBytes() []byte {
	b := make([]byte, 0, 16)
	for range 4 {
		n := rand.Uint32()
		b = append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	}
	return b
}

// randomRange serves int(max) and int[min,max], also with long; min counts, max does not.
func randomRange(kind string) (string, bool) {
	bounds, ok := strings.CutPrefix(kind, "int")
	if !ok {
		bounds, ok = strings.CutPrefix(kind, "long")
	}
	if !ok || len(bounds) < 3 {
		return "", false
	}
	from, to, found := strings.Cut(bounds[1:len(bounds)-1], ",")
	if !found {
		from, to = "0", from
	}
	low, err1 := strconv.ParseInt(strings.TrimSpace(from), 10, 32)
	high, err2 := strconv.ParseInt(strings.TrimSpace(to), 10, 32)
	if err1 != nil || err2 != nil || low >= high {
		return "", false
	}
	return strconv.FormatInt(low+rand.Int64N(high-low), 10), true
}
