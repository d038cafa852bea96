package config

import (
	"maps"
	"slices"
	"strings"
)

// A Difference is a setting whose value is another one in other settings.
type Difference struct {
	Key      *Key
	Name     string // canonical, with the map key
	From, To string // passwords masked
}

// Live reports whether a change of the setting has its effect while a node runs.
func (k *Key) Live() bool {
	switch {
	case strings.HasPrefix(k.Name, securityUser+"."), strings.HasSuffix(k.Name, "-store-password"):
		return k.Effective()
	case strings.HasPrefix(k.Name, "heureka.auth."), strings.HasPrefix(k.Name, jwtKeys), k.Name == "heureka.audit.on-failure":
		return k.Name != "heureka.auth.users-file" && k.Name != "heureka.auth.tokens-file"
	}
	return k.SetsLevels() || k.Name == serviceURL || strings.HasPrefix(k.Name, "heureka.limits.")
}

// SetsLevels reports whether the setting is a log level.
func (k *Key) SetsLevels() bool {
	return k.Name == "heureka.log-level" || k.Name == "logging.level.root" || k.Name == loggerLevel
}

// Differences returns which settings that have an effect are others in now, sorted by their names.
func (s *Settings) Differences(now *Settings) []Difference {
	before, after := s.byName(), now.byName()
	names := maps.Clone(before)
	maps.Copy(names, after)
	var all []Difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		from, to := before[name], after[name]
		isSet := from.Origin.Source != Default || to.Origin.Source != Default // else it follows from one that is
		if isSet && from.Value.Text != to.Value.Text {
			all = append(all, Difference{Key: names[name].Key, Name: name, From: names[name].Key.masked(from.Value), To: names[name].Key.masked(to.Value)})
		}
	}
	return all
}

func (s *Settings) byName() map[string]Setting {
	m := map[string]Setting{}
	for _, x := range s.All() {
		if x.Key.Effective() {
			m[x.Name] = x
		}
	}
	return m
}
