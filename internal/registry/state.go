package registry

import (
	"slices"

	"heureka.internal/heureka"
)

// A state is what nodes compare about one key. It consists of two parts that are merged apart, each by keeping the later
// one: the record, or the tombstone that stands for its cancellation, and what operators say of its status. Keeping the later of two is
// commutative, associative and idempotent, so nodes that exchange states in any order end up with the same.
type state struct {
	position position
	override overrideState
	metadata []MetadataCommand // about this record, and its changes
}

// A position orders the records and tombstones of one key.
type position struct {
	dirtyMS   int64  // the client's own order of its records
	rev       uint64 // see firstRev
	tombstone bool   // ends every record of the same incarnation
	content   uint64 // hash of the record; decides between changes that two nodes made at the same time
}

// A rev holds two counters: in its upper half the incarnation of a record, of which a registration after a cancellation
// begins a new one, and in its lower half the changes that servers made since, of status and metadata. They are apart so
// that a cancellation overrides everything about that incarnation, even from nodes that have not seen the cancel.
const firstRev uint64 = 1

func incarnation(rev uint64) uint32 { return uint32(rev >> 32) }

func nextIncarnation(rev uint64) uint64 { return revOf(incarnation(rev)+1) | firstRev }

func revOf(incarnation uint32) uint64 { return uint64(incarnation) << 32 }

func (p position) less(q position) bool {
	switch {
	case p.dirtyMS != q.dirtyMS:
		return p.dirtyMS < q.dirtyMS
	case incarnation(p.rev) != incarnation(q.rev):
		return p.rev < q.rev
	case p.tombstone != q.tombstone:
		return q.tombstone
	case p.rev != q.rev:
		return p.rev < q.rev
	}
	return p.content < q.content
}

// sameRecord reports whether what is said of a record at q is said of that at p, which may have been changed by servers since.
func (p position) sameRecord(q position) bool {
	return p.dirtyMS == q.dirtyMS && incarnation(p.rev) == incarnation(q.rev)
}

func (s *state) equal(t *state) bool {
	return s.position == t.position && s.override == t.override && slices.Equal(s.metadata, t.metadata)
}

// join keeps the later of each part.
func join(a, b state) state {
	same := a.position.sameRecord(b.position)
	if a.position.less(b.position) {
		a.position = b.position
		if !same {
			a.metadata = b.metadata
		}
	}
	switch {
	case a.position.tombstone:
		a.metadata = nil
	case same:
		a.metadata = latest(a.metadata, b.metadata)
	}
	if a.override.less(b.override) {
		a.override = b.override
	}
	return a
}

// next returns the position of a record with this dirty timestamp and content that follows p by an operation of a client
// or peer. The same record again has the same position, so that an operation that reaches several nodes by several ways
// does not set them apart.
func (p position) next(dirtyMS int64, content uint64) position {
	switch {
	case dirtyMS > p.dirtyMS:
		return position{dirtyMS: dirtyMS, rev: firstRev, content: content}
	case p.tombstone:
		return position{dirtyMS: p.dirtyMS, rev: nextIncarnation(p.rev), content: content}
	case content != p.content:
		return position{dirtyMS: p.dirtyMS, rev: p.rev + 1, content: content}
	}
	return p
}

// cancelled returns the tombstone that follows s. It ends the present incarnation of the record, and the
// override.
func (s state) cancelled() state {
	return state{
		position: position{dirtyMS: s.position.dirtyMS, rev: s.position.rev, tombstone: true},
		override: s.override.ended(),
	}
}

// state returns what nodes compare about v.
func (v *terms) state() state { return state{v.position(), v.override(), v.metadata()} }

func (v *terms) position() position {
	return position{dirtyMS: v.dirtyMS, rev: v.rev, content: v.content}
}

// adopt gives v, which is bare, a state, and shows it.
func (v *version) adopt(s state) {
	v.dirtyMS, v.rev, v.content = s.position.dirtyMS, s.position.rev, s.position.content
	v.said = nil
	if s.override != (overrideState{}) || len(s.metadata) > 0 {
		v.said = &said{override: s.override, metadata: s.metadata, client: v.instance.Metadata}
	}
	v.show()
}

// digest returns the hash by which nodes notice that they differ about key.
func (s state) digest(key heureka.Key) uint64 {
	o := &s.override
	h := hashSeed.text(key.ID).text(key.App).
		word(uint64(s.position.dirtyMS)).word(s.position.rev).flag(s.position.tombstone).word(s.position.content).
		word(o.clock.Time).word(o.clock.Node).word(o.rev).flag(o.set).word(uint64(o.status)).
		word(uint64(o.about.DirtyMS)).word(o.about.Rev)
	for _, c := range s.metadata {
		h = h.text(c.Key).text(c.Value).word(c.Clock.Time).word(c.Clock.Node)
	}
	return uint64(h.word(uint64(len(s.metadata))))
}

// contentHash returns the hash of what a client or an operator has said of an instance; own is its status without the
// override. What servers note on their own account, each by its own clock, is left out.
func contentHash(in *heureka.Instance, own heureka.Status) uint64 {
	lease := withLeaseDefaults(in.Lease)
	h := hashSeed.text(in.App).text(in.ID).text(in.HostName).text(in.IPAddr).text(in.SID).
		word(uint64(own)).port(in.Port).port(in.SecurePort).word(uint64(in.CountryID)).
		word(uint64(lease.RenewalIntervalSecs)).word(uint64(lease.DurationSecs)).
		text(in.AppGroupName).text(in.HomePageURL).text(in.StatusPageURL).
		text(in.HealthCheckURL).text(in.SecureHealthCheckURL).
		text(in.VIPAddress).text(in.SecureVIPAddress).text(in.ASGName).
		word(uint64(in.LastDirtyMS)).word(uint64(in.Blank)).metadata(in.Metadata)
	if dc := in.DataCenter; dc != nil {
		h = h.text(string(dc.Name)).metadata(dc.Metadata)
	}
	return uint64(h)
}
