package respcache

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
)

// rec returns a record that weighs about as much as is asked for.
func rec(app, id string, weight int) registry.Record {
	return registry.NewRecord(&heureka.Instance{App: app, ID: id, HomePageURL: long[:weight]})
}

var long = strings.Repeat("x", 20_000)

// with returns a tree with such a record.
func with(tr *tree, app, id string, weight int) *tree {
	return tr.edit([]edit{{key: heureka.Key{App: app, ID: id}, record: rec(app, id, weight)}})
}

// The tree behaves like a sorted map, whatever the order of changes, and every earlier tree stays as it was.
func TestTreeIsSortedMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &treeModel{tree: &tree{limit: 16 << 10}, records: map[heureka.Key]registry.Record{}}
		t.Repeat(map[string]func(*rapid.T){
			"put":      m.put,
			"remove":   m.remove,
			"many":     m.many,
			"fewer":    m.fewer,
			"together": m.together,
			"filter":   m.filter,
			"":         m.check,
		})
	})
}

type treeModel struct {
	tree    *tree
	records map[heureka.Key]registry.Record
	before  *tree // an earlier one, and what it held
	held    []registry.Record
}

func key(t *rapid.T) heureka.Key {
	return heureka.Key{
		App: fmt.Sprintf("APP%d", rapid.IntRange(0, 9).Draw(t, "app")),
		ID:  fmt.Sprintf("id%03d", rapid.IntRange(0, 300).Draw(t, "id")),
	}
}

func (m *treeModel) set(t *rapid.T, k heureka.Key, weight int) {
	r := rec(k.App, k.ID, weight)
	m.edit(t, []edit{{key: k, record: r}})
}

func (m *treeModel) unset(t *rapid.T, k heureka.Key) {
	m.edit(t, []edit{{key: k, gone: true}})
}

// edit makes edits, and checks what they say that they replace.
func (m *treeModel) edit(t *rapid.T, edits []edit) {
	next, same := m.tree.edit(edits), true
	for _, e := range edits {
		if e.old != m.records[e.key] {
			t.Fatalf("edit of %v replaced %v, want %v", e.key, e.old, m.records[e.key])
		}
		if same = same && e.gone && e.old.IsZero(); e.gone {
			delete(m.records, e.key)
		} else {
			m.records[e.key] = e.record
		}
	}
	if same && next != m.tree {
		t.Fatalf("%v made a new tree of the same contents", edits)
	}
	m.tree = next
}

// together makes many edits at once.
func (m *treeModel) together(t *rapid.T) {
	var updates []update
	for range rapid.IntRange(2, 400).Draw(t, "updates") {
		k := key(t)
		updates = append(updates, update{
			record: rec(k.App, k.ID, rapid.SampledFrom([]int{0, 100, 5000, 20_000}).Draw(t, "weight")),
			gone:   rapid.IntRange(0, 2).Draw(t, "gone") == 0,
		})
	}
	m.edit(t, editsOf(updates))
}

func (m *treeModel) put(t *rapid.T) {
	m.set(t, key(t), rapid.SampledFrom([]int{0, 100, 5000, 20_000}).Draw(t, "weight"))
}
func (m *treeModel) remove(t *rapid.T) { m.unset(t, key(t)) }

// many adds enough records for leaves and groups to split.
func (m *treeModel) many(t *rapid.T) {
	from, step := key(t), rapid.IntRange(1, 7).Draw(t, "step")
	for i := range 200 {
		m.set(t, heureka.Key{App: from.App, ID: fmt.Sprintf("%s-%d", from.ID, i*step%200)}, 3000)
	}
}

// fewer removes most of what is there, so that leaves and groups are joined.
func (m *treeModel) fewer(t *rapid.T) {
	keep := rapid.IntRange(0, 5).Draw(t, "keep")
	for i, k := range m.keys() {
		if keep == 0 || i%(10*keep) != 0 {
			m.unset(t, k)
		}
	}
}

func (m *treeModel) filter(t *rapid.T) {
	app := key(t).App
	keep := func(r registry.Record) bool { return r.Instance().App != app }
	m.tree = m.tree.filter(keep)
	maps.DeleteFunc(m.records, func(_ heureka.Key, r registry.Record) bool { return !keep(r) })
}

func (m *treeModel) keys() []heureka.Key {
	return slices.SortedFunc(maps.Keys(m.records), func(a, b heureka.Key) int {
		return strings.Compare(a.App+"\x00"+a.ID, b.App+"\x00"+b.ID)
	})
}

func (m *treeModel) check(t *rapid.T) {
	var want []registry.Record
	for _, k := range m.keys() {
		want = append(want, m.records[k])
	}
	if got := slices.Collect(m.tree.all()); !slices.Equal(got, want) {
		t.Fatalf("tree holds %d records in some order, want %d sorted", len(got), len(want))
	}
	if m.before != nil && !slices.Equal(slices.Collect(m.before.all()), m.held) {
		t.Fatal("a change reached an earlier tree")
	}
	m.before, m.held = m.tree, want
	checkNodes(t, m.tree)
	m.checkApps(t, want)
	for _, k := range []heureka.Key{{App: "APP", ID: "before"}, key(t), {App: "ZZ", ID: "behind"}} {
		if got, ok := m.tree.get(k); got != m.records[k] || ok == got.IsZero() {
			t.Fatalf("get(%v) = %v, %v; want %v", k, got, ok, m.records[k])
		}
	}
}

// checkNodes checks what the tree promises of its nodes: none is empty or too large, and weights are right.
func checkNodes(t *rapid.T, tr *tree) {
	for _, g := range tr.groups {
		if n := len(g.leaves); n == 0 || n > maxLeaves {
			t.Fatalf("a group of %d leaves", n)
		}
		for _, l := range g.leaves {
			w, heaviest := 0, 0
			for _, r := range l.records {
				w, heaviest = w+r.Weight(), max(heaviest, r.Weight())
			}
			if w == 0 || w != l.weight || w-heaviest > tr.limit {
				t.Fatalf("a leaf of %d records that weigh %d, the heaviest %d, says it weighs %d", len(l.records), w, heaviest, l.weight)
			}
		}
	}
}

func (m *treeModel) checkApps(t *rapid.T, all []registry.Record) {
	for _, name := range []string{"", "APP0", "APP3", "APP9", "APPX"} {
		var got []registry.Record
		for records := range m.tree.app(name) {
			got = append(got, records...)
		}
		want := slices.DeleteFunc(slices.Clone(all), func(r registry.Record) bool { return r.Instance().App != name })
		if !slices.Equal(got, want) {
			t.Fatalf("app(%q) has %d records, want %d", name, len(got), len(want))
		}
	}
}

// Leaves grow and shrink with their contents: however records come and go, they stay about half full.
func TestTreeStaysPacked(t *testing.T) {
	tr := &tree{limit: 16 << 10}
	count := func() (leaves, records int) {
		for _, g := range tr.groups {
			for _, l := range g.leaves {
				leaves, records = leaves+1, records+len(l.records)
			}
		}
		return leaves, records
	}
	for i := range 20_000 {
		tr = with(tr, "APP", fmt.Sprint(i*7919%20_000), 300)
	}
	full, _ := count()
	if full > 20_000/6 {
		t.Errorf("20000 records of 1 kB take %d leaves of 16 kB", full)
	}
	for i := range 20_000 {
		if i%20 != 0 {
			tr = tr.edit([]edit{{key: heureka.Key{App: "APP", ID: fmt.Sprint(i)}, gone: true}})
		}
	}
	if sparse, n := count(); n != 1000 || sparse > 1000/2 || len(tr.groups) > sparse/4 {
		t.Errorf("%d records are left in %d leaves and %d groups", n, sparse, len(tr.groups))
	}
}

// A filter leaves nodes of which nothing goes as they are, since their encodings are in them.
func TestFilterKeepsUntouchedNodes(t *testing.T) {
	tr := &tree{limit: 4 << 10}
	for i := range 2000 {
		tr = with(tr, "APP", fmt.Sprintf("%04d", i), 300)
	}
	kept := tr.filter(func(r registry.Record) bool { return r.Instance().ID != "0000" })
	if len(tr.groups) < 3 || len(kept.groups) != len(tr.groups) {
		t.Fatalf("%d groups, %d of them kept", len(tr.groups), len(kept.groups))
	}
	if !slices.Equal(kept.groups[1:], tr.groups[1:]) || !slices.Equal(kept.groups[0].leaves[1:], tr.groups[0].leaves[1:]) {
		t.Error("untouched nodes were replaced")
	}
	if kept.groups[0].leaves[0] == tr.groups[0].leaves[0] {
		t.Error("the first leaf still has the record")
	}
}
