package replication

import (
	"time"

	"heureka.internal/heureka"
	"heureka.internal/heureka/internal/registry"
	"heureka.internal/heureka/internal/wire"
)

// Records is where a batch reads the records it is about.
type Records interface {
	Find(key heureka.Key) (registry.Record, bool)
}

// A Batch is what goes to the peer in one request.
type Batch struct {
	entries       []*entry // oldest first
	items         []wire.ReplicationItem
	beside        map[string]string // see wire.Beside
	most          int               // items that it can become
	probe         bool              // to be sent even if it is empty
	bare          bool              // an empty one to a peer that failed, see Queue.Next
	again         bool              // it has been posted again
	maxAge        time.Duration
	gone, expired uint64
}

// take moves entries from l into b, as long as their items are at most limit with those it has. The first one always fits.
func (b *Batch) take(q *Queue, l *fifo, limit int) {
	for e := l.head; e != nil; e = l.head {
		n := e.ops.items()
		if b.most+n > limit && len(b.entries) > 0 {
			return
		}
		b.most += n
		l.remove(e)
		delete(q.entries, e.key)
		b.entries = append(b.entries, e)
	}
}

// Fill returns the items of the batch, with the state that src has now (S-REPL-3). Operations that have become pointless,
// because the instance is gone (S-REPL-4) or they waited too long, are left out and counted.
func (b *Batch) Fill(src Records, now time.Time) []wire.ReplicationItem {
	b.items = make([]wire.ReplicationItem, 0, len(b.entries))
	b.gone, b.expired = 0, 0
	for _, e := range b.entries {
		rec, here := src.Find(e.key)
		if here {
			b.fill(e, &rec, now)
			continue
		}
		switch {
		case e.ops&opCancel == 0:
			b.gone++
		case now.Sub(e.asked) >= b.maxAge:
			b.expired++
		default:
			b.items = append(b.items, wire.ReplicationItem{App: e.key.App, ID: e.key.ID, Action: wire.Cancel})
		}
	}
	return b.items
}

func (b *Batch) fill(e *entry, rec *registry.Record, now time.Time) {
	o, status := b.current(e, rec, now), rec.Status()
	add := func(a wire.ReplicationAction, s heureka.Status) *wire.ReplicationItem {
		b.items = append(b.items, wire.ReplicationItem{
			App: e.key.App, ID: e.key.ID, Action: a,
			LastDirtyMS: rec.LastDirtyMS(), HasLastDirty: true, Status: s.String(),
		})
		return &b.items[len(b.items)-1]
	}
	overridden := rec.OverriddenStatus() != heureka.StatusUnknown
	if o&opRegister != 0 {
		in := rec.Instance()
		it := add(wire.Register, status)
		it.Instance, it.Incarnation, it.Owner, it.MetadataStamps = in, rec.Incarnation(), rec.Owner(), metadataStamps(rec, in.Metadata)
		if it.HasOwn = overridden || rec.Own() != status; it.HasOwn {
			it.Own = rec.Own()
		}
	}
	switch {
	case o&opOverride == 0:
	case overridden: // rather than the status, which may be the instance's own in spite of the override (S-RULE-4)
		add(wire.StatusUpdate, rec.OverriddenStatus()).Stamp = stampOf(rec)
	default: // also after an update to the status it had anyway, which records no override (S-STATUS-3)
		add(wire.DeleteStatusOverride, status).Stamp = stampOf(rec)
	}
	if o&opBeat != 0 {
		if it := add(wire.Heartbeat, status); overridden {
			it.OverriddenStatus = rec.OverriddenStatus().String()
		}
	}
}

// stampOf returns when the last command about a status was given.
func stampOf(rec *registry.Record) *wire.Stamp {
	s, status := rec.Stamp()
	w := &wire.Stamp{
		Time: s.Clock.Time, Node: s.Clock.Node, Rev: s.Rev, DirtyMS: s.About.DirtyMS, RecordRev: s.About.Rev, Restored: heureka.StatusUnknown,
	}
	if rec.OverriddenStatus() == heureka.StatusUnknown {
		w.Restored = status
	}
	return w
}

// metadataStamps returns when operators set which entries of a record's metadata, which is md.
func metadataStamps(rec *registry.Record, md heureka.Metadata) []wire.MetadataStamp {
	var stamps []wire.MetadataStamp
	for i, e := range md {
		if c, ok := rec.MetadataCommand(e.Key); ok {
			stamps = append(stamps, wire.MetadataStamp{Place: i, Time: c.Clock.Time, Node: c.Clock.Node})
		}
	}
	return stamps
}

// current returns what is still worth sending of e.
func (b *Batch) current(e *entry, rec *registry.Record, now time.Time) ops {
	o := e.ops
	if o&opCancel != 0 {
		// It has been registered again since, here or elsewhere. A cancel could end just that, if the peer has heard of it by
		// another way; the new record ends the old one too, except for its override.
		o = o&^(opCancel|opBeat) | opRegister | opOverride
	}
	interval := renewalInterval(rec)
	maxAge := b.maxAge
	if o&opRegister != 0 {
		maxAge = max(maxAge, interval)
	}
	if rest := o &^ opBeat; rest != 0 && now.Sub(e.asked) >= maxAge {
		b.expired++
		o &= opBeat
		if now.Sub(e.beat) < interval { // a heartbeat that went without saying beside a registration
			o = opBeat
		}
	}
	if o&opBeat != 0 && now.Sub(e.beat) >= interval {
		b.expired++
		o &^= opBeat
	}
	return o
}

// renewalInterval is how long a heartbeat is worth sending: then the next one is due (S-REPL-3).
func renewalInterval(rec *registry.Record) time.Duration {
	const unknown, most = 90, 24 * 3600
	secs := rec.RenewalIntervalSecs()
	if secs <= 0 {
		secs = unknown
	}
	return time.Duration(min(secs, most)) * time.Second
}
