package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// Settings are all keys with their effective values. They do not change after Load.
type Settings struct {
	Profiles []string // the active ones, the strongest last
	Files    []string // that were read
	Watched  []string // files that hold secrets: those of mounted trees, and those that settings name
	Warnings []error  // accepted but probably unintended; each a *Mistake
	Unused   []Unused // what nothing reads, in the order of names

	set   map[string]Setting // what is not left at its default, by full name
	host  func() spring.Host
	table *index
}

// An Unused is a setting of a file or an argument that heureka does not read: of other parts of Spring Boot, or of nobody.
type Unused struct {
	Name   string // as it is written
	Origin Place
}

// Notices are the warnings, and one line about all that is not used.
func (s *Settings) Notices() []error {
	switch n := len(s.Unused); n {
	case 0:
		return s.Warnings
	case 1:
		return append(slices.Clip(s.Warnings), errors.New("1 setting is not used; heureka config --unused lists it"))
	default:
		return append(slices.Clip(s.Warnings), fmt.Errorf("%d settings are not used; heureka config --unused lists them", n))
	}
}

// A Setting is the effective value of a key, or of one entry of a map.
type Setting struct {
	Key    *Key
	Name   string // canonical, with the map key
	Value  Value
	Origin Place
}

// Shown returns the value for printing; without secrets passwords are masked.
func (s Setting) Shown(secrets bool) string {
	if secrets {
		return s.Value.Text
	}
	return s.Key.masked(s.Value)
}

// All returns every setting in the order of the table: the defaults too, but of maps only the entries that are there.
func (s *Settings) All() []Setting {
	var all []Setting
	for _, k := range s.table.keys {
		all = append(all, s.Of(k)...)
	}
	return all
}

// Changed returns the effective settings that are not left at their defaults.
func (s *Settings) Changed() []Setting {
	var changed []Setting
	for _, k := range s.table.keys {
		if _, ok := s.set[k.Name]; k.Effective() && (ok || k.Map) {
			changed = append(changed, s.Of(k)...)
		}
	}
	return slices.DeleteFunc(changed, func(x Setting) bool { return x.Origin.Source == Default })
}

// Of returns the setting of a key, or the entries of a map sorted by their names.
func (s *Settings) Of(k *Key) []Setting {
	if !k.Map {
		return []Setting{s.setting(k)}
	}
	var entries []Setting
	for _, full := range slices.Sorted(maps.Keys(s.set)) {
		if s.set[full].Key == k {
			entries = append(entries, s.set[full])
		}
	}
	return entries
}

// setting returns the effective value of a key that is no map.
func (s *Settings) setting(k *Key) Setting {
	if x, ok := s.set[k.Name]; ok {
		return x
	}
	text := k.Default
	if k.derive != nil {
		text = k.derive(s)
	} else if k.follows {
		c := s.given().WithDefaults()
		text = k.textOf(&c, "")
	}
	v := Value{Text: text}
	if text != "" {
		v, _ = k.parse(text) // the tests parse all defaults
	}
	return Setting{Key: k, Name: k.Name, Value: v}
}

// value returns the effective value of the key with this canonical name. An unknown name is a bug.
func (s *Settings) value(canonical string) Value {
	n := s.table.parseName(canonical)
	if n.key == nil || n.key.Map {
		panic("config: no such key: " + canonical)
	}
	return s.setting(n.key).Value
}

// Text returns the effective text of the key with this canonical name, which must be in the table and no map.
func (s *Settings) Text(canonical string) string { return s.value(canonical).Text }

// Int is Text for a whole number.
func (s *Settings) Int(canonical string) int { return int(s.value(canonical).Int) }

// Bool is Text for a switch.
func (s *Settings) Bool(canonical string) bool { return s.value(canonical).Bool }

func (s *Settings) netflix() bool { return s.Text("heureka.compatibility") == "netflix" }

// fallback is what a placeholder may name although no source sets it: the defaults, and what Spring Cloud knows of the
// machine.
func (s *Settings) fallback(wanted string) (string, bool) {
	switch strings.ToLower(wanted) {
	case "spring.cloud.client.hostname":
		return s.host().Name, true
	case "spring.cloud.client.ip-address", "spring.cloud.client.ipaddress":
		return s.host().IP, true
	}
	n := s.table.parseName(wanted)
	if n.key == nil || n.key.Map {
		return "", false
	}
	text := s.setting(n.key).Value.Text
	return text, text != ""
}
