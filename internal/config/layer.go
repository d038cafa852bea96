package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"heureka.internal/heureka/internal/spring"
)

// An Place says where a value was read.
type Place struct {
	Source Source
	Name   string // of the file or the environment variable
	Line   int    // in the file; 0 if unknown
}

// A Source is a kind of place for settings.
type Source uint8

// The sources, from the weakest to the strongest.
const (
	Default Source = iota
	File
	Environment
	JSON // SPRING_APPLICATION_JSON
	Argument
)

// String returns the origin for messages, such as "application.yml:12" or "environment variable SERVER_PORT".
func (o Place) String() string {
	switch o.Source {
	case File:
		if o.Line > 0 {
			return fmt.Sprintf("%s:%d", o.Name, o.Line)
		}
		return o.Name
	case Environment:
		return "environment variable " + o.Name
	case JSON:
		return springJSON
	case Argument:
		return "argument"
	}
	return "default"
}

// A property is one setting as a source has it.
type property struct {
	Raw    string // name as spelled
	Text   string
	Origin Place
}

// A layer is all properties of one source or document by canonical name.
type layer map[string]property

// A layerBuilder collects properties and joins elements of lists.
type layerBuilder struct {
	layer layer
	lists map[string]map[int]property
}

func newLayerBuilder() *layerBuilder {
	return &layerBuilder{layer: layer{}, lists: map[string]map[int]property{}}
}

// add keeps p under the name n; the last of equal names wins.
func (b *layerBuilder) add(n name, p property) {
	if n.index < 0 {
		b.layer[n.canonical] = p
		delete(b.lists, n.canonical)
		return
	}
	if b.lists[n.canonical] == nil {
		b.lists[n.canonical] = map[int]property{}
	}
	b.lists[n.canonical][n.index] = p
}

// done returns the layer. A list is joined to the comma list that it stands for.
func (b *layerBuilder) done() layer {
	for canonical, list := range b.lists {
		indexes := slices.Sorted(maps.Keys(list))
		texts := make([]string, len(indexes))
		for i, index := range indexes {
			texts[i] = list[index].Text
		}
		p := list[indexes[0]]
		p.Text = strings.Join(texts, ",")
		b.layer[canonical] = p
	}
	return b.layer
}

// merge puts layers on top of each other, the strongest last.
func merge(layers ...layer) layer {
	merged := layer{}
	for _, l := range layers {
		maps.Copy(merged, l)
	}
	return merged
}

// alignSubs gives map keys from environment variables, which have lost case and punctuation, the spelling of a key that is
// known from the other layers or from the zones.
func alignSubs(env layer, others []layer) layer {
	known := knownSubs(env, others)
	out := layer{}
	for _, canonical := range slices.SortedFunc(maps.Keys(env), cmp.Compare) {
		if n := parseName(canonical); n.key != nil && n.key.Map {
			if sub, ok := known[n.key.Name+"."+spring.SquashAll(n.sub)]; ok {
				out[n.key.Name+"."+sub] = env[canonical]
				continue
			}
		}
		out[canonical] = env[canonical]
	}
	return out
}

// knownSubs returns the spellings of map keys by the name of the map and the squashed map key. The environment spells only
// regions and zones in values.
func knownSubs(env layer, others []layer) map[string]string {
	known := map[string]string{}
	learn := func(mapName, sub string) { known[mapName+"."+spring.SquashAll(sub)] = sub }
	learn(availabilityZones, "us-east-1")
	for _, l := range append([]layer{env}, others...) {
		for canonical, p := range l {
			if n := parseName(canonical); n.key != nil {
				switch n.key.Name {
				case region:
					learn(availabilityZones, p.Text)
				case availabilityZones:
					for _, zone := range spring.SplitList(p.Text) {
						learn(serviceURL, zone)
					}
				}
			}
		}
	}
	for _, l := range others {
		for canonical := range l {
			if n := parseName(canonical); n.key != nil && n.key.Map {
				learn(n.key.Name, n.sub)
			}
		}
	}
	return known
}
