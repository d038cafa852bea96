package config

import "heureka.internal/heureka/internal/spring"

// A expander fills in the placeholders of values.
type expander struct {
	merged   layer
	env      map[string]string
	fallback func(name string) (string, bool) // what only the table or the machine knows; nil: nothing
	used     map[string]bool                  // canonical names that a placeholder read
}

// expand returns the text of p with its placeholders replaced.
func (r *expander) expand(p property) (string, error) { return spring.Expand(p.Text, r.lookup) }

// lookup finds the value behind a placeholder's name. A name of the table matches in any spelling, any other as
// spring.Refers has it.
func (r *expander) lookup(wanted string) (string, bool) {
	n := parseName(wanted)
	if p, ok := r.merged[n.canonical]; ok && (n.key != nil || spring.Refers(wanted, p.Raw)) {
		r.used[n.canonical] = true
		return p.Text, true
	}
	for _, candidate := range spring.EnvNames(wanted) {
		if v, ok := r.env[candidate]; ok {
			r.used[parseEnvName(candidate, false).canonical] = true
			return v, true
		}
	}
	if r.fallback != nil {
		return r.fallback(wanted)
	}
	return "", false
}
