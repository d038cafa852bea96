package client

import (
	"math/rand/v2"
	"slices"

	"heureka.internal/heureka"
)

// A builder makes a snapshot out of the one before. Only applications and VIP addresses that change are copied.
type builder struct {
	old     *Snapshot
	rand    *rand.Rand
	apps    *indexEdit[*app]
	touched map[string]*app // applications that were copied, nil if removed
	removed []*heureka.Instance
	added   []*heureka.Instance
	counts  heureka.StatusCounts
	applied int
	names   map[string][]string // VIP addresses already taken apart: many instances have the same
}

func (s *Snapshot) edit(r *rand.Rand) *builder {
	return &builder{old: s, rand: r, apps: editOf(s.apps), touched: make(map[string]*app), counts: s.counts, names: make(map[string][]string)}
}

// fromFull returns the snapshot of a whole registry. What is the same as before keeps its place, so that neither memory
// nor watches have work with it.
func (s *Snapshot) fromFull(doc *heureka.Applications, from Source, r *rand.Rand) *Snapshot {
	b := s.edit(r)
	listed := make(map[heureka.Key]bool, s.Len())
	for _, a := range doc.Apps {
		name := heureka.AppName(a.Name)
		for _, in := range a.Instances {
			b.put(name, in)
			listed[heureka.Key{App: name, ID: in.ResolvedID()}] = true
		}
	}
	for name, a := range s.apps.all() {
		for _, in := range a.all {
			if !listed[heureka.Key{App: name, ID: in.ResolvedID()}] {
				b.remove(name, in.ResolvedID())
			}
		}
	}
	return b.done(from)
}

// fromDelta returns the snapshot after a delta, in the order of the document (C-DL-1), and how many of its entries
// changed anything. Each change comes in several deltas, so most entries are old news (C-DL-4).
func (s *Snapshot) fromDelta(doc *heureka.Applications, r *rand.Rand) (*Snapshot, int) {
	b := s.edit(r)
	for _, a := range doc.Apps {
		name := heureka.AppName(a.Name)
		for _, in := range a.Instances {
			switch in.Action {
			case heureka.ActionAdded, heureka.ActionModified:
				b.put(name, in)
			case heureka.ActionDeleted:
				b.remove(name, in.ResolvedID())
			}
		}
	}
	return b.done(FromServer), b.applied
}

// own returns the application to change, a copy of the old one or new. Its instances are put together at the end.
func (b *builder) own(name string) *app {
	if a := b.touched[name]; a != nil {
		return a
	}
	a := &app{service: service{name: name}}
	if old, ok := b.apps.look(name); ok {
		a.all = slices.Clone(old.all)
	}
	b.touched[name] = a
	return a
}

// find looks in what this edit has changed, then in what it has not.
func (b *builder) find(name, id string) (*heureka.Instance, bool) {
	if a, ok := b.touched[name]; ok {
		return a.find(id)
	}
	if a, ok := b.apps.look(name); ok {
		return a.find(id)
	}
	return nil, false
}

// put adds an instance or replaces the one with its id. What cannot be identified is skipped (W-GOCLI-8).
func (b *builder) put(name string, in *heureka.Instance) {
	id := in.ResolvedID()
	if name == "" || id == "" {
		return
	}
	if in.App != name {
		in = in.Clone()
		in.App = name
	}
	old, known := b.find(name, id)
	if known && sameRecord(old, in) {
		return
	}
	a := b.own(name)
	if i, _ := slices.BinarySearchFunc(a.all, id, compareID); known {
		b.uncount(old)
		a.all[i] = in
	} else {
		a.all = slices.Insert(a.all, i, in)
	}
	b.applied++
	b.counts.Add(in.Status, 1)
	b.added = append(b.added, in)
}

// remove takes an instance out. One that is not there is old news: deltas repeat themselves (C-DL-4).
func (b *builder) remove(name, id string) {
	old, known := b.find(name, id)
	if !known {
		return
	}
	a := b.own(name)
	i, _ := slices.BinarySearchFunc(a.all, id, compareID)
	a.all = slices.Delete(a.all, i, i+1)
	b.applied++
	b.uncount(old)
}

// uncount keeps account of an instance that is no longer in the registry, or not in this state.
func (b *builder) uncount(old *heureka.Instance) {
	b.counts.Add(old.Status, -1)
	b.removed = append(b.removed, old)
}

// done puts the new snapshot together. Applications and VIP addresses that nothing happened to are those of the old one, by
// which a Watch sees that it need not look.
func (b *builder) done(from Source) *Snapshot {
	if len(b.touched) == 0 && b.old.source == from {
		return b.old
	}
	s := &Snapshot{rules: b.old.rules, counts: b.counts, generation: b.old.generation + 1, source: from}
	for name, a := range b.touched {
		if len(a.all) == 0 {
			b.apps.remove(name)
			continue
		}
		a.all = slices.Clip(a.all)
		a.instances = b.shuffled(a.all)
		b.apps.put(name, a)
	}
	s.apps = b.apps.done()
	s.vips = b.vips(b.old.vips, func(in *heureka.Instance) string { return in.VIPAddress })
	s.svips = b.vips(b.old.svips, func(in *heureka.Instance) string { return in.SecureVIPAddress })
	return s
}

// shuffled returns the instances that lookups return, in random order (C-CA-5).
func (b *builder) shuffled(all []*heureka.Instance) []*heureka.Instance {
	var list []*heureka.Instance
	for _, in := range all {
		if b.old.rules.usable(in) {
			if list == nil {
				list = make([]*heureka.Instance, 0, len(all))
			}
			list = append(list, in)
		}
	}
	b.shuffle(list)
	return slices.Clip(list)
}

func (b *builder) shuffle(list []*heureka.Instance) {
	b.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// namesIn returns the names in a list of VIP addresses, each once.
func (b *builder) namesIn(addresses string) []string {
	names, ok := b.names[addresses]
	if !ok {
		names = slices.Compact(slices.Sorted(vipNames(addresses)))
		b.names[addresses] = names
	}
	return names
}

// vips returns the index of VIP addresses after the change.
func (b *builder) vips(old index[*service], address func(*heureka.Instance) string) index[*service] {
	edit := editOf(old)
	removed := make(map[*heureka.Instance]bool, len(b.removed))
	for _, in := range b.removed {
		removed[in] = true
	}
	lists := make(map[string][]*heureka.Instance) // names that change, with what is left and what came
	list := func(name string) []*heureka.Instance {
		l, ok := lists[name]
		if v, was := edit.look(name); was && !ok {
			l = slices.DeleteFunc(slices.Clone(v.instances), func(in *heureka.Instance) bool { return removed[in] })
		}
		return l
	}
	for _, in := range b.removed {
		for _, name := range b.namesIn(address(in)) {
			lists[name] = list(name)
		}
	}
	for _, in := range b.added {
		if removed[in] || !b.old.rules.usable(in) { // came and went in the same delta
			continue
		}
		for _, name := range b.namesIn(address(in)) {
			lists[name] = append(list(name), in)
		}
	}
	for name, l := range lists {
		if len(l) == 0 {
			edit.remove(name)
			continue
		}
		b.shuffle(l)
		edit.put(name, &service{name, slices.Clip(l)})
	}
	return edit.done()
}
