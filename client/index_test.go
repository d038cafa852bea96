package client

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestIndexIsAMap compares an index with a map through random edits, and old indexes with what they were.
func TestIndexIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index[int]
		model := map[string]int{}
		type version struct {
			x     index[int]
			model map[string]int
		}
		var versions []version
		for range rapid.IntRange(1, 10).Draw(t, "edits") {
			versions = append(versions, version{x, maps.Clone(model)})
			e := editOf(x)
			for i := range rapid.IntRange(0, 20).Draw(t, "steps") {
				key := fmt.Sprintf("K%d", rapid.IntRange(0, 30).Draw(t, "key"))
				if rapid.Bool().Draw(t, "put") {
					e.put(key, i)
					model[key] = i
				} else {
					e.remove(key)
					delete(model, key)
				}
				if got, ok := e.look(key); ok != (model[key] == got && hasKey(model, key)) {
					t.Fatalf("look(%s) = %d, %v in the middle of an edit", key, got, ok)
				}
			}
			x = e.done()
		}
		for _, v := range append(versions, version{x, model}) {
			got := maps.Collect(v.x.all())
			if diff := cmp.Diff(v.model, got); diff != "" || v.x.size != len(v.model) {
				t.Fatalf("index of %d (-want +got):\n%s", v.x.size, diff)
			}
		}
	})
}

func hasKey(m map[string]int, k string) bool {
	_, ok := m[k]
	return ok
}

func TestIndexIgnoresCase(t *testing.T) { // C-CA-3
	e := editOf(index[int]{})
	long := strings.Repeat("X", 200)
	e.put("ORDERS-1", 1)
	e.put("STRASSE", 2)
	e.put(long, 3)
	x := e.done()
	for key, want := range map[string]int{"orders-1": 1, "Orders-1": 1, "straße": 2, strings.ToLower(long): 3, "orders": 0} {
		if got, ok := x.get(key); got != want || ok != (want != 0) {
			t.Errorf("get(%q) = %d, %v, want %d", key, got, ok, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { x.get("orders-1") }); n != 0 {
		t.Errorf("a lookup allocates %v times", n)
	}
}
