package registry

import (
	"cmp"
	"slices"

	"heureka.internal/heureka"
)

// said is what operators have said of an instance.
type said struct {
	override overrideState
	metadata []MetadataCommand
	client   heureka.Metadata // what the client says, if operators have set something
}

// A MetadataCommand is metadata that an operator has set. Commands hold for one record of the client: a later one replaces them
// all, as it does on other servers. Until then the latest command about a key holds, whoever else sets other keys.
type MetadataCommand struct {
	Key, Value string
	Clock      Clock
}

// An overrideState is an override or its absence: the last command, or what became of it since. Later ones have a later clock,
// and of the same clock a greater rev.
type overrideState struct {
	clock  Clock
	rev    uint64 // changes without a command: what a Java peer echoes, the end of the instance
	set    bool
	status heureka.Status // the override; of a command that removed it, what was to be shown
	about  About
}

// About is the record that a command was about: it shows its status whatever that record says, and later records of the client
// speak for themselves again (S-STATUS-3, S-RULE-1). The zero About is no record.
type About struct {
	DirtyMS int64
	Rev     uint64
}

func (a About) compare(b About) int {
	return cmp.Or(cmp.Compare(a.DirtyMS, b.DirtyMS), cmp.Compare(a.Rev, b.Rev))
}

func (o overrideState) less(p overrideState) bool {
	c := cmp.Or(o.clock.compare(p.clock), cmp.Compare(o.rev, p.rev))
	switch {
	case c != 0:
		return c < 0
	case o.set != p.set:
		return p.set
	}
	return cmp.Or(cmp.Compare(o.status, p.status), o.about.compare(p.about)) < 0
}

// commanded reports whether o is what an operator said last, rather than a gap, or what an echo has put there.
func (o overrideState) commanded() bool { return o.rev == 0 && !o.clock.IsZero() }

// ended returns what follows o at the end of its instance: a gap, for an instance of the same name that comes later.
func (o overrideState) ended() overrideState {
	if !o.set && !o.commanded() {
		return o
	}
	return overrideState{clock: o.clock, rev: o.rev + 1}
}

// next returns what follows o when there is an override, by no command.
func (o overrideState) next(s heureka.Status) overrideState {
	if o.set && o.status == s {
		return o
	}
	return overrideState{clock: o.clock, rev: o.rev + 1, set: true, status: s}
}

// echoed returns what follows o when a peer that does not say when it was says that there is an override: it fills a gap.
func (o overrideState) echoed(s heureka.Status) overrideState {
	if o.set {
		return o
	}
	return o.replaced(s)
}

// replaced is echoed by a peer that knows a later record (S-SYNC-4): that replaces all that no operator is known to have said.
func (o overrideState) replaced(s heureka.Status) overrideState {
	if s == heureka.StatusUnknown || o.commanded() {
		return o
	}
	return o.next(s)
}

// rules reports whether o shows its status whatever the record at p says.
func (o overrideState) rules(p position) bool {
	return o.about.Rev != 0 && About{p.dirtyMS, p.rev}.compare(o.about) <= 0
}

func (p position) about() About { return About{p.dirtyMS, p.rev} }

// override returns the override of v, or its absence.
func (v *terms) override() overrideState {
	if v.said == nil {
		return overrideState{}
	}
	return v.said.override
}

// show derives what others see of v from what its client and the operators say. Nothing else sets it, so that no mixture of two
// commands can be stored.
func (v *version) show() {
	o := v.override()
	v.instance.Status = effective(v.own, v.position(), o)
	v.instance.OverriddenStatus = heureka.StatusUnknown
	if o.set {
		v.instance.OverriddenStatus = o.status
	}
	if s := v.said; s != nil && len(s.metadata) > 0 {
		v.instance.Metadata = s.client.With(entriesOf(s.metadata)...)
	}
}

func entriesOf(commands []MetadataCommand) []heureka.MetadataEntry {
	entries := make([]heureka.MetadataEntry, len(commands))
	for i, c := range commands {
		entries[i] = heureka.MetadataEntry{Key: c.Key, Value: c.Value}
	}
	return entries
}

// metadata returns what operators have set.
func (v *terms) metadata() []MetadataCommand {
	if v.said == nil {
		return nil
	}
	return v.said.metadata
}

// clientMetadata returns the metadata without what operators have set; v may be nil.
func (v *version) clientMetadata() heureka.Metadata {
	switch {
	case v == nil:
		return nil
	case len(v.metadata()) > 0:
		return v.said.client
	}
	return v.instance.Metadata
}

// bare returns a copy of v with the metadata of its client, as adopt wants it.
func (v *version) bare() *version {
	next := *v
	next.instance.Metadata = v.clientMetadata()
	return &next
}

// latest returns the later command about each key, in order of the keys. Both a and b are in order, with one command a key.
func latest(a, b []MetadataCommand) []MetadataCommand {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]MetadataCommand, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0].Key, b[0].Key); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, later(a[0], b[0])), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// later returns the later of two commands about one key.
func later(a, b MetadataCommand) MetadataCommand {
	if cmp.Or(a.Clock.compare(b.Clock), cmp.Compare(a.Value, b.Value)) < 0 {
		return b
	}
	return a
}

// without returns the metadata of a peer's record, in which commands may show, with what the client says in their place.
func without(md heureka.Metadata, commands []MetadataCommand, client heureka.Metadata) heureka.Metadata {
	if len(commands) == 0 {
		return md
	}
	var out heureka.Metadata
	for _, e := range md {
		if _, ours := findCommand(commands, e.Key); ours {
			var said bool
			if e.Value, said = client.Lookup(e.Key); !said {
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

func findCommand(commands []MetadataCommand, key string) (int, bool) {
	return slices.BinarySearchFunc(commands, key, func(c MetadataCommand, k string) int { return cmp.Compare(c.Key, k) })
}

// inOrder reports whether there is one command a key, in order, and each with a clock.
func inOrder(commands []MetadataCommand) bool {
	for i, c := range commands {
		if c.Clock.IsZero() || !c.Clock.Valid() || i > 0 && commands[i-1].Key >= c.Key {
			return false
		}
	}
	return true
}
