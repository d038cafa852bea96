package config

import (
	"strings"
	"time"

	"heureka.internal/heureka/internal/spring"
	"heureka.internal/heureka/server"
)

// A Kind says how the text of a setting is read.
type Kind uint8

// The kinds of settings.
const (
	Text     Kind = iota
	Bool          // true, on, yes, 1 and their opposites
	Int           // whole number between Min and Max
	Float         // ratio above 0, at most 1
	Duration      // whole number of Unit
	Span          // duration such as 90s, 15m or PT15M; a plain number counts Unit
	Size          // bytes, or a number with KB, MB, KiB, MiB and so on, all of them powers of 1024
	List          // comma list or YAML list
	URL           // absolute http or https URL
	URLs          // list of URLs
	Enum          // one of Words
)

// A Key describes one setting. Keys are shared and must not be changed.
type Key struct {
	Name    string   // canonical name in kebab case, such as "eureka.server.my-url"
	Aliases []string // other names with the same meaning; Name wins
	Kind    Kind
	Map     bool          // the key stands for Name.<anything>; what follows keeps its case
	Unit    time.Duration // of Duration and Span
	Min     int64         // smallest number allowed
	Max     int64         // largest number allowed; 0: no limit
	Words   []string      // of Enum; of Span the word that stands for zero
	Default string        // as text; "" is none; of keys with a field it is the server's
	Doc     string        // one line
	Inert   string        // why a known key does nothing here; "" when it has an effect
	Secret  bool          // never shown unless asked for

	field   func(*server.Config) any // what of the server's configuration the setting is, as a pointer; nil: nothing
	follows bool                     // the default of that field depends on other fields
	derive  func(*Settings) string   // default that depends on other settings
}

// Effective reports whether the key has an effect.
func (k *Key) Effective() bool { return k.Inert == "" }

// Usage returns the name as it is to be written, with <key> where a map key goes.
func (k *Key) Usage() string {
	if k.Map {
		return k.Name + ".<key>"
	}
	return k.Name
}

// EnvName returns the environment variable for the key, with <KEY> where a map key goes.
func (k *Key) EnvName() string {
	name := strings.ToUpper(strings.NewReplacer("-", "", ".", "_").Replace(k.Name))
	if k.Map {
		name += "_<KEY>"
	}
	return name
}

// UnitName returns the unit of plain numbers, such as "ms", or "".
func (k *Key) UnitName() string {
	switch {
	case k.Kind == Size:
		return "bytes"
	case k.Kind != Duration:
		return ""
	case k.Unit == time.Second:
		return "s"
	}
	return "ms"
}

// Keys returns the table of all known keys, in the order in which they are shown.
func Keys() []*Key { return table.keys }

// FindKey returns the key with this name in any spelling, and whether there is one. The name of a map does without a map
// key.
func FindKey(name string) (*Key, bool) {
	if k := parseName(name).key; k != nil {
		return k, true
	}
	k := parseName(name + ".x").key
	return k, k != nil
}

// table is the index of all keys. It is built once from the lists in the table_*.go files and never changes.
var table = newIndex(
	springKeys,
	tlsKeys(),
	authKeys,
	heurekaKeys,
	under("heureka.limits.", limitKeys()),
	under("eureka.server.", serverKeys),
	under("eureka.server.", inertServerKeys),
	under("eureka.", eurekaKeys),
	under("eureka.instance.", instanceKeys),
	under("eureka.client.", clientKeys),
	under("eureka.client.", inertClientKeys),
)

type index struct {
	keys   []*Key
	dotted map[string]spelling // squashed element by element: "eureka.server.myurl"
	flat   map[string]spelling // squashed as a whole, for environment variables: "eurekaservermyurl"
}

// A spelling is the name or an alias of a key.
type spelling struct {
	key  *Key
	name string
}

func newIndex(groups ...[]Key) *index {
	x := &index{dotted: map[string]spelling{}, flat: map[string]spelling{}}
	for _, g := range groups {
		for i := range g {
			x.add(&g[i])
		}
	}
	return x
}

func (x *index) add(k *Key) {
	x.keys = append(x.keys, k)
	if k.field != nil && !k.Map {
		c := server.DefaultConfig().WithDefaults()
		k.Default = k.textOf(&c, "")
	}
	for _, name := range k.names() {
		x.dotted[spring.Squash(name)] = spelling{k, name}
		x.flat[spring.SquashAll(name)] = spelling{k, name}
	}
}

// names returns the name and then the aliases.
func (k *Key) names() []string { return append([]string{k.Name}, k.Aliases...) }

// under puts prefix before the names of keys. Aliases are whole already.
func under(prefix string, keys []Key) []Key {
	for i := range keys {
		keys[i].Name = prefix + keys[i].Name
	}
	return keys
}
