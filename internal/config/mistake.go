package config

import (
	"errors"
	"strconv"
	"strings"
)

// A Mistake is one thing wrong in the configuration. Load joins all of them.
type Mistake struct {
	Origin  Place
	Key     string // canonical name; "" if the mistake is not about one setting
	Value   string // passwords masked
	Problem string // "want true or false"
	Hint    string // what to do about it; "" if nobody knows
}

// Error returns one line: origin, key, value and what is wrong. The hint is not part of it.
func (m *Mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.Origin.String() + ": ")
	if m.Key != "" {
		b.WriteString(m.Key)
		if m.Value != "" {
			b.WriteString(" is " + strconv.Quote(m.Value))
		}
		b.WriteString(": ")
	}
	b.WriteString(m.Problem)
	return b.String()
}

// Mistakes takes the joined error of Load apart, for printing one line each.
func Mistakes(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range joined.Unwrap() {
			all = append(all, Mistakes(e)...)
		}
		return all
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// HintOf returns the hint of the Mistake that err is, or "".
func HintOf(err error) string {
	if m, ok := errors.AsType[*Mistake](err); ok {
		return m.Hint
	}
	return ""
}
