package registry

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"heureka.internal/heureka"
)

// The index behaves like a map, while it grows, shrinks and grows again, with ids of their own and ids that applications share.
func TestIndexIsMap(t *testing.T) {
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, 2))
	var x index
	model := map[heureka.Key]*lease{}
	for round := range 8 {
		for range 10_000 {
			key := heureka.Key{App: fmt.Sprint("APP", rnd.IntN(3)), ID: fmt.Sprint("id", rnd.IntN(3_000))}
			if l := model[key]; l == nil && rnd.IntN(8) >= round%2*5 {
				l = new(lease)
				x.insert(l, key, key.App)
				model[key] = l
			} else if l != nil && rnd.IntN(8) < round%2*5 {
				x.remove(l)
				delete(model, key)
			}
			if got := x.find(key); got != model[key] {
				t.Fatalf("seed %d, round %d: find(%v) = %p, want %p", seed, round, key, got, model[key])
			}
		}
		checkIndex(t, &x, model)
	}
	for _, l := range model {
		x.remove(l)
	}
	for i := range x.stripes {
		if s := &x.stripes[i]; s.slots != nil || s.used != 0 || s.others != nil {
			t.Fatalf("stripe %d keeps %d slots, %d in use, and %d others, of no leases", i, len(s.slots), s.used, len(s.others))
		}
	}
}

// checkIndex looks at all leases in both ways.
func checkIndex(t *testing.T, x *index, model map[heureka.Key]*lease) {
	t.Helper()
	n := 0
	for i := range x.stripes {
		for _, l := range x.snapshot(i, nil) {
			if n++; model[l.key] != l || bucketOf(l.key.ID) != i {
				t.Fatalf("stripe %d has %v, which is not there", i, l.key)
			}
		}
		if s := &x.stripes[i]; s.used > len(s.slots)*3/4 {
			t.Fatalf("stripe %d has %d of %d slots in use: a search may not end", i, s.used, len(s.slots))
		}
	}
	if n != len(model) {
		t.Fatalf("%d leases are listed, want %d", n, len(model))
	}
	for key, l := range model {
		if x.find(key) != l {
			t.Fatalf("%v is not found", key)
		}
	}
}
