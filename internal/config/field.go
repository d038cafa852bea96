package config

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"time"

	"heureka.internal/heureka/server"
)

// A textField is a field that does not hold the value of its setting as it is.
type textField interface {
	encoding.TextMarshaler
	encoding.TextUnmarshaler
}

// not stands for a field that says the opposite of its setting: what is on by default has a negative switch there.
type not struct{ field *bool }

func (n not) MarshalText() ([]byte, error) { return strconv.AppendBool(nil, !*n.field), nil }

func (n not) UnmarshalText(text []byte) error {
	*n.field = string(text) != "true"
	return nil
}

// refusing is a switch with words.
type refusing struct{ field *bool }

func (r refusing) MarshalText() ([]byte, error) {
	if *r.field {
		return []byte("refuse-writes"), nil
	}
	return []byte("continue"), nil
}

func (r refusing) UnmarshalText(text []byte) error {
	*r.field = string(text) == "refuse-writes"
	return nil
}

// copying is SyncRetries as a switch: whether peers are asked at all. To switch it on leaves the number as it is.
type copying struct{ retries *int }

func (c copying) MarshalText() ([]byte, error) { return strconv.AppendBool(nil, *c.retries > 0), nil }

func (c copying) UnmarshalText(text []byte) error {
	if string(text) != "true" {
		*c.retries = -1
	}
	return nil
}

// rootPath is a path in the form that the server wants.
type rootPath struct{ path *string }

func (p rootPath) MarshalText() ([]byte, error) { return []byte(*p.path), nil }

func (p rootPath) UnmarshalText(text []byte) error {
	*p.path = contextPath(string(text))
	return nil
}

// assign puts the value of a setting into the field that holds it.
func (k *Key) assign(c *server.Config, v Value) {
	switch p := k.field(c).(type) {
	case *bool:
		*p = v.Bool
	case **bool:
		*p = &v.Bool
	case *int:
		setNumber(p, int(v.Int))
	case **int:
		*p = new(int(v.Int))
	case *int64:
		setNumber(p, v.Int)
	case *float64:
		*p = v.Float
	case *time.Duration:
		setNumber(p, v.Duration)
	case *string:
		*p = v.Text
	case *[]string:
		*p = v.List
	case *map[string]string:
		put(p, v.Sub, v.Text)
	case *map[string][]string:
		put(p, v.Sub, v.List)
	case textField:
		if err := p.UnmarshalText([]byte(v.Text)); err != nil {
			panic("config: " + k.Name + ": " + err.Error()) // Words has one that the server does not know
		}
	default:
		panic(fmt.Sprintf("config: %s: no setting can be a %T", k.Name, p))
	}
}

// textOf returns the field as the text of the setting; sub is the map key of an entry of a map.
func (k *Key) textOf(c *server.Config, sub string) string {
	switch p := k.field(c).(type) {
	case *bool:
		return strconv.FormatBool(*p)
	case **bool:
		return strconv.FormatBool(**p)
	case *int:
		return k.number(int64(*p))
	case **int:
		return k.number(int64(**p))
	case *int64:
		return sizeText(*p)
	case *float64:
		return strconv.FormatFloat(*p, 'g', -1, 64)
	case *time.Duration:
		return k.durationText(*p)
	case *string:
		return *p
	case *[]string:
		return strings.Join(*p, ",")
	case *map[string]string:
		return (*p)[sub]
	case *map[string][]string:
		return strings.Join((*p)[sub], ",")
	}
	text, _ := k.field(c).(textField).MarshalText() // none of them fails
	return string(text)
}

// number writes a whole number: one below the least allowed stands for none, and where there must be one, zero stands for
// a setting without a default.
func (k *Key) number(n int64) string {
	if n == 0 && k.Min > 0 {
		return ""
	}
	return strconv.FormatInt(max(n, k.Min), 10)
}

func (k *Key) durationText(d time.Duration) string {
	switch {
	case k.Kind == Duration:
		return k.number(int64(d / k.Unit))
	case d <= 0 && len(k.Words) > 0:
		return k.Words[0]
	}
	text := max(d, 0).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// sizeText writes bytes in the largest unit that needs no fraction.
func sizeText(n int64) string {
	unit := ""
	for _, larger := range []string{"KB", "MB", "GB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, larger
	}
	return strconv.FormatInt(n, 10) + unit
}

// setNumber replaces the default at p. An explicit zero becomes the negative number by which server.Config says "none"
// wherever its own zero stands for a default.
func setNumber[T int | int64 | time.Duration](p *T, n T) {
	if n == 0 && *p != 0 {
		n = -1
	}
	*p = n
}

func put[V any](m *map[string]V, k string, v V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[k] = v
}
