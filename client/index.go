package client

import (
	"hash/maphash"
	"iter"
	"maps"

	"heureka.internal/heureka"
)

// shardCount makes copying one shard of a large index cheap, and the array of shards still small.
const shardCount = 64

var seed = maphash.MakeSeed()

// An index is an immutable map with upper-case keys. Lookups ignore case, as heureka.AppName does, and allocate nothing; a
// change copies only the shards that it touches. The zero value is empty.
type index[V any] struct {
	shards *[shardCount]map[string]V
	size   int
}

// get looks key up in any case.
func (x *index[V]) get(key string) (V, bool) {
	var buf [96]byte // on the stack; longer names spill to the heap
	upper := heureka.AppendAppName(buf[:0], key)
	if x.shards == nil {
		var zero V
		return zero, false
	}
	v, ok := x.shards[maphash.Bytes(seed, upper)%shardCount][string(upper)]
	return v, ok
}

// all iterates in no particular order.
func (x *index[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		if x.shards == nil {
			return
		}
		for _, m := range x.shards {
			for k, v := range m {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// An indexEdit makes a new index out of an old one, which stays as it is.
type indexEdit[V any] struct {
	shards [shardCount]map[string]V
	own    [shardCount]bool
	size   int
}

// editOf begins an edit, which shares all shards with x until it changes them.
func editOf[V any](x index[V]) *indexEdit[V] {
	e := &indexEdit[V]{size: x.size}
	if x.shards != nil {
		e.shards = *x.shards
	}
	return e
}

// shard returns the shard of a key, copied if it still is the old index's.
func (e *indexEdit[V]) shard(key string) map[string]V {
	i := maphash.String(seed, key) % shardCount
	if !e.own[i] {
		e.own[i] = true
		if e.shards[i] = maps.Clone(e.shards[i]); e.shards[i] == nil {
			e.shards[i] = make(map[string]V)
		}
	}
	return e.shards[i]
}

// look returns what the edit has under an upper-case key now.
func (e *indexEdit[V]) look(key string) (V, bool) {
	v, ok := e.shards[maphash.String(seed, key)%shardCount][key]
	return v, ok
}

// put takes upper-case keys.
func (e *indexEdit[V]) put(key string, v V) {
	m := e.shard(key)
	if _, ok := m[key]; !ok {
		e.size++
	}
	m[key] = v
}

// remove takes upper-case keys, also those that are not there.
func (e *indexEdit[V]) remove(key string) {
	if m := e.shard(key); len(m) > 0 {
		if _, ok := m[key]; ok {
			e.size--
			delete(m, key)
		}
	}
}

// done returns the new index. The edit must not be used any more.
func (e *indexEdit[V]) done() index[V] { return index[V]{&e.shards, e.size} }
