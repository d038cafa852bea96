package heureka

import (
	"cmp"
	"iter"
	"slices"
)

// Metadata is an immutable set of key-value pairs, sorted by key. The zero value is empty. It is a slice rather than a
// map because a registry holds a million of them and writes them out in a fixed order.
type Metadata []MetadataEntry

// A MetadataEntry is one pair.
type MetadataEntry struct{ Key, Value string }

// NewMetadata returns the pairs of m.
func NewMetadata(m map[string]string) Metadata {
	if len(m) == 0 {
		return nil
	}
	md := make(Metadata, 0, len(m))
	for k, v := range m {
		md = append(md, MetadataEntry{k, v})
	}
	slices.SortFunc(md, compareKeys)
	return md
}

// MetadataOf takes ownership of entries in any order; the last of equal keys wins.
func MetadataOf(entries []MetadataEntry) Metadata {
	if len(entries) == 0 {
		return nil
	}
	slices.SortStableFunc(entries, compareKeys)
	out := entries[:0]
	for _, e := range entries {
		if n := len(out); n > 0 && out[n-1].Key == e.Key {
			out[n-1] = e
			continue
		}
		out = append(out, e)
	}
	return Metadata(out)
}

func compareKeys(a, b MetadataEntry) int { return cmp.Compare(a.Key, b.Key) }

// Lookup returns the value of key and whether it is there.
func (m Metadata) Lookup(key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(m, key, func(e MetadataEntry, k string) int { return cmp.Compare(e.Key, k) })
	if !ok {
		return "", false
	}
	return m[i].Value, true
}

// Get returns the value of key, or "".
func (m Metadata) Get(key string) string {
	v, _ := m.Lookup(key)
	return v
}

// With returns a copy in which the given entries are added or replaced; m is unchanged.
func (m Metadata) With(entries ...MetadataEntry) Metadata {
	return MetadataOf(slices.Concat(m, entries))
}

// All iterates over the pairs in order of their keys.
func (m Metadata) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, e := range m {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Map returns the pairs as a new map.
func (m Metadata) Map() map[string]string {
	out := make(map[string]string, len(m))
	for _, e := range m {
		out[e.Key] = e.Value
	}
	return out
}
