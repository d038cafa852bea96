package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka/internal/outbound"
	"heureka.internal/heureka/internal/spring"
)

// A Value is a setting as read. Which field holds it depends on the kind of its key; Text is always set.
type Value struct {
	Sub      string // the map key, of an entry of a map
	Text     string // canonical text; feeding it back gives the same value
	List     []string
	Bool     bool
	Int      int64 // also the bytes of a Size
	Float    float64
	Duration time.Duration
}

// parse reads the text of a setting. The error says what is wanted instead, after "want ".
func (k *Key) parse(text string) (Value, error) {
	if k.Kind != Text {
		text = strings.TrimSpace(text)
	}
	v := Value{Text: text}
	var err error
	switch k.Kind {
	case Bool:
		v.Bool, err = spring.ParseBool(text)
		v.Text = strconv.FormatBool(v.Bool)
	case Int:
		v.Int, err = k.parseInt(text)
		v.Text = strconv.FormatInt(v.Int, 10)
	case Float:
		v.Float, err = parseRatio(text)
	case Duration:
		v.Duration, err = k.parseDuration(text)
		v.Text = strconv.FormatInt(int64(v.Duration/k.Unit), 10)
	case Span:
		v.Duration, err = k.parseSpan(text)
	case Size:
		v.Int, err = k.parseSize(text)
	case List:
		v.List = spring.SplitList(text)
		v.Text = strings.Join(v.List, ",")
	case URL:
		err = checkURL(text)
	case URLs:
		v.List = spring.SplitList(text)
		v.Text = strings.Join(v.List, ",")
		for _, u := range v.List {
			err = cmp.Or(err, checkURL(strings.TrimPrefix(strings.TrimPrefix(u, "dns+"), "dnssrv+")))
		}
	case Enum:
		v.Text, err = k.parseWord(text)
	}
	return v, err
}

func (k *Key) parseInt(text string) (int64, error) {
	n, err := spring.ParseInt(text)
	switch {
	case err != nil && k.Kind == Duration:
		return 0, fmt.Errorf("a whole number of %s", unitWords[k.Unit])
	case err != nil:
		return 0, errors.New("a whole number")
	case n < k.Min || n > k.max():
		return 0, fmt.Errorf("a number from %d to %d", k.Min, k.max())
	}
	return n, nil
}

// max is the largest number allowed. Numbers without a unit are 32 bits wide in Java too.
func (k *Key) max() int64 {
	switch {
	case k.Max > 0:
		return k.Max
	case k.Kind == Duration:
		return int64(math.MaxInt64 / k.Unit)
	}
	return math.MaxInt32
}

var unitWords = map[time.Duration]string{ms: "milliseconds", sec: "seconds"}

// parseDuration reads a whole number of units, as Java wants it, or a duration that is one, such as 90s.
func (k *Key) parseDuration(text string) (time.Duration, error) {
	if d, err := spring.ParseDuration(text, k.Unit); err == nil && d%k.Unit == 0 {
		text = strconv.FormatInt(int64(d/k.Unit), 10)
	}
	n, err := k.parseInt(text)
	return time.Duration(n) * k.Unit, err
}

// A ratio of zero is refused, since server.Config takes it for the default, and no use of it is known.
func parseRatio(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !(f > 0 && f <= 1) {
		return 0, errors.New("a ratio above 0 and up to 1, such as 0.85")
	}
	return f, nil
}

var sizeSyntax = regexp.MustCompile(`^(\d{1,18}) ?([KMGT]?)I?B?$`)

// parseSpan reads a duration; a plain number counts milliseconds.
func (k *Key) parseSpan(text string) (time.Duration, error) {
	if slices.Contains(k.Words, text) {
		return 0, nil
	}
	d, err := spring.ParseDuration(text, k.Unit)
	if err != nil {
		return 0, errors.New(strings.Join(append([]string{err.Error()}, k.Words...), ", or "))
	}
	return d, nil
}

// parseSize reads bytes as Spring's DataSize does, where all units are powers of 1024; 1MiB is the same as 1MB.
func (k *Key) parseSize(text string) (int64, error) {
	wanted := errors.New("a size such as 1MB or 1048576")
	m := sizeSyntax.FindStringSubmatch(strings.ToUpper(text))
	if m == nil {
		return 0, wanted
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	shift := 10 * strings.Index(" KMGT", m[2])
	if m[2] == "" {
		shift = 0
	}
	if err != nil || n < k.Min || n > math.MaxInt64>>shift {
		return 0, wanted
	}
	return n << shift, nil
}

func (k *Key) parseWord(text string) (string, error) {
	for _, w := range k.Words {
		if spring.Squash(w) == spring.Squash(text) {
			return w, nil
		}
	}
	return "", errors.New("one of " + strings.Join(k.Words, ", "))
}

func checkURL(text string) error {
	if _, err := outbound.ParseURL(text); err != nil {
		return errors.New("a URL such as http://peer2:8761/eureka/")
	}
	return nil
}

// brokenByPassword guesses why a URL is none.
func brokenByPassword(text string) bool { return strings.Contains(text, "@") && checkURL(text) != nil }

// masked returns the text with passwords replaced.
func (k *Key) masked(v Value) string {
	switch {
	case v.Text == "":
		return ""
	case k.isSecret(v.Sub):
		return outbound.Mask
	case k.Kind == URL || k.Kind == URLs:
		return outbound.Masked(v.Text)
	}
	return v.Text
}

// isSecret reports whether the whole value is a password; sub is the map key of an entry of a map.
func (k *Key) isSecret(sub string) bool {
	return k.Secret || k.Name == "eureka.instance.metadata-map" && outbound.IsSecretName(sub)
}

// showsMask reports whether a password is what masked puts in its place: printed settings that were fed back. Peers would
// refuse it long after the program that printed it has gone.
func (k *Key) showsMask(v Value, canonical string) bool {
	if k.Kind == URL || k.Kind == URLs {
		return strings.Contains(v.Text, "://"+outbound.Mask+"@")
	}
	return v.Text == outbound.Mask && k.isSecret(strings.TrimPrefix(canonical, k.Name+"."))
}
